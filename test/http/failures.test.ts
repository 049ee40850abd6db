import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeChain } from '../support/chain.ts';
import { openClient, startProxy, startRawUpstream, startUpstream } from '../support/fixtures.ts';
import { type TestProxy, TRANSPORTS } from '../support/proxy.ts';
import { get, header, request } from '../support/raw-client.ts';
import { closedPort } from '../support/upstream.ts';
import { until } from '../support/wait.ts';

const warnings = (proxy: TestProxy) => proxy.log.at('warn').map(line => line.fields);

for (const transport of TRANSPORTS) {
  describe(`failures of an upstream through ${transport}`, () => {
    it('answers 502 when nothing listens, and logs which part failed', async t => {
      const port = await closedPort();
      const proxy = await startProxy(t, transport, { endpoints: [port] });
      const response = await get(proxy.port, '/');
      assert.equal(response.status, 502);
      assert.equal(response.body.toString(), '502 upstream connection failed\n');
      assert.equal(header(response, 'content-type'), 'text/plain; charset=utf-8');
      const [line] = warnings(proxy);
      assert.equal(line?.part, 'upstream connect');
      assert.equal(line?.upstream, 'upstream-1');
      assert.equal(line?.endpoint, `http://127.0.0.1:${port}`);
      assert.equal(line?.code, 'UPSTREAM_CONNECT');
      assert.equal(line?.reason, 'ECONNREFUSED');
    });

    it('tries another endpoint when one refuses, also with a body', async t => {
      const dead = await closedPort();
      const upstream = await startUpstream(t);
      const proxy = await startProxy(t, transport, { endpoints: [dead, upstream.port] });
      for (let i = 0; i < 3; i++) assert.equal((await get(proxy.port, '/')).status, 200);
      for (let i = 0; i < 3; i++) {
        const response = await request(
          proxy.port,
          'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi',
        );
        assert.equal(response.status, 200);
        assert.equal(upstream.requests.at(-1)?.body.toString(), 'hi');
      }
      const chunked = await request(
        proxy.port,
        'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
      );
      assert.equal(chunked.status, 200);
      assert.equal(upstream.requests.length, 7);
    });

    it('takes endpoints in turn', async t => {
      const one = await startUpstream(t);
      const two = await startUpstream(t);
      const proxy = await startProxy(t, transport, { endpoints: [one.port, two.port] });
      for (let i = 0; i < 4; i++) await get(proxy.port, '/');
      assert.equal(one.requests.length, 2);
      assert.equal(two.requests.length, 2);
    });

    it('answers 504 when the response does not begin in time', async t => {
      const upstream = await startRawUpstream(t, () => {});
      const proxy = await startProxy(t, transport, {
        endpoints: [upstream.port],
        timeouts: { response: 100 },
      });
      const response = await get(proxy.port, '/');
      assert.equal(response.status, 504);
      assert.equal(response.body.toString(), '504 upstream timed out\n');
      assert.equal(warnings(proxy)[0]?.part, 'upstream response');
      assert.equal(warnings(proxy)[0]?.code, 'UPSTREAM_TIMEOUT');
    });

    it('answers 504 when no connection comes free in time', async t => {
      const upstream = await startRawUpstream(t, () => {});
      const proxy = await startProxy(t, transport, {
        endpoints: [upstream.port],
        connections: 1,
        timeouts: { connect: 100, response: 5000 },
      });
      const first = await openClient(t, proxy.port);
      first.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => upstream.received[0] !== undefined && upstream.received[0] !== '');
      const response = await get(proxy.port, '/2');
      assert.equal(response.status, 504);
      assert.equal(response.body.toString(), '504 upstream connection timed out\n');
    });

    it('answers 502 when the upstream closes without answering', async t => {
      const upstream = await startRawUpstream(t, socket => socket.destroy());
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
      const response = await request(proxy.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi');
      assert.equal(response.status, 502);
      assert.equal(response.body.toString(), '502 upstream connection lost\n');
      assert.equal(warnings(proxy)[0]?.code, 'UPSTREAM_RESET');
      assert.equal(upstream.sockets.length, 1);
    });

    it('repeats a safe request once when a kept-alive connection was closed', async t => {
      let served = 0;
      const upstream = await startRawUpstream(t, (socket, _text, connection) => {
        upstream.received[connection] = '';
        // The second request on the first connection meets a closed door.
        if (connection === 0 && ++served === 2) socket.destroy();
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
      assert.equal((await get(proxy.port, '/')).status, 200);
      assert.equal((await get(proxy.port, '/')).status, 200);
      assert.equal(upstream.sockets.length, 2);
    });

    for (const [what, bytes] of [
      ['what is no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
      ['a status no response has', 'HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n'],
      ['a bad status', 'HTTP/1.1 2x0 OK\r\n\r\n'],
      ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
      [
        'length and chunked',
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      ],
      ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
      [
        'an Upgrade nobody asked for',
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      ],
      ['a head over the limit', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n`],
    ] as const) {
      it(`answers 502 to ${what}`, async t => {
        const upstream = await startRawUpstream(t, socket => socket.end(bytes, 'latin1'));
        const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
        const response = await get(proxy.port, '/');
        assert.equal(response.status, 502);
        assert.equal(response.body.toString(), '502 upstream sent an invalid response\n');
      });
    }

    for (const [what, head] of [
      ['a length', 'Content-Length: 100\r\n\r\nhello'],
      ['chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
      ['no end but the connection', '\r\nhello'],
      ['half a chunk', 'Transfer-Encoding: chunked\r\n\r\n64\r\nhello'],
    ] as const) {
      for (const how of ['end', 'destroy'] as const) {
        // Without a length, the end of the connection is the end of the body.
        if (how === 'end' && head.startsWith('\r\n')) continue;
        it(`never passes a truncated body with ${what} for a whole one (${how})`, async t => {
          const upstream = await startRawUpstream(t, socket => {
            socket.write(`HTTP/1.1 200 OK\r\n${head}`);
          });
          const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
          const client = await openClient(t, proxy.port);
          client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
          await until(() => client.received.includes('hello'), 'the first bytes');
          if (how === 'end') upstream.sockets[0]?.end();
          else upstream.sockets[0]?.resetAndDestroy();
          await until(() => client.closed, 'the connection to break');
          assert.ok(!client.received.toString().includes('\r\n0\r\n'));
          assert.equal(warnings(proxy)[0]?.part, 'upstream response');
        });
      }
    }

    it('resets an HTTP/1.0 client whose body was cut', async t => {
      const upstream = await startRawUpstream(t, socket => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
      const client = await openClient(t, proxy.port);
      client.send('GET / HTTP/1.0\r\n\r\n');
      await until(() => client.received.includes('hello'));
      upstream.sockets[0]?.destroy();
      await until(() => client.closed);
      assert.equal(client.error?.code, 'ECONNRESET');
    });

    it('ends a response body that falls silent', async t => {
      const upstream = await startRawUpstream(t, socket => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello');
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], timeouts: { idle: 100 } });
      const client = await openClient(t, proxy.port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => client.closed, 'the connection to break');
      assert.equal(warnings(proxy)[0]?.code, 'UPSTREAM_TIMEOUT');
    });

    it('drops the upstream request when the client goes before the response', async t => {
      const upstream = await startUpstream(t, () => {});
      const chain = new FakeChain();
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => upstream.requests.length === 1);
      client.close();
      await until(() => upstream.requests[0]?.aborted, 'the upstream request to be dropped');
      await until(() => chain.last.finished === 1);
      assert.deepEqual(warnings(proxy), []);
    });

    it('gives up a request that waits for a connection, and keeps the connection', async t => {
      const upstream = await startRawUpstream(t, (_socket, _text) => {});
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], connections: 1 });
      const first = await openClient(t, proxy.port);
      first.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => upstream.received[0]?.includes('/1'));
      const chainless = await openClient(t, proxy.port);
      chainless.send('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
      const third = await openClient(t, proxy.port);
      third.send('GET /3 HTTP/1.1\r\nHost: a\r\n\r\n');
      // A request that is answered shows that those before it have been read.
      await request(proxy.port, 'GET / HTTP/1.1\r\nHost: /\r\n\r\n');
      chainless.close();
      await until(() => proxy.log.lines.some(line => line.message.startsWith('client connection closed')));
      const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
      upstream.sockets[0]?.write(ok);
      assert.equal((await first.response()).status, 200);
      await until(() => upstream.received.some(text => text.includes('/3')));
      upstream.sockets.at(-1)?.write(ok);
      assert.equal((await third.response()).status, 200);
      assert.equal(upstream.sockets.length, 1);
      assert.ok(!upstream.received.some(text => text.includes('/2')));
    });

    it('drops the upstream request when the client goes in the request body', async t => {
      const upstream = await startUpstream(t, () => {}, { early: true });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
      for (const framing of [
        'Content-Length: 100\r\n\r\nhello',
        'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      ]) {
        const seen = upstream.requests.length;
        const client = await openClient(t, proxy.port);
        client.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}`);
        await until(() => upstream.requests.length === seen + 1);
        client.close();
        await until(() => upstream.requests[seen]?.aborted, 'the upstream request to be dropped');
      }
    });

    it('drops the upstream request when the client goes in the response body', async t => {
      const upstream = await startUpstream(t, (_req, res) => {
        const more = () => {
          while (!res.destroyed && res.write(Buffer.alloc(65_536)));
        };
        res.on('drain', more);
        more();
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
      const client = await openClient(t, proxy.port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => client.received.length > 100_000);
      client.close();
      await until(() => upstream.requests[0]?.aborted, 'the upstream request to be dropped');
    });

    it('forwards an answer that comes before the request body ends', async t => {
      const upstream = await startUpstream(
        t,
        (_req, res) => {
          res.writeHead(413, { 'content-length': '3', connection: 'close' });
          res.end('big');
        },
        { early: true },
      );
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
      const client = await openClient(t, proxy.port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhello');
      const response = await client.response();
      assert.equal(response.status, 413);
      assert.equal(response.body.toString(), 'big');
    });

    it('shows filters a failure as a response', async t => {
      const chain = new FakeChain({
        onResponseHeaders(stream, headers, end) {
          headers.add('x-filter', String(headers.status));
          stream.exchange.sendResponseHeaders(headers, end);
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [await closedPort()], chain });
      const response = await get(proxy.port, '/');
      assert.equal(response.status, 502);
      assert.equal(header(response, 'x-filter'), '502');
      assert.equal(response.body.toString(), '502 upstream connection failed\n');
      const head = await request(proxy.port, 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.equal(head.status, 502);
      await until(() => chain.streams.every(stream => stream.finished === 1));
    });
  });
}
