import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startUpstream } from '../support/fixtures.ts';
import { get, headerValues } from '../support/raw-client.ts';
import { assertRefused, assertStarts, shipped } from '../support/shipped.ts';
import { startTestWeir } from '../support/weir.ts';

const DEFAULTS = {
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
  'referrer-policy': 'strict-origin-when-cross-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};
const OFF = [
  'content-security-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'cross-origin-embedder-policy',
];

describe('security-headers', () => {
  const setup = async (t: Parameters<typeof startUpstream>[0], config?: unknown, status = 200) => {
    const upstream = await startUpstream(t, (_req, res) => {
      res.writeHead(status, [
        'Server',
        'x',
        'server',
        'y',
        'X-Powered-By',
        'z',
        'X-Frame-Options',
        'ALLOWALL',
        'X-FRAME-OPTIONS',
        'twice',
      ]);
      res.end();
    });
    const { port } = await startTestWeir(t, {
      upstreams: [upstream.port],
      filters: { f: shipped('security-headers', config) },
    });
    return () => get(port, '/');
  };

  it('without a configuration: the defaults, each once, in place of what the upstream sent', async t => {
    for (const config of [undefined, {}]) {
      const response = await (await setup(t, config))();
      for (const [name, value] of Object.entries(DEFAULTS))
        assert.deepEqual(headerValues(response, name), [value]);
      for (const name of OFF) assert.deepEqual(headerValues(response, name), []);
      assert.deepEqual(headerValues(response, 'server'), ['x', 'y']);
    }
  });

  it('configured: another value, left out, added, removed', async t => {
    const csp = "default-src 'self'; img-src *";
    const config = {
      'content-security-policy': csp,
      'x-frame-options': 'DENY',
      'permissions-policy': null,
      'referrer-policy': false,
      remove: ['Server', 'x-powered-by', 'x-none'],
    };
    const response = await (await setup(t, config))();
    assert.deepEqual(headerValues(response, 'content-security-policy'), [csp]);
    assert.deepEqual(headerValues(response, 'x-frame-options'), ['DENY']);
    for (const name of ['permissions-policy', 'referrer-policy', 'server', 'x-powered-by']) {
      assert.deepEqual(headerValues(response, name), [], name);
    }
  });

  it('overwrite: false keeps what the upstream sent', async t => {
    const response = await (await setup(t, { overwrite: false }))();
    assert.deepEqual(headerValues(response, 'x-frame-options'), ['ALLOWALL', 'twice']);
    assert.deepEqual(headerValues(response, 'x-content-type-options'), ['nosniff']);
  });

  it('on every response: errors, redirects, 304, and our own for an upstream that is not there', async t => {
    for (const status of [204, 301, 304, 404, 500]) {
      const response = await (await setup(t, undefined, status))();
      assert.equal(response.status, status);
      assert.deepEqual(headerValues(response, 'x-content-type-options'), ['nosniff'], String(status));
    }
    const { port } = await startTestWeir(t, { upstreams: [1], filters: { f: shipped('security-headers') } });
    const response = await get(port, '/');
    assert.equal(response.status, 502);
    assert.deepEqual(headerValues(response, 'x-content-type-options'), ['nosniff']);
  });

  it('a wrong configuration is refused at start, with its reason', async () => {
    await assertRefused('security-headers', [
      ['x', /security-headers: wrong configuration: not JSON/],
      [[], /a JSON object is needed/],
      [{ 'x-frame-option': 'DENY' }, /x-frame-option: unknown key/],
      [{ 'x-frame-options': 1 }, /x-frame-options: a string is needed/],
      [{ 'x-frame-options': true }, /x-frame-options: a string is needed/],
      [{ 'x-frame-options': 'DENY\r\nx: y' }, /x-frame-options: control characters/],
      [{ remove: 'server' }, /remove: an array of header names/],
      [{ remove: [1] }, /remove: an array of header names/],
      [{ remove: ['x y'] }, /remove: not a header name/],
      [{ overwrite: 'no' }, /overwrite: true or false/],
    ]);
    await assertStarts('security-headers', [undefined, { remove: [] }]);
  });
});
