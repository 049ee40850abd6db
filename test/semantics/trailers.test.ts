import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startUpstream } from '../support/fixtures.ts';
import {
  BUFFER,
  began,
  calls,
  finished,
  MAP,
  PAUSE,
  probe,
  results,
  STATUS,
  statuses,
} from '../support/probe.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { get, request } from '../support/raw-client.ts';
import { startTestWeir } from '../support/weir.ts';

const { ok } = STATUS;
const WITH_TRAILERS =
  'POST /t HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-One: 1\r\nX-Two: 2\r\n\r\n';
const WITHOUT = 'POST /t HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n';

const lower = (raw: readonly string[]) =>
  raw.flatMap((n, i) => (i % 2 === 0 ? [`${n.toLowerCase()}: ${raw[i + 1]}`] : []));
const pairs = (all: readonly (readonly [string, string])[]) =>
  all.map(([n, v]) => `${n.toLowerCase()}: ${v}`);

for (const transport of TRANSPORTS) {
  describe(`21. over ${transport}: trailers`, () => {
    const trailers = (t: Parameters<typeof startUpstream>[0]) =>
      startUpstream(t, (_req, res) => {
        res.writeHead(200, { trailer: 'x-one, x-two' });
        res.write('answer');
        res.addTrailers([
          ['X-One', '1'],
          ['X-Two', '2'],
        ]);
        res.end();
      });

    it('pass a chain both ways, read and changed on the way', async t => {
      const change = (map: number) =>
        [
          ['get', map, 'x-one'],
          ['replace', map, 'x-one', 'changed'],
          ['remove', map, 'x-two'],
          ['add', map, 'x-three', '3'],
          ['mapSize', map],
        ] as const;
      const upstream = await trailers(t);
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: {
          a: probe({
            requestTrailers: change(MAP.requestTrailers),
            responseTrailers: change(MAP.responseTrailers),
          }),
          b: probe(),
        },
      });
      const response = await request(port, WITH_TRAILERS);
      assert.deepEqual(lower(upstream.requests[0]!.trailers), ['x-one: changed', 'x-three: 3']);
      assert.deepEqual(pairs(response.trailers), ['x-one: changed', 'x-three: 3']);
      assert.equal(response.body.toString(), 'answer');
      assert.equal(results(log, 'requestTrailers', 'get')[0]?.value, '1');
      assert.deepEqual(statuses(log, 'responseTrailers'), [ok, ok, ok, ok, ok]);
      // Body callbacks before them say that more follows.
      assert.ok(!calls(log).includes('a requestBody end') && !calls(log).includes('a responseBody end'));
    });

    it('may be added from the last body callback; the filters after it get a trailers callback', async t => {
      const add = (map: number) =>
        [
          [
            'when',
            'end',
            [
              ['add', map, 'x-added', 'late'],
              ['add', map, 'x-more', '2'],
            ],
          ],
        ] as const;
      const upstream = await startUpstream(t);
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: {
          outer: probe(),
          a: probe({ requestBody: add(MAP.requestTrailers), responseBody: add(MAP.responseTrailers) }),
          inner: probe(),
        },
      });
      const response = await request(port, WITHOUT);
      assert.deepEqual(lower(upstream.requests[0]!.trailers), ['x-added: late', 'x-more: 2']);
      assert.equal(upstream.requests[0]?.body.toString(), 'body');
      assert.deepEqual(pairs(response.trailers), ['x-added: late', 'x-more: 2']);
      assert.equal(response.body.toString(), 'ok');
      await finished(log, 3);
      assert.ok(
        calls(log).includes('inner requestTrailers end') && calls(log).includes('outer responseTrailers end'),
      );
      assert.ok(
        !calls(log).includes('a requestTrailers end') && !calls(log).includes('outer requestTrailers end'),
      );
    });

    it('added to a body whose length was declared: the message becomes chunked', async t => {
      const script = {
        requestBody: [
          ['add', MAP.requestTrailers, 'x-added', 'late'],
          ['setBuffer', BUFFER.request, 4, 0, '!'],
        ],
      } as const;
      const upstream = await startUpstream(t);
      const { port } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe(script) },
      });
      await request(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody');
      assert.deepEqual(lower(upstream.requests[0]!.trailers), ['x-added: late']);
      assert.equal(upstream.requests[0]?.body.toString(), 'body!');
      assert.equal(upstream.requests[0]?.headers.get('transfer-encoding'), 'chunked');
    });

    it('paused in the trailers callback, then resumed', async t => {
      const go = [
        'when',
        'header',
        ':path',
        '/go',
        [['recall', 0], ['continue', 0], ['continue', 1], ['self'], ['local', 200, '']],
      ] as const;
      const hold = [
        ['remember', 0],
        ['return', PAUSE],
      ] as const;
      const upstream = await trailers(t);
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe({ requestHeaders: [go], requestTrailers: hold, responseTrailers: hold }) },
      });
      const answer = request(port, WITH_TRAILERS);
      await began(log, 'requestTrailers');
      assert.equal(upstream.requests[0]?.complete ?? false, false);
      await get(port, '/go');
      await began(log, 'responseTrailers');
      await get(port, '/go');
      const response = await answer;
      assert.deepEqual(pairs(response.trailers), ['x-one: 1', 'x-two: 2']);
      assert.deepEqual(lower(upstream.requests[0]!.trailers), ['x-one: 1', 'x-two: 2']);
      await finished(log, 3);
    });

    it('a filter without body callbacks lets them pass', async t => {
      const upstream = await trailers(t);
      const { port } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe({}, { variant: 'headers' }) },
      });
      const response = await request(port, WITH_TRAILERS);
      assert.deepEqual(pairs(response.trailers), ['x-one: 1', 'x-two: 2']);
      assert.deepEqual(lower(upstream.requests[0]!.trailers), ['x-one: 1', 'x-two: 2']);
    });
  });
}
