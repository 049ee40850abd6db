import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openClient, startRawUpstream, startUpstream } from '../support/fixtures.ts';
import { finished, MAP, type Op, probe, STATUS, statuses } from '../support/probe.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { get, headerValues, request } from '../support/raw-client.ts';
import { startTestWeir } from '../support/weir.ts';

const { ok, badArgument } = STATUS;
const SPLIT = 'x\r\nX-Smuggled: 1\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const EMPTY = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

/** Every way to write one field. */
const write = (map: number, name: string, value: string): Op[] => [
  ['add', map, name, value],
  ['replace', map, name, value],
  ['setPairs', map, [[name, value]]],
];

const ILLEGAL: readonly (readonly [string, string])[] = [
  ...['x\r\ny', 'x\ny', 'x\ry', 'x\0y', '\x01', '\x7f', 'x\r\n y', SPLIT].map(
    v => ['x-smuggled', v] as const,
  ),
  ...['', ' ', 'x y', 'x:', 'x\r\n', 'x\0', 'é', '"', '(', '@', '\x7f', 'x\r\ny: 1\r\n'].map(
    n => [n, 'smuggled'] as const,
  ),
];

for (const transport of TRANSPORTS) {
  describe(`17. over ${transport}: names and values from a guest are checked`, () => {
    it('no CR, LF, NUL or other illegal byte: BAD_ARGUMENT, nothing changed, nothing on the wire', async t => {
      const upstream = await startRawUpstream(t, socket => socket.write(EMPTY));
      const ops = (map: number) => ILLEGAL.flatMap(([name, value]) => write(map, name, value));
      const a = probe({ requestHeaders: ops(MAP.request), responseHeaders: ops(MAP.response) });
      const { port, log } = await startTestWeir(t, { transport, upstreams: [upstream.port], filters: { a } });
      const client = await openClient(t, port);
      client.send('GET /real HTTP/1.1\r\nHost: a\r\nX-Kept: 1\r\n\r\n');
      const response = await client.response();
      await finished(log, 1);
      for (const on of ['requestHeaders', 'responseHeaders'] as const) {
        assert.equal(statuses(log, on).length, ILLEGAL.length * 3);
        assert.deepEqual([...new Set(statuses(log, on))], [badArgument], on);
      }
      const sent = upstream.received.join('');
      assert.ok(!/smuggled/i.test(sent), sent);
      assert.match(sent, /x-kept: 1/i);
      assert.equal(sent.split('HTTP/1.1').length, 2);
      assert.ok(!JSON.stringify(response.headers).toLowerCase().includes('smuggled'));
      assert.equal(client.received.length, 0);
    });

    it('a local response with illegal fields is refused, and the request goes on', async t => {
      const upstream = await startRawUpstream(t, socket => socket.write(EMPTY));
      const requestHeaders = ILLEGAL.map(([n, v]): Op => ['local', 200, 'body', [[n, v]]]);
      const pseudo = [':status', ':path', ':x'].map((n): Op => ['local', 200, 'body', [[n, '500']]]);
      const a = probe({
        requestHeaders: [
          ...requestHeaders,
          ...pseudo,
          ['local', 100, ''],
          ['local', 1000, ''],
          ['local', 0, ''],
        ],
      });
      const { port, log } = await startTestWeir(t, { transport, upstreams: [upstream.port], filters: { a } });
      assert.equal((await get(port, '/')).body.length, 0);
      assert.deepEqual([...new Set(statuses(log, 'requestHeaders'))], [badArgument]);
    });

    it('illegal trailers never leave', async t => {
      const upstream = await startRawUpstream(t, (socket, text) => {
        if (text.endsWith('0\r\n\r\n') || /0\r\nx-t: 1/i.test(text)) {
          socket.write(
            'HTTP/1.1 200 OK\r\nTrailer: x-t\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx-t: 1\r\n\r\n',
          );
        }
      });
      const ops = (map: number) => ILLEGAL.flatMap(([n, v]) => write(map, n, v));
      const framing = ['transfer-encoding', 'content-length', 'host', 'connection', 'trailer'];
      const legal = (map: number) => framing.map((n): Op => ['add', map, n, 'smuggled']);
      const a = probe({
        requestTrailers: [
          ...ops(1),
          ...legal(1),
          [':status', ':path'].map((n): Op => ['add', 1, n, 'x'])[0]!,
        ],
        responseTrailers: [...ops(3), ...legal(3)],
      });
      const { port, log } = await startTestWeir(t, { transport, upstreams: [upstream.port], filters: { a } });
      const response = await request(
        port,
        'POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx-t: 1\r\n\r\n',
      );
      assert.deepEqual(
        response.trailers.map(([n, v]) => `${n.toLowerCase()}: ${v}`),
        ['x-t: 1'],
      );
      assert.ok(!/smuggled/i.test(upstream.received[0]!), upstream.received[0]);
      const expected = [...ILLEGAL.flatMap(() => [2, 2, 2]), ...framing.map(() => ok)];
      assert.deepEqual(statuses(log, 'requestTrailers').slice(0, -1), expected);
      assert.equal(statuses(log, 'requestTrailers').at(-1), badArgument);
      assert.deepEqual(statuses(log, 'responseTrailers'), expected);
    });
  });

  describe(`17. over ${transport}: framing headers are ours`, () => {
    const FRAMING: readonly (readonly [string, string])[] = [
      ['transfer-encoding', 'chunked'],
      ['transfer-encoding', 'gzip, chunked'],
      ['content-length', '5'],
      ['content-length', '0'],
      ['content-length', '-1'],
      ['content-length', '5, 6'],
      ['connection', 'close, x-kept'],
      ['connection', 'upgrade'],
      ['keep-alive', 'timeout=1'],
      ['proxy-connection', 'keep-alive'],
      ['upgrade', 'h2c'],
      ['te', 'gzip'],
      ['expect', '100-continue'],
    ];
    for (const [name, value] of FRAMING) {
      it(`${name}: ${value} in both directions`, async t => {
        const upstream = await startRawUpstream(t, (socket, text) => {
          if (text.endsWith('hello'))
            socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kept: 1\r\n\r\nworld');
        });
        const ops = (map: number): Op[] => [
          ['add', map, name, value],
          ['replace', map, name, value],
          ['add', map, name, value],
        ];
        const a = probe(
          { requestHeaders: ops(MAP.request), responseHeaders: ops(MAP.response) },
          { variant: 'headers' },
        );
        const { port, log } = await startTestWeir(t, {
          transport,
          upstreams: [upstream.port],
          filters: { a },
        });
        const client = await openClient(t, port);
        client.send('POST / HTTP/1.1\r\nHost: a\r\nX-Kept: 1\r\nContent-Length: 5\r\n\r\nhello');
        // The reader fails where framing is ambiguous.
        const response = await client.response();
        await finished(log, 1);
        const head = upstream.received[0]!.slice(0, upstream.received[0]!.indexOf('\r\n\r\n')).toLowerCase();
        assert.deepEqual(head.match(/^content-length: .*$/gm), ['content-length: 5'], head);
        assert.ok(!head.includes('transfer-encoding'), head);
        assert.ok(head.includes('x-kept: 1'));
        const connection = head.match(/^connection: (.*)$/gm) ?? [];
        assert.ok(connection.length <= 1 && !/x-kept|upgrade/.test(connection.join()), head);
        if (!['connection', 'content-length', 'transfer-encoding'].includes(name))
          assert.ok(!head.includes(`\n${name}:`), head);
        assert.equal(response.body.toString(), 'world');
        assert.equal(response.framing, 'length');
        assert.deepEqual(headerValues(response, 'x-kept'), ['1']);
        assert.ok(!headerValues(response, 'connection').some(v => /x-kept|upgrade/.test(v)));
        if (['upgrade', 'proxy-connection', 'te'].includes(name))
          assert.deepEqual(headerValues(response, name), []);
        // The connection is where both think it is: another request fits behind.
        assert.equal(client.received.length, 0);
        if (!client.ended) {
          client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
          assert.equal((await client.response()).body.toString(), 'world');
        }
      });
    }

    it('a local response with framing of its own', async t => {
      const headers = FRAMING.map(([n, v]) => [n, v]);
      const a = probe({ requestHeaders: [['local', 200, 'hello', headers]] });
      const { port } = await startTestWeir(t, { transport, filters: { a } });
      const response = await get(port, '/');
      assert.equal(response.body.toString(), 'hello');
      assert.deepEqual(headerValues(response, 'content-length'), ['5']);
      for (const name of ['transfer-encoding', 'upgrade', 'proxy-connection', 'te']) {
        assert.deepEqual(headerValues(response, name), [], name);
      }
    });
  });
}

describe('18. Pairs', () => {
  const u32 = (n: number) => String.fromCharCode(n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >>> 24) & 255);
  const refused: Readonly<Record<string, string | readonly (readonly [string, string])[]>> = {
    'more than 1,024 pairs': Array.from({ length: 1025 }, (_, i) => [`x-${i}`, 'v'] as const),
    'a count that lies': `${u32(2)}${u32(1)}${u32(1)}a\0b\0`,
    'a huge count': `${u32(0xffffffff)}${u32(1)}${u32(1)}a\0b\0`,
    'a length past the end': `${u32(1)}${u32(1)}${u32(9)}a\0b\0`,
    'a length of nearly 4 GiB': `${u32(1)}${u32(0xffffffff)}${u32(1)}a\0b\0`,
    'no NUL where one belongs': `${u32(1)}${u32(1)}${u32(1)}a-b\0`,
    'bytes left over': `${u32(1)}${u32(1)}${u32(1)}a\0b\0c`,
    'three bytes': '\0\0\0',
    'one byte that is not 0': '\x01',
  };
  for (const [what, pairs] of Object.entries(refused)) {
    it(`${what}: refused, no crash, no partial change`, async t => {
      const upstream = await startUpstream(t);
      const a = probe({
        requestHeaders: [
          ['setPairs', 0, pairs],
          ['local', 200, '', pairs],
        ],
      });
      const { port, log } = await startTestWeir(t, { upstreams: [upstream.port], filters: { a } });
      assert.equal((await get(port, '/', 'X-Kept: 1')).body.toString(), 'ok');
      assert.deepEqual(statuses(log, 'requestHeaders'), [badArgument, badArgument]);
      assert.equal(upstream.requests[0]?.headers.get('x-kept'), '1');
    });
  }

  for (const [what, pairs] of Object.entries({
    'size 0': '',
    'one 0x00 byte': '\0',
    'a count of 0': '\0\0\0\0',
  })) {
    it(`the empty map as ${what}`, async t => {
      const upstream = await startUpstream(t);
      const a = probe({ requestHeaders: [['setPairs', 0, pairs]] });
      const { port, log } = await startTestWeir(t, { upstreams: [upstream.port], filters: { a } });
      assert.equal((await get(port, '/path', 'X-Gone: 1')).body.toString(), 'ok');
      assert.deepEqual(statuses(log, 'requestHeaders'), [ok]);
      assert.equal(upstream.requests[0]?.headers.has('x-gone'), false);
      assert.equal(upstream.requests[0]?.url, '/path');
    });
  }
});
