import { describe, it } from 'node:test';
import { assertRefused, assertStarts } from '../support/shipped.ts';

describe('rate-limit', () => {
  it('refuses a wrong configuration at start, with the reason', async () => {
    const requests = 10;
    await assertRefused('rate-limit', [
      [undefined, /there is none; a JSON object is needed/],
      ['{', /not JSON/],
      [{}, /requests: how many may pass is needed/],
      [{ requests: 0 }, /requests: 0 is not from 1 to 1000000000/],
      [{ requests: 1.5 }, /requests: a whole number, not negative is needed, not a number/],
      [{ requests, request: 1 }, /request: unknown key; known are requests, per, burst/],
      [{ requests, burst: 0 }, /burst: 0 is not from 1/],
      ...['1', 's', '1 s', '-1s', '1e3s', '0s', '25h', '.5s', '1.s', '1us', '9999999999h'].map(
        per => [{ requests, per }, /per: ".*" is not a duration \(1ms to 24h/] as const,
      ),
      [{ requests, per: 1 }, /per: a string is needed, not a number/],
      [{ requests, key: 'source.port' }, /key: "source\.port" is none of source\.address, route/],
      [{ requests, key: 1 }, /key: a string or an object is needed/],
      [{ requests, key: [{ header: 'a b' }] }, /key\.0\.header: "a b" is not a header name/],
      [{ requests, key: {} }, /key: exactly one of header and property is needed/],
      [{ requests, key: { header: 'a', property: 'b' } }, /key: exactly one of header and property/],
      [{ requests, key: { head: 'a' } }, /key\.head: unknown key; known are header, property/],
      [{ requests, status: 200 }, /status: 200 is not from 400 to 599/],
      [{ requests, headers: 'some' }, /headers: "some" is none of limited, always, never/],
      [{ requests, onError: 'close' }, /onError: "close" is none of allow, deny/],
      [{ requests, maxKeys: 1 }, /maxKeys: 1 is not from 16 to 1048576/],
      [{ requests, name: 'x'.repeat(129) }, /name: more than 128 bytes/],
    ]);
  });

  it('starts with everything that its README says', async () => {
    const requests = 10;
    await assertStarts('rate-limit', [
      { requests },
      {
        requests,
        per: '1.5h',
        burst: 1,
        key: [],
        status: 503,
        headers: 'always',
        onError: 'deny',
        name: 'x',
      },
      { requests, per: '1ms', key: ['route', 'source.address', { header: 'X-Api-Key' }], maxKeys: 16 },
      { requests, per: '24h', key: { property: 'request.host' }, headers: 'never' },
    ]);
  });
});
