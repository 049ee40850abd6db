import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startRawUpstream, startUpstream } from '../support/fixtures.ts';
import { MAP, type Op, probe, readPairs, results, STATUS, statuses, value } from '../support/probe.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { get, headerValues, request } from '../support/raw-client.ts';
import { startTestWeir } from '../support/weir.ts';

const { ok, notFound, badArgument } = STATUS;

for (const transport of TRANSPORTS) {
  describe(`15. over ${transport}: pseudo headers`, () => {
    it('names lower-case to the guest; pseudo headers first in the map', async t => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.writeHead(201, ['X-Mixed-Case', 'Value', 'content-length', '0']);
        res.end();
      });
      const script = {
        requestHeaders: [['pairs', MAP.request]],
        responseHeaders: [['pairs', MAP.response]],
      } as const;
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe(script) },
      });
      await request(port, 'GET /a?b=1 HTTP/1.1\r\nX-Mixed-Case: Value\r\nHost: Example.com:8080\r\n\r\n');
      const pairs = readPairs(value(log, 'requestHeaders', 'pairs')!);
      assert.deepEqual(pairs.slice(0, 5), [
        [':method', 'GET'],
        [':path', '/a?b=1'],
        [':authority', 'Example.com:8080'],
        [':scheme', 'http'],
        ['x-mixed-case', 'Value'],
      ]);
      assert.ok(!pairs.some(([name]) => name === 'host'));
      const back = readPairs(value(log, 'responseHeaders', 'pairs')!);
      assert.deepEqual(back[0], [':status', '201']);
      assert.deepEqual(
        back.find(([name]) => name === 'x-mixed-case'),
        ['x-mixed-case', 'Value'],
      );
      assert.ok(back.every(([name]) => name === name.toLowerCase()));
    });

    it('names reach the other side as they came where no filter touched them', async t => {
      const upstream = await startUpstream(t, (_req, res) =>
        res.writeHead(200, ['X-Mixed-Case', 'Value']).end(),
      );
      const { port } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe() },
      });
      const response = await get(port, '/', 'X-Mixed-Case: Value');
      assert.ok(response.headers.some(([name]) => name === 'X-Mixed-Case'));
      assert.ok(upstream.requests[0]?.rawHeaders.some(name => name.toLowerCase() === 'x-mixed-case'));
    });

    it('writable: `:path` with its query, `:method`, `:authority`, `:status` in 200-999; never sent as fields', async t => {
      const upstream = await startRawUpstream(t, socket =>
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
      );
      const script = {
        requestHeaders: [
          ['replace', 0, ':path', '/new?q=1&r=%20'],
          ['replace', 0, ':method', 'PUT'],
          ['replace', 0, ':authority', 'other.example:81'],
          ['replace', 0, ':scheme', 'https'],
          ['get', 0, 'host'],
        ],
        responseHeaders: [['replace', 2, ':status', '418']],
      } as const;
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe(script) },
      });
      const response = await get(port, '/old');
      assert.equal(response.status, 418);
      const [line, ...fields] = upstream.received[0]!.split('\r\n');
      assert.equal(line, 'PUT /new?q=1&r=%20 HTTP/1.1');
      assert.deepEqual(
        fields.filter(f => /^host:/i.test(f)).map(f => f.toLowerCase()),
        ['host: other.example:81'],
      );
      assert.ok(!upstream.received[0]!.includes('\r\n:'));
      assert.deepEqual(statuses(log, 'requestHeaders'), [ok, ok, ok, ok, ok]);
      assert.equal(value(log, 'requestHeaders', 'get'), 'other.example:81');
      assert.ok(!response.headers.some(([name]) => name.startsWith(':')));
    });
  });

  describe(`16. over ${transport}: several values`, () => {
    it('get returns the first, add appends, replace leaves one, remove removes all, set_pairs replaces; order is kept', async t => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.writeHead(200, [
          'set-cookie',
          'a=1',
          'x-r',
          '1',
          'set-cookie',
          'b=2',
          'x-d',
          '1',
          'x-d',
          '2',
          'content-length',
          '0',
        ]);
        res.end();
      });
      const a = probe({
        requestHeaders: [
          ['get', 0, 'x-m'],
          ['add', 0, 'x-m', 'three'],
          ['replace', 0, 'x-one', 'only'],
          ['remove', 0, 'x-gone'],
          ['remove', 0, 'x-never'],
          ['get', 0, 'x-gone'],
        ],
        responseHeaders: [
          ['get', 2, 'set-cookie'],
          ['add', 2, 'set-cookie', 'c=3'],
          ['replace', 2, 'x-r', '2'],
          ['remove', 2, 'x-d'],
        ],
      });
      const { port, log } = await startTestWeir(t, { transport, upstreams: [upstream.port], filters: { a } });
      const lines = ['X-M: one', 'X-One: 1', 'X-Gone: 1', 'X-M: two', 'X-One: 2', 'X-GONE: 2', 'X-Last: z'];
      const response = await get(port, '/', ...lines);
      const names = [...upstream.requests[0]!.headers.keys()].filter(name => /^x-(?!forwarded)/.test(name));
      assert.deepEqual(names, ['x-m', 'x-one', 'x-last']);
      assert.deepEqual(upstream.requests[0]!.headers.get('x-m')?.split(/\||, /), ['one', 'two', 'three']);
      assert.equal(upstream.requests[0]!.headers.get('x-one'), 'only');
      assert.equal(upstream.requests[0]!.headers.has('x-gone'), false);
      const values = results(log, 'requestHeaders');
      assert.deepEqual(
        values.map(e => e.status),
        [ok, ok, ok, ok, ok, notFound],
      );
      assert.equal(values[0]?.value, 'one');
      assert.equal(value(log, 'responseHeaders', 'get'), 'a=1');
      assert.deepEqual(headerValues(response, 'set-cookie'), ['a=1', 'b=2', 'c=3']);
      assert.deepEqual(headerValues(response, 'x-r'), ['2']);
      assert.deepEqual(headerValues(response, 'x-d'), []);
    });

    it('set_pairs replaces the map; pseudo headers it does not name keep their values', async t => {
      const upstream = await startUpstream(t, (_req, res) => res.writeHead(202, ['x-old', '1']).end());
      const a = probe({
        requestHeaders: [
          [
            'setPairs',
            0,
            [
              ['x-b', '2'],
              [':path', '/set'],
              ['X-A', '1'],
              ['x-b', '3'],
            ],
          ],
          ['pairs', 0],
        ],
        responseHeaders: [
          ['setPairs', 2, [['x-new', '1']]],
          ['pairs', 2],
        ],
      });
      const { port, log } = await startTestWeir(t, { transport, upstreams: [upstream.port], filters: { a } });
      const response = await get(port, '/', 'X-Old: 1');
      assert.deepEqual(readPairs(value(log, 'requestHeaders', 'pairs')!), [
        [':method', 'GET'],
        [':path', '/set'],
        [':authority', 'test'],
        [':scheme', 'http'],
        ['x-b', '2'],
        ['x-a', '1'],
        ['x-b', '3'],
      ]);
      const [seen] = upstream.requests;
      assert.equal(seen?.url, '/set');
      assert.equal(seen?.headers.has('x-old'), false);
      assert.deepEqual(seen?.headers.get('x-b')?.split(/\||, /), ['2', '3']);
      assert.deepEqual(readPairs(value(log, 'responseHeaders', 'pairs')!), [
        [':status', '202'],
        ['x-new', '1'],
      ]);
      assert.equal(response.status, 202);
      assert.deepEqual(headerValues(response, 'x-old'), []);
      assert.deepEqual(headerValues(response, 'x-new'), ['1']);
    });
  });

  describe(`over ${transport}: headers are bytes`, () => {
    const everyByte = String.fromCharCode(
      ...Array.from({ length: 256 }, (_, i) => i).filter(i => i === 9 || (i >= 32 && i !== 127)),
    );
    const long = 'v'.repeat(60 * 1024);

    for (const [what, text] of [
      ['every byte that is no control character', everyByte.trim()],
      ['60 KB', long],
    ] as const) {
      it(`${what}, byte-exact through a chain both ways`, async t => {
        const upstream = await startRawUpstream(t, (socket, received) => {
          const sent = /^x-c: (.*)\r$/im.exec(received)?.[1] ?? 'none';
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Back: ${sent}\r\n\r\n`, 'latin1');
        });
        const copy = (from: string, to: string): Op => ['copy', 0, from, 0, to];
        const filters = {
          a: probe({
            requestHeaders: [copy('x-in', 'x-a'), ['remove', 0, 'x-in']],
            responseHeaders: [['copy', 2, 'x-back', 2, 'x-out']],
          }),
          b: probe({ requestHeaders: [copy('x-a', 'x-b'), ['remove', 0, 'x-a']] }, { variant: '0.1.0' }),
          c: probe({ requestHeaders: [copy('x-b', 'x-c'), ['remove', 0, 'x-b']] }, { variant: 'headers' }),
        };
        // http-proxy reads the response with Node's client, whose limit is its own.
        const { port, log } = await startTestWeir(t, { transport, upstreams: [upstream.port], filters });
        const response = await get(port, '/', `X-In: ${text}`);
        const sent = /^x-c: (.*)\r$/im.exec(upstream.received[0]!)?.[1];
        assert.equal(sent, text);
        assert.equal(response.status, 200, log.lines.map(l => JSON.stringify(l.fields)).at(-1));
        assert.deepEqual(headerValues(response, 'x-out'), [text]);
        assert.ok(!/^x-(in|a|b):/im.test(upstream.received[0]!));
      });
    }
  });
}

describe('15. pseudo headers a filter cannot have', () => {
  it('illegal values and names, and removing one, are BAD_ARGUMENT with nothing changed', async t => {
    const upstream = await startUpstream(t);
    const set = (name: string, ...values: string[]): Op[] =>
      values.flatMap(
        v =>
          [
            ['replace', 0, name, v],
            ['add', 0, name, v],
            ['setPairs', 0, [[name, v]]],
          ] as Op[],
      );
    const ops: Op[] = [
      ...set(':path', '', 'no-slash', '/a b', '/a\r\nX: y', '/\0', '//x y', 'http://x/'),
      ...set(':method', '', 'GE T', 'CONNECT', 'GET /x HTTP/1.1\r\nX: y'),
      ...set(':authority', 'a b', 'a/b', 'a\r\nb', 'user@host', 'é'),
      ...set(':scheme', '', 'ftp', 'javascript'),
      ...set(':status', '200'),
      ...set(':protocol', 'websocket'),
      ...set(':', 'x'),
      ...[':path', ':method', ':authority', ':scheme', 'host'].map((name): Op => ['remove', 0, name]),
    ];
    const back = ['199', '100', '101', '1000', '0', '-200', '20', '2OO', '', '200 OK', ' 200'].flatMap(
      v =>
        [
          ['replace', 2, ':status', v],
          ['setPairs', 2, [[':status', v]]],
        ] as Op[],
    );
    const a = probe({
      requestHeaders: ops,
      responseHeaders: [...back, ['remove', 2, ':status'], ['replace', 2, ':path', '/']],
    });
    const { port, log } = await startTestWeir(t, { upstreams: [upstream.port], filters: { a } });
    assert.equal((await get(port, '/fine')).status, 200);
    const got = statuses(log, 'requestHeaders');
    assert.equal(got.length, ops.length);
    assert.deepEqual([...new Set(got)], [badArgument]);
    assert.deepEqual([...new Set(statuses(log, 'responseHeaders'))], [badArgument]);
    assert.equal(upstream.requests[0]?.url, '/fine');
    assert.equal(upstream.requests[0]?.headers.get('host'), 'test');
  });
});
