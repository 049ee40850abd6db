import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { WeirError } from '../../src/errors.ts';
import { ReverseProxy } from '../../src/proxy/proxy.ts';
import { startUpstreams } from '../../src/proxy/upstream.ts';
import { EMPTY_CHAIN, FakeChain } from '../support/chain.ts';
import { openClient, startProxy, startRawUpstream } from '../support/fixtures.ts';
import { MemoryLog } from '../support/log.ts';
import { LIMITS, loaded, TRANSPORTS } from '../support/proxy.ts';
import { header, RawClient } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { openWebSocket } from '../support/websocket.ts';

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

for (const transport of TRANSPORTS) {
  describe(`shutdown with ${transport}`, () => {
    it('closes idle connections at once and lets requests in flight end', async t => {
      const upstream = await startRawUpstream(t, (socket, text, connection) => {
        if (!text.startsWith('GET /quick')) return;
        upstream.received[connection] = '';
        socket.write(ANSWER);
      });
      const chain = new FakeChain();
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const idle = await openClient(t, proxy.port);
      idle.send('GET /quick HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.equal((await idle.response()).status, 200);
      const busy = await openClient(t, proxy.port);
      busy.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
      const waiting = await until(() =>
        upstream.sockets.find((_s, i) => upstream.received[i]?.startsWith('GET /slow')),
      );
      const closed = proxy.close(10_000);
      await idle.untilClosed();
      await assert.rejects(RawClient.open(proxy.port));
      waiting.write(ANSWER);
      const response = await busy.response();
      assert.equal(response.body.toString(), 'ok');
      assert.equal(header(response, 'connection'), 'close');
      await closed;
      await busy.untilClosed();
      assert.ok(chain.streams.every(stream => stream.finished === 1));
    });

    it('cuts what is left at the limit', async t => {
      const upstream = await startRawUpstream(t, socket => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello');
      });
      const chain = new FakeChain();
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => client.received.includes('hello'));
      await proxy.close(20);
      await client.untilClosed();
      assert.equal(chain.last.finished, 1);
    });

    it('closes WebSocket tunnels at the end, without waiting for them', async t => {
      const chain = new FakeChain();
      const proxy = await startProxy(t, transport, { endpoints: ['echo'], chain });
      const { client, response } = await openWebSocket(proxy.port);
      assert.equal(response.status, 101);
      await proxy.close(60_000);
      await client.untilClosed();
      assert.equal(chain.last.finished, 1);
      client.close();
    });
  });
}

describe('listen', () => {
  it('fails with a remedy when the port is taken, and leaves nothing open', async t => {
    const taken = createServer();
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve));
    t.after(() => taken.close());
    const { port } = taken.address() as { port: number };
    const route = { name: 'r', match: {}, upstream: 'u', filters: [] };
    const config = {
      name: 'u',
      transport: 'undici',
      endpoints: [{ url: 'builtin:echo', kind: 'builtin', host: 'echo', port: 0 }],
      timeouts: { connect: 1000, response: 1000, idle: 1000 },
      connections: 8,
    } as const;
    const upstreams = await startUpstreams([config], LIMITS.maxHeaderSize);
    t.after(() => upstreams.get('u')!.close());
    const proxy = new ReverseProxy({
      listeners: [
        { name: 'one', protocol: 'http', host: '127.0.0.1', port: 0, routes: [route] },
        { name: 'two', protocol: 'http', host: '127.0.0.1', port, routes: [route] },
      ],
      upstreams,
      server: LIMITS,
      chainOf: () => loaded(EMPTY_CHAIN),
      log: new MemoryLog(),
    });
    await assert.rejects(proxy.listen(), (error: unknown) => {
      assert.ok(error instanceof WeirError);
      assert.equal(error.code, 'LISTEN_FAILED');
      assert.match(error.message, /two: can't listen on 127\.0\.0\.1:\d+: EADDRINUSE \(another process/);
      return true;
    });
  });
});
