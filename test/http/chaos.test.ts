import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, it } from 'node:test';
import { FakeChain } from '../support/chain.ts';
import { startProxy } from '../support/fixtures.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { until } from '../support/wait.ts';
import { handshake } from '../support/websocket.ts';

/** The same numbers every time. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

type Random = ReturnType<typeof sequence>;

/** An upstream that answers, breaks off, resets, refuses or falls silent. */
async function startMoody(random: Random): Promise<Server> {
  const server = createServer((req, res) => {
    const { socket } = req;
    const soon = (what: () => void) => setTimeout(what, random(10));
    switch (random(8)) {
      case 0:
        socket.destroy();
        break;
      case 1:
        res.writeHead(200, { 'content-length': 100_000 }).write(Buffer.alloc(1000));
        soon(() => socket.resetAndDestroy());
        break;
      case 2:
        res.end('early');
        break;
      case 3:
        req.resume();
        soon(() => res.end(Buffer.alloc(random(200_000))));
        break;
      case 4:
        res.write('x');
        soon(() => socket.destroy());
        break;
      default:
        req.pipe(res);
    }
  });
  server.on('upgrade', (_req, socket) => {
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.resume();
    if (random(2) === 0) socket.end('HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\nno');
    else {
      socket.write('HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello');
      if (random(3) === 0) setTimeout(() => socket.destroy(), random(10));
    }
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const REQUESTS: readonly ((random: Random) => string)[] = [
  () => 'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  random =>
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${random(90_000)}\r\n\r\n${'x'.repeat(random(90_000))}`,
  random =>
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n${['0\r\n\r\n', 'zz\r\n', ''][random(3)]}`,
  () => handshake(),
  () => 'HEAD / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n',
  () => 'PUT / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc',
];

/** A client that asks for something and goes, one way or another, at any moment. */
function visit(port: number, random: Random): Promise<void> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.resume();
    socket.write(REQUESTS[random(REQUESTS.length)]!(random));
    const leave = [() => socket.end(), () => socket.destroy(), () => socket.resetAndDestroy()][random(3)]!;
    setTimeout(leave, random(50));
    const last = setTimeout(() => socket.destroy(), 3000);
    socket.once('close', () => clearTimeout(last));
  });
}

for (const transport of TRANSPORTS) {
  describe(`chaos through ${transport}`, () => {
    it('ends every exchange exactly once, whoever goes when', async t => {
      const random = sequence(42);
      const upstream = await startMoody(random);
      t.after(() => {
        upstream.closeAllConnections();
        upstream.close();
      });
      const later = (what: () => void) => (random(3) === 0 ? setTimeout(what, random(10)) : what());
      const chain = new FakeChain({
        onRequestHeaders({ exchange }, end) {
          later(() => exchange.sendRequestHeaders(end));
        },
        onResponseHeaders({ exchange }, headers, end) {
          if (random(20) === 0) exchange.fail({ status: 500, filter: 'fake', details: '' });
          else later(() => exchange.sendResponseHeaders(headers, end));
        },
      });
      const { port } = upstream.address() as AddressInfo;
      const proxy = await startProxy(
        t,
        transport,
        { endpoints: [port], connections: 16, timeouts: { connect: 300, response: 500, idle: 500 }, chain },
        { requestTimeout: 2000, headersTimeout: 1000 },
      );
      for (let round = 0; round < 6; round++) {
        await Promise.all(Array.from({ length: 40 }, () => visit(proxy.port, random)));
      }
      await until(() => chain.streams.every(stream => stream.finished === 1), 'every exchange to end');
      assert.ok(chain.streams.length > 100);
      await proxy.close(1000);
      assert.ok(chain.streams.every(stream => stream.finished === 1));
    });
  });
}
