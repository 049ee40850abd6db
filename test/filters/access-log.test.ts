import { describe, it } from 'node:test';
import { assertRefused, assertStarts } from '../support/shipped.ts';

describe('access-log', () => {
  it('has two parts', async () => {
    const known = /rootId: it has to be log, in the filters of routes, or ship, in services/;
    for (const rootId of ['', 'logs']) await assertRefused('access-log', [[{}, known]], { rootId });
  });

  it('log: refuses a wrong configuration at start, with the reason', async () => {
    await assertRefused(
      'access-log',
      [
        ['{', /not JSON: /],
        ['[]', /a JSON object is needed/],
        [{ queues: 'a' }, /queues: unknown key; known are query, queue, request, response/],
        [{ queue: 1 }, /queue: a string is needed/],
        [{ queue: '' }, /queue: it is empty/],
        [{ query: 'no' }, /query: true or false is needed/],
        [{ request: 'referer' }, /request: a list of header names is needed/],
        [{ response: ['a b'] }, /response: a list of header names is needed/],
        [{ request: Array.from({ length: 17 }, (_, i) => `x-${i}`) }, /request: more than 16 names/],
      ],
      { rootId: 'log' },
    );
    const everything = { query: false, request: ['Referer'], response: ['content-type'], queue: 'lines' };
    await assertStarts('access-log', [undefined, {}, everything], { rootId: 'log' });
  });

  it('ship: refuses a wrong configuration at start, with the reason', async () => {
    const upstream = 'collector';
    await assertRefused(
      'access-log',
      [
        [undefined, /upstream: the name of the upstream that takes the lines is needed/],
        [{ upstream, uri: '/' }, /uri: unknown key; known are authority, headers, interval/],
        [{ upstream, path: 'x' }, /path: it has to begin with a slash/],
        [{ upstream, path: '/a b' }, /path: printable ASCII without spaces is needed/],
        [{ upstream, authority: 'a\nb' }, /authority: a host name is needed/],
        [{ upstream, headers: { 'a b': 'c' } }, /headers\.a b: it is no header name/],
        [{ upstream, headers: { a: 'b\r\nc: d' } }, /headers\.a: a string without control characters/],
        [{ upstream, headers: { a: 1 } }, /headers\.a: a string without control characters/],
        ...['1', '1h', 's', '9ms', '61m', '1.5s', '99999999999999999999s', ' 1s'].map(
          interval => [{ upstream, interval }, /interval: a duration from 10ms to 60m is needed/] as const,
        ),
        [{ upstream, timeout: 5 }, /timeout: a duration from 10ms to 60m is needed/],
        [{ upstream, maxLines: 0 }, /maxLines: a whole number from 1 to 10000 is needed/],
        [{ upstream, maxLines: 1.5 }, /maxLines: a whole number from 1 to 10000 is needed/],
        [{ upstream, maxLines: -1 }, /maxLines: a whole number/],
        [{ upstream, maxLines: '1' }, /maxLines: a whole number/],
        [{ upstream, maxBytes: 1024 }, /maxBytes: a whole number from 65536 to 1048576 is needed/],
        [{ upstream, retries: 1001 }, /retries: a whole number from 0 to 1000 is needed/],
      ],
      { rootId: 'ship' },
    );
  });
});
