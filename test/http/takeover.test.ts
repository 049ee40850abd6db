import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { PluginChain } from '../../src/chain/chain.ts';
import type { Plugin } from '../../src/plugin/types.ts';
import { openClient, startProxy, startRawUpstream, startUpstream } from '../support/fixtures.ts';
import { MemoryLog } from '../support/log.ts';
import { TRANSPORTS, type TransportName } from '../support/proxy.ts';
import { get, header, request } from '../support/raw-client.ts';
import { FakeTaker, REQUEST, RESPONSE, type TakerScript } from '../support/taker.ts';
import { until } from '../support/wait.ts';

const soon = (call: () => void) => queueMicrotask(call);

async function taking(
  t: TestContext,
  transport: TransportName,
  port: number | 'echo',
  script: TakerScript = {},
) {
  const taker = new FakeTaker(script);
  taker.bufferedBody = 1024 * 1024;
  const chain = new PluginChain([taker as Plugin], new MemoryLog());
  const proxy = await startProxy(t, transport, { endpoints: [port], chain });
  return { taker, port: proxy.port };
}

for (const transport of TRANSPORTS) {
  describe(`a filter that takes streams over, through ${transport}`, () => {
    it('passes on what comes: bodies, trailers, status', async t => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.writeHead(203, { trailer: 'x-t', 'x-u': '1' });
        res.write('body');
        res.addTrailers([['x-t', '1']]);
        res.end();
      });
      const { port } = await taking(t, transport, upstream.port);
      const response = await request(
        port,
        'POST /a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 5\r\n\r\n',
      );
      assert.equal(response.status, 203);
      assert.equal(header(response, 'x-u'), '1');
      assert.equal(response.body.toString(), 'body');
      assert.deepEqual(response.trailers, [['x-t', '1']]);
      const [seen] = upstream.requests;
      assert.deepEqual([seen?.method, seen?.url, seen?.body.toString()], ['POST', '/a?b', 'hello']);
      assert.deepEqual(seen?.trailers, ['X-Sum', '5']);
    });

    it('frames its own request: a body where none came, none where one came', async t => {
      const upstream = await startUpstream(t);
      const { port } = await taking(t, transport, upstream.port, {
        requestHeaders: taken =>
          soon(() => {
            if (taken.stream.requestHeaders.method === 'GET') {
              taken.forward({ method: 'POST', raw: ['content-length', '4'] }, 4, false);
              taken.send(REQUEST, 'body', true);
            } else taken.forward({ method: 'GET', raw: [] }, 0, true);
          }),
        data: (taken, direction, chunk, end) => {
          if (direction === RESPONSE) soon(() => taken.stream.sendData(RESPONSE, chunk, end));
        },
      });
      assert.equal((await get(port, '/')).status, 200);
      await request(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
      const [first, second] = upstream.requests;
      assert.deepEqual(
        [first?.method, first?.headers.get('content-length'), first?.body.toString()],
        ['POST', '4', 'body'],
      );
      assert.deepEqual(
        [second?.method, second?.headers.has('content-length'), second?.body.length],
        ['GET', false, 0],
      );
    });

    it('answers while the request still comes, and reads on', async t => {
      const { port, taker } = await taking(t, transport, 'echo', {
        requestHeaders: taken => soon(() => taken.respond(200, [], -1, false)),
        data: (taken, _direction, chunk, end) => soon(() => taken.stream.sendData(RESPONSE, chunk, end)),
      });
      const client = await openClient(t, port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\none');
      await until(() => client.received.includes('one'));
      client.send('two');
      const response = await client.response();
      assert.equal(response.body.toString(), 'onetwo');
      assert.equal(taker.last.stream.info.responseSize, 6);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => taker.taken.length === 2);
    });

    it('is told when an end has its hands full, and when it drains', async t => {
      const raw = await startRawUpstream(t, () => {});
      const big = Buffer.alloc(256 * 1024);
      const { port, taker } = await taking(t, transport, raw.port, {
        requestHeaders: taken => soon(() => taken.forward({ raw: [] }, -1, false)),
      });
      const client = await openClient(t, port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n');
      await until(() => raw.sockets.length === 1);
      raw.sockets[0]!.pause();
      const { stream } = taker.last;
      for (let i = 0; i < 200 && !stream.full(REQUEST); i++) {
        stream.sendData(REQUEST, big, false);
        await new Promise(setImmediate);
      }
      assert.equal(stream.full(REQUEST), true);
      raw.sockets[0]!.resume();
      await until(() => !stream.full(REQUEST));
      assert.ok(taker.last.events.includes('request drain'));
      client.socket.pause();
      taker.last.respond(200, [], -1, false);
      for (let i = 0; i < 200 && !stream.full(RESPONSE); i++) {
        stream.sendData(RESPONSE, big, false);
        await new Promise(setImmediate);
      }
      assert.equal(stream.full(RESPONSE), true);
      client.socket.resume();
      await until(() => !stream.full(RESPONSE));
      assert.ok(taker.last.events.includes('response drain'));
    });

    it('pauses a body from its head on: the client is not asked for it', async t => {
      const { port, taker } = await taking(t, transport, 'echo', {
        requestHeaders: taken => taken.stream.pause(REQUEST, true),
        data: () => {},
      });
      const client = await openClient(t, port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');
      await until(() => taker.taken.length === 1);
      await new Promise(resolve => setTimeout(resolve, 30));
      assert.equal(client.received.length, 0);
      taker.last.stream.pause(REQUEST, false);
      assert.equal((await client.response()).status, 100);
      client.send('hi');
      await until(() => taker.last.events.includes('request hi end'));
      taker.last.respond(204, [], 0, true);
      assert.equal((await client.response()).status, 204);
    });

    it('hears of an upstream that fails before, and within, its response', async t => {
      for (const [bytes, events] of [
        ['', ['request end', 'upstream UPSTREAM_RESET']],
        [
          'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf',
          ['request end', 'response 200', 'response half', 'upstream UPSTREAM_RESET'],
        ],
      ] as const) {
        const raw = await startRawUpstream(t, socket => socket.end(bytes));
        const { port, taker } = await taking(t, transport, raw.port, {
          responseHeaders: () => {},
          data: () => {},
          upstreamFailed: taken => soon(() => taken.respond(418, [], 0, true)),
        });
        const response = await request(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n');
        assert.equal(response.status, 418);
        assert.deepEqual(taker.last.events, events);
      }
    });

    it('drops the upstream and answers: its call ends, the client is served', async t => {
      const upstream = await startUpstream(t, () => {}, { early: true });
      const { port, taker } = await taking(t, transport, upstream.port);
      const client = await openClient(t, port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => upstream.requests.length === 1);
      taker.last.stream.dropUpstream();
      await until(() => upstream.requests[0]?.aborted);
      taker.last.respond(200, ['content-length', '2'], 2, false);
      taker.last.send(RESPONSE, 'ok', true);
      const response = await client.response();
      assert.equal(header(response, 'content-length'), '2');
      assert.equal(response.body.toString(), 'ok');
      await until(() => taker.last.finished === 1);
    });

    it('fails after its head is out: the connection is reset', async t => {
      const { port, taker } = await taking(t, transport, 'echo', {
        requestHeaders: taken =>
          soon(() => {
            taken.respond(200, [], -1, false);
            taken.send(RESPONSE, 'half');
            setTimeout(() => taken.stream.fail(502, 'broken'), 20);
          }),
      });
      await assert.rejects(get(port, '/'));
      assert.equal(taker.last.finished, 1);
    });

    it('takes a handshake over like any request: a 101 that it passes on switches', async t => {
      const raw = await startRawUpstream(t, (socket, text) => {
        if (!text.includes('ping')) {
          socket.write(
            'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-U: 1\r\n\r\n',
          );
        } else socket.write('pong');
      });
      const { port, taker } = await taking(t, transport, raw.port);
      const client = await openClient(t, port);
      const handshake =
        'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
      client.send(handshake);
      await until(() => client.received.includes('101 Switching'));
      client.send('ping');
      await until(() => client.received.includes('pong'));
      client.close();
      await until(() => taker.last.finished === 1);
      const refusing = await taking(t, transport, raw.port, {
        requestHeaders: taken => soon(() => taken.respond(403, [], 0, true)),
      });
      assert.equal((await request(refusing.port, handshake)).status, 403);
    });

    it('a client that goes ends it', async t => {
      const { port, taker } = await taking(t, transport, 'echo', { requestHeaders: () => {} });
      const client = await openClient(t, port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx');
      await until(() => taker.taken.length === 1);
      client.close();
      await until(() => taker.last.finished === 1);
    });
  });
}
