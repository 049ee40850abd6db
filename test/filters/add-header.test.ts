import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startUpstream } from '../support/fixtures.ts';
import { get, headerValues } from '../support/raw-client.ts';
import { assertRefused, assertStarts, shipped } from '../support/shipped.ts';
import { startTestWeir } from '../support/weir.ts';

describe('add-header', () => {
  const setup = async (t: Parameters<typeof startUpstream>[0], config: unknown) => {
    const upstream = await startUpstream(t, (_req, res) => {
      res.writeHead(200, [
        'Server',
        'secret/1.0',
        'X-Served-By',
        'upstream',
        'X-Bytes',
        '\xff\xfe',
        'content-length',
        '2',
      ]);
      // As bytes: Node sends a text together with the head, which makes UTF-8 of both.
      res.end(Buffer.from('ok'));
    });
    const weir = await startTestWeir(t, {
      upstreams: [upstream.port],
      filters: { f: shipped('add-header', config) },
    });
    return { port: weir.port, seen: () => upstream.requests[0]!, log: weir.log };
  };

  it('removes, sets and adds, both ways, as documented', async t => {
    const { port, seen } = await setup(t, {
      request: { remove: ['x-debug'], set: { 'x-env': 'production' }, add: { 'x-tag': ['a', 'b'] } },
      response: { set: { 'x-served-by': 'weir' }, remove: ['server'] },
    });
    const response = await get(
      port,
      '/',
      'X-Debug: 1',
      'x-DEBUG: 2',
      'X-Env: mine',
      'x-env: too',
      'X-Tag: own',
      'X-Other: \xff\x80',
    );
    assert.equal(seen().headers.has('x-debug'), false);
    assert.equal(seen().headers.get('x-env'), 'production');
    assert.deepEqual(seen().headers.get('x-tag')?.split(/\||, /), ['own', 'a', 'b']);
    assert.equal(seen().headers.get('x-other'), '\xff\x80');
    assert.deepEqual(headerValues(response, 'x-served-by'), ['weir']);
    assert.deepEqual(headerValues(response, 'server'), []);
    assert.deepEqual(headerValues(response, 'x-bytes'), ['\xff\xfe']);
    assert.equal(response.body.toString(), 'ok');
  });

  it('remove goes first: a header can be removed and set anew', async t => {
    const { port, seen } = await setup(t, { request: { remove: ['x-a'], add: { 'X-A': 'ours' } } });
    await get(port, '/', 'X-A: forged');
    assert.equal(seen().headers.get('x-a'), 'ours');
  });

  it('the short form sets one header both ways; value is `weir` when left out', async t => {
    const { port, seen } = await setup(t, { header: 'x-hello' });
    const response = await get(port, '/', 'X-Hello: forged');
    assert.equal(seen().headers.get('x-hello'), 'weir');
    assert.deepEqual(headerValues(response, 'x-hello'), ['weir']);
  });

  it('values are UTF-8 on the wire, and long ones stay whole', async t => {
    const long = 'x'.repeat(50_000);
    const { port, seen } = await setup(t, { request: { set: { 'x-text': 'Grüße ✓', 'x-long': long } } });
    await get(port, '/');
    assert.equal(Buffer.from(seen().headers.get('x-text')!, 'latin1').toString(), 'Grüße ✓');
    assert.equal(seen().headers.get('x-long'), long);
  });

  it('framing and pseudo headers it is told to write do no harm', async t => {
    const set = { 'content-length': '7', 'transfer-encoding': 'chunked', connection: 'x-keep' };
    const { port, seen } = await setup(t, { request: { set, remove: ['host'] }, response: { set } });
    const response = await get(port, '/', 'X-Keep: 1');
    assert.equal(response.body.toString(), 'ok');
    assert.equal(seen().headers.get('x-keep'), '1');
    assert.equal(seen().headers.get('host'), 'test');
    assert.equal(seen().headers.has('transfer-encoding'), false);
  });

  it('a wrong configuration is refused at start, with its reason', async () => {
    await assertRefused('add-header', [
      [undefined, /add-header: wrong configuration/],
      ['', /add-header: wrong configuration/],
      ['not json', /JSON/],
      [[], /object/],
      [{}, /nothing to do/],
      [{ request: {} }, /nothing to do/],
      [{ requests: { set: { a: 'b' } } }, /requests: unknown key/],
      [{ request: { sets: {} } }, /request\.sets: unknown key/],
      [{ request: { set: { 'a b': 'c' } } }, /a b/],
      [{ request: { set: { ':path': '/x' } } }, /:path/],
      [{ request: { set: { '': 'c' } } }, /request\.set/],
      [{ request: { set: { a: 'b\r\nc: d' } } }, /request\.set\.a/],
      [{ request: { set: { a: 'b\0' } } }, /request\.set\.a/],
      [{ request: { set: { a: ['b', 'c'] } } }, /request\.set\.a/],
      [{ request: { set: { a: {} } } }, /request\.set\.a/],
      [{ response: { remove: 'server\n' } }, /response\.remove/],
      [{ header: 'x y' }, /header/],
      [{ value: 'x' }, /header: a header name is needed/],
      [{ header: 'x', request: { set: { a: 'b' } } }, /request: unknown key/],
    ]);
    await assertStarts('add-header', [
      { header: 'x' },
      { request: { remove: ['x'] } },
      { response: { add: { a: ['1', '2'] } } },
    ]);
  });
});
