import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { ResponseHeaders } from '../../src/message/headers.ts';
import { FakeChain } from '../support/chain.ts';
import { openClient, startProxy, startRawUpstream, startUpstream } from '../support/fixtures.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { header, request } from '../support/raw-client.ts';
import { closedPort } from '../support/upstream.ts';
import { until } from '../support/wait.ts';
import { ACCEPT, frame, handshake, openWebSocket, readFrame } from '../support/websocket.ts';

async function open(t: TestContext, port: number, ...lines: string[]) {
  const opened = await openWebSocket(port, ...lines);
  t.after(() => opened.client.close());
  return opened;
}

for (const transport of TRANSPORTS) {
  describe(`upgrades through ${transport}`, () => {
    it('shakes hands and carries frames both ways', async t => {
      const proxy = await startProxy(t, transport, { endpoints: ['echo'] });
      const { client, response } = await open(t, proxy.port, 'Sec-WebSocket-Protocol: chat, other');
      assert.equal(response.status, 101);
      assert.equal(header(response, 'connection'), 'Upgrade');
      assert.equal(header(response, 'upgrade'), 'websocket');
      assert.equal(header(response, 'sec-websocket-accept'), ACCEPT);
      assert.equal(header(response, 'sec-websocket-protocol'), 'chat');
      assert.equal(header(response, 'via'), '1.1 weir');
      client.send(frame(1, 'hello'));
      assert.deepEqual(await readFrame(client), { opcode: 1, payload: Buffer.from('hello') });
      client.send(frame(9, 'ping'));
      assert.equal((await readFrame(client)).opcode, 10);
      for (const size of [126, 70_000, 900_000]) {
        const payload = Buffer.alloc(size, 'abc');
        client.send(frame(2, payload));
        assert.deepEqual(await readFrame(client), { opcode: 2, payload });
      }
      client.send(frame(8, Buffer.from([3, 232])));
      assert.equal((await readFrame(client)).opcode, 8);
      await client.untilClosed();
    });

    it('one that is refused while others end does not cut them off', async t => {
      const asked = new Map<string, Socket>();
      const upstream = await startRawUpstream(t, (socket, text) => {
        const [, path = ''] = text.split(' ');
        asked.set(path, socket);
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
      const [slow, refused] = [await openClient(t, proxy.port), await openClient(t, proxy.port)];
      slow.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
      refused.send('GET /refused HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
      await until(() => asked.size === 2, 'both requests');
      const closing = proxy.close(60_000);
      asked.get('/refused')!.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
      assert.equal((await refused.response()).status, 403);
      await refused.untilClosed();
      asked.get('/slow')!.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      assert.equal((await slow.response()).body.toString(), 'ok');
      await closing;
    });

    it('carries any protocol, whatever the method; filters see its name both ways', async t => {
      const seen: (string | undefined)[] = [];
      const upstream = await startRawUpstream(t, (socket, text) => {
        if (!text.startsWith('POST /attach')) return;
        assert.match(text, /\r\nconnection: upgrade\r\n/i);
        assert.match(text, /\r\nupgrade: tcp\r\n/i);
        socket.write('HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\nhello');
      });
      const chain = new FakeChain({
        onRequestHeaders(stream, end) {
          seen.push(stream.exchange.requestHeaders.get('upgrade'));
          stream.exchange.requestHeaders.replace('upgrade', 'smuggled');
          stream.exchange.sendRequestHeaders(end);
        },
        onResponseHeaders(stream, headers, end) {
          seen.push(headers.get('upgrade'));
          headers.add('transfer-encoding', 'chunked');
          stream.exchange.sendResponseHeaders(headers, end);
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      client.send('POST /attach HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
      await until(() => client.received.toString().endsWith('hello'), 'the tunnel');
      const head = client.received.toString();
      assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n/);
      assert.doesNotMatch(head, /transfer-encoding/i);
      assert.deepEqual(seen, ['tcp', 'tcp']);
    });

    it('never carries HTTP in a tunnel', async t => {
      const upstream = await startUpstream(t);
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
      const response = await request(
        proxy.port,
        'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n',
      );
      assert.equal(response.status, 200);
      assert.equal(upstream.requests[0]?.headers.get('upgrade'), undefined);
      assert.equal(upstream.requests[0]?.headers.get('http2-settings'), undefined);
    });

    it('carries what came with the handshake', async t => {
      const proxy = await startProxy(t, transport, { endpoints: ['echo'] });
      const client = await openClient(t, proxy.port);
      client.send(Buffer.concat([Buffer.from(handshake()), frame(1, 'early')]));
      assert.equal((await client.response()).status, 101);
      assert.equal((await readFrame(client)).payload.toString(), 'early');
    });

    it('forwards the handshake as a filter changed it, and the 101 likewise', async t => {
      const upstream = await startRawUpstream(t, (socket, text) => {
        assert.match(text, /\r\nconnection: upgrade\r\n/i);
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Up: \xe4\r\nX-Up: 2\r\n\r\nhello',
          'latin1',
        );
      });
      const chain = new FakeChain({
        onRequestHeaders(stream, end) {
          stream.exchange.requestHeaders.replace(':path', '//other?x=1');
          stream.exchange.requestHeaders.add('x-filter', '1');
          stream.exchange.sendRequestHeaders(end);
        },
        onResponseHeaders(stream, headers, end) {
          headers.add('x-status', String(headers.status));
          setImmediate(() => stream.exchange.sendResponseHeaders(headers, end));
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const { client, response } = await open(t, proxy.port);
      assert.equal(header(response, 'x-status'), '101');
      assert.deepEqual(
        response.headers.filter(([name]) => name === 'X-Up').map(([, value]) => value),
        ['\xe4', '2'],
      );
      assert.match(upstream.received[0]!, /^GET \/\/other\?x=1 HTTP\/1\.1\r\n/);
      assert.match(upstream.received[0]!, /\r\nx-filter: 1\r\n/);
      assert.match(upstream.received[0]!, /\r\nHost: a\r\n/);
      await until(() => client.received.toString() === 'hello', 'the first bytes of the tunnel');
      assert.deepEqual(chain.last.events, ['request headers:end', 'response headers:end']);
      client.close();
      await until(() => chain.last.finished === 1);
      await until(() => upstream.sockets[0]?.closed, 'the upstream connection to close');
    });

    it('lets a filter refuse the handshake', async t => {
      const upstream = await startRawUpstream(t, () => {});
      const chain = new FakeChain({
        onRequestHeaders({ exchange }) {
          exchange.beginLocalResponse();
          exchange.sendResponseHeaders(new ResponseHeaders(403, []), false);
          exchange.sendResponseData(Buffer.from('no'), true);
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const { client, response } = await open(t, proxy.port);
      assert.equal(response.status, 403);
      assert.equal(response.body.toString(), 'no');
      assert.equal(header(response, 'connection'), 'close');
      await client.untilClosed();
      assert.equal(upstream.sockets.length, 0);
      await until(() => chain.last.finished === 1);
    });

    it('notices a client that goes before its handshake is answered', async t => {
      const upstream = await startRawUpstream(t, () => {});
      const chain = new FakeChain({
        onRequestHeaders(stream, end) {
          if (stream.exchange.requestHeaders.path !== '/held') stream.exchange.sendRequestHeaders(end);
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      for (const path of ['/held', '/sent']) {
        const client = await openClient(t, proxy.port);
        client.send(handshake(path));
        await until(() => (path === '/held' ? chain.streams.length === 1 : upstream.sockets.length === 1));
        client.socket.end();
        await until(() => chain.last.finished === 1, path);
      }
      await until(() => upstream.sockets[0]?.closed, 'the upstream connection to close');
    });

    for (const [what, answer, framing] of [
      ['a length', 'Content-Length: 4\r\n\r\nnope', 'length'],
      ['chunks', 'Transfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n', 'chunked'],
      ['no length', 'Connection: close\r\n\r\nnope', 'chunked'],
    ] as const) {
      it(`forwards a refusal with ${what}`, async t => {
        const upstream = await startRawUpstream(t, socket => {
          socket.write(`HTTP/1.1 426 Upgrade Required\r\nX-A: 1\r\nX-A: 2\r\n${answer}`);
          if (answer.startsWith('Connection')) socket.end();
        });
        const chain = new FakeChain({}, { response: true, responseBody: true });
        const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
        const { client, response } = await open(t, proxy.port);
        assert.equal(response.status, 426);
        assert.equal(response.body.toString(), 'nope');
        assert.equal(response.framing, framing);
        assert.equal(header(response, 'connection'), 'close');
        await client.untilClosed();
        await until(() => chain.last.finished === 1);
      });
    }

    it('answers 502 when nothing listens, and tries another endpoint first', async t => {
      const dead = await closedPort();
      const proxy = await startProxy(t, transport, { endpoints: [dead] });
      const { client, response } = await open(t, proxy.port);
      assert.equal(response.status, 502);
      await client.untilClosed();
      const both = await startProxy(t, transport, { endpoints: [dead, 'echo'] });
      assert.equal((await open(t, both.port)).response.status, 101);
    });

    it('answers 502 to a handshake that is broken off, 504 to one left open', async t => {
      const upstream = await startRawUpstream(t, (socket, text) => {
        if (!text.includes('x-wait')) socket.destroy();
      });
      const proxy = await startProxy(t, transport, {
        endpoints: [upstream.port],
        timeouts: { response: 100 },
      });
      assert.equal((await open(t, proxy.port)).response.status, 502);
      assert.equal((await open(t, proxy.port, 'x-wait: 1')).response.status, 504);
    });

    it('closes the client when the upstream goes', async t => {
      const upstream = await startRawUpstream(t, socket => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
      const first = await open(t, proxy.port);
      upstream.sockets[0]?.end();
      await first.client.untilClosed();
      const second = await open(t, proxy.port);
      upstream.sockets[1]?.resetAndDestroy();
      await second.client.untilClosed();
    });

    it('takes any other Upgrade for an ordinary request', async t => {
      const proxy = await startProxy(t, transport, { endpoints: ['echo'] });
      const client = await openClient(t, proxy.port);
      client.send(
        'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n',
      );
      const response = await client.response();
      assert.equal(response.status, 200);
      const seen = JSON.parse(response.body.toString()) as { headers: Record<string, string[]> };
      assert.equal(seen.headers['upgrade'], undefined);
      assert.equal(seen.headers['http2-settings'], undefined);
    });

    it('answers 404 without a route, and refuses what is malformed', async t => {
      const proxy = await startProxy(t, transport, {
        match: { path: { kind: 'exact', value: '/ws' } },
        endpoints: ['echo'],
      });
      assert.equal((await open(t, proxy.port)).response.status, 404);
      const client = await openClient(t, proxy.port);
      client.send(handshake('/ws', 'Host: b'));
      assert.equal((await client.response()).status, 400);
      await client.untilClosed();
    });
  });
}
