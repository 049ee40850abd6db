import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startProxy, type TestProxy, TRANSPORTS } from '../support/proxy.ts';
import { get, header, headerValues, RawClient, request } from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream, startUpstream, type TestUpstream } from '../support/upstream.ts';

for (const transport of TRANSPORTS) {
  describe(`forwarding through ${transport}`, () => {
    let upstream: TestUpstream;
    let proxy: TestProxy;

    before(async () => {
      upstream = await startUpstream((req, res) => {
        if (req.url === '/trailers') {
          res.writeHead(200, ['Trailer', 'X-Sum']);
          res.write('body');
          res.addTrailers([['X-Sum', 'abc']]);
          res.end();
        } else if (req.url === '/many') {
          res.writeHead(200, 'Fine', [
            'Set-Cookie',
            'a=1',
            'X-One',
            'ä',
            'Set-Cookie',
            'b=2',
            'Connection',
            'X-Hop',
            'X-Hop',
            '1',
          ]);
          res.end('ok');
        } else if (req.url === '/204') res.writeHead(204).end();
        else if (req.url === '/304') res.writeHead(304, { etag: '"a"', 'content-length': '10' }).end();
        else if (req.url === '/empty') res.writeHead(200, { 'content-length': '0' }).end();
        else if (req.url === '/407') res.writeHead(407, { 'proxy-authenticate': 'Basic' }).end();
        else res.end(req.method === 'HEAD' ? undefined : 'ok');
      });
      proxy = await startProxy(transport, { endpoints: [upstream.port] });
    });

    after(async () => {
      await proxy.close();
      await upstream.close();
    });

    const last = () => upstream.requests.at(-1)!;

    it('forwards method, target and fields as they came', async () => {
      const response = await request(
        proxy.port,
        'PROPFIND //a/./b/../c%2f%61?x=1&y=%20? HTTP/1.1\r\nHost: Example.COM:81\r\nX-A: 1\r\nx-a: 2\r\nX-Latin: \xe4\xff\r\nCookie: a=1\r\nX-Empty:\r\n\r\n',
      );
      assert.equal(response.status, 200);
      const { method, url, headers } = last();
      assert.equal(method, 'PROPFIND');
      assert.equal(url, '//a/./b/../c%2f%61?x=1&y=%20?');
      assert.equal(headers.get('host'), 'Example.COM:81');
      assert.equal(headers.get('x-a'), '1|2');
      assert.equal(headers.get('x-latin'), '\xe4\xff');
      assert.equal(headers.get('x-empty'), '');
      assert.equal(headers.get('cookie'), 'a=1');
    });

    it('adds X-Forwarded-*, and Via both ways', async () => {
      const response = await get(proxy.port, '/');
      assert.equal(last().headers.get('x-forwarded-for'), '127.0.0.1');
      assert.equal(last().headers.get('x-forwarded-proto'), 'http');
      assert.equal(last().headers.get('x-forwarded-host'), 'test');
      assert.equal(last().headers.get('via'), '1.1 weir');
      assert.equal(header(response, 'via'), '1.1 weir');
    });

    it('appends to X-Forwarded-For and keeps what a proxy in front said', async () => {
      await get(
        proxy.port,
        '/',
        'X-Forwarded-For: 10.0.0.1',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Host: front',
      );
      assert.equal(last().headers.get('x-forwarded-for'), '10.0.0.1, 127.0.0.1');
      assert.equal(last().headers.get('x-forwarded-proto'), 'https');
      assert.equal(last().headers.get('x-forwarded-host'), 'front');
    });

    it('takes hop-by-hop fields out of requests, and what Connection names', async () => {
      await get(
        proxy.port,
        '/',
        'Connection: close, X-Hop, Content-Length, Host, X-Forwarded-For',
        'X-Hop: 1',
        'X-Forwarded-For: 10.0.0.1',
        'Keep-Alive: timeout=1',
        'Proxy-Connection: close',
        'Proxy-Authorization: Basic abc',
        'Authorization: Basic def',
        'TE: trailers, gzip',
        'Upgrade: h2c',
      );
      const { headers } = last();
      for (const name of ['x-hop', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'upgrade']) {
        assert.equal(headers.get(name), undefined, name);
      }
      assert.equal(headers.get('connection'), 'keep-alive');
      assert.equal(headers.get('te'), 'trailers');
      assert.equal(headers.get('authorization'), 'Basic def');
      assert.equal(headers.get('x-forwarded-for'), '127.0.0.1');
    });

    it('takes hop-by-hop fields out of responses and keeps repeated ones', async () => {
      const response = await get(proxy.port, '/many');
      assert.equal(response.reason, 'Fine');
      assert.deepEqual(headerValues(response, 'set-cookie'), ['a=1', 'b=2']);
      assert.equal(header(response, 'x-one'), '\xe4');
      assert.equal(header(response, 'x-hop'), undefined);
      assert.equal(header(await get(proxy.port, '/407'), 'proxy-authenticate'), undefined);
    });

    it('forwards a body with its length', async () => {
      const response = await request(
        proxy.port,
        'PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
      );
      assert.equal(response.status, 200);
      assert.equal(last().body.toString(), 'hello');
      assert.equal(last().headers.get('content-length'), '5');
      assert.equal(last().headers.get('transfer-encoding'), undefined);
    });

    for (const method of ['GET', 'DELETE', 'OPTIONS', 'POST']) {
      it(`forwards ${method} with a body, and without`, async () => {
        await request(proxy.port, `${method} /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`);
        assert.equal(last().method, method);
        assert.equal(last().body.toString(), 'hello');
        await request(proxy.port, `${method} /b HTTP/1.1\r\nHost: a\r\n\r\n`);
        assert.equal(last().url, '/b');
        assert.equal(last().headers.get('transfer-encoding'), undefined);
        assert.equal(last().headers.get('content-length'), method === 'POST' ? '0' : undefined);
      });
    }

    it('forwards a chunked body with its trailers', async () => {
      await request(
        proxy.port,
        'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-Sum: 7\r\nConnection: x\r\n\r\n',
      );
      assert.equal(last().body.toString(), 'abcdefg');
      assert.deepEqual(last().trailers, ['X-Sum', '7']);
      assert.equal(last().headers.get('transfer-encoding'), 'chunked');
      assert.equal(last().headers.get('trailer'), 'X-Sum');
    });

    it('forwards response trailers', async () => {
      const response = await get(proxy.port, '/trailers');
      assert.equal(response.body.toString(), 'body');
      assert.deepEqual(response.trailers, [['X-Sum', 'abc']]);
      assert.equal(header(response, 'trailer'), 'X-Sum');
    });

    it('forwards HEAD, 204, 304 and empty bodies', async () => {
      const client = await RawClient.open(proxy.port);
      client.send('HEAD /many HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.equal((await client.response('HEAD')).status, 200);
      client.send('GET /204 HTTP/1.1\r\nHost: a\r\n\r\n');
      const none = await client.response();
      assert.equal(none.status, 204);
      assert.equal(header(none, 'content-length'), undefined);
      assert.equal(header(none, 'transfer-encoding'), undefined);
      client.send('GET /304 HTTP/1.1\r\nHost: a\r\n\r\n');
      const unchanged = await client.response();
      assert.equal(unchanged.status, 304);
      assert.equal(header(unchanged, 'etag'), '"a"');
      assert.equal(header(unchanged, 'content-length'), '10');
      client.send('GET /empty HTTP/1.1\r\nHost: a\r\n\r\n');
      const empty = await client.response();
      assert.equal(header(empty, 'content-length'), '0');
      client.close();
    });

    it('keeps the length of a HEAD response', async () => {
      const echo = await startProxy(transport, { endpoints: ['echo'] });
      const response = await request(echo.port, 'HEAD /?size=1234 HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.equal(header(response, 'content-length'), '1234');
      await echo.close();
    });

    it('keeps client and upstream connections', async () => {
      const before = upstream.connections();
      const client = await RawClient.open(proxy.port);
      for (let i = 0; i < 5; i++) {
        client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        assert.equal((await client.response()).status, 200);
      }
      assert.ok(upstream.connections() - before <= 1);
      client.close();
    });

    it('sends nothing chunked to an HTTP/1.0 client', async () => {
      const plain = await request(proxy.port, 'GET /trailers HTTP/1.0\r\nTE: chunked\r\n\r\n');
      assert.equal(plain.framing, 'close');
      assert.equal(plain.body.toString(), 'body');
      assert.equal(header(plain, 'trailer'), undefined);
      const client = await RawClient.open(proxy.port);
      client.send('GET /empty HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n');
      assert.equal((await client.response()).framing, 'length');
      client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
      assert.equal((await client.response()).status, 200);
      await client.untilClosed();
      client.close();
    });

    it('invites the body of a client that expects 100-continue', async () => {
      const client = await RawClient.open(proxy.port);
      client.send('POST /expect HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
      assert.equal((await client.response()).status, 100);
      client.send('hello');
      assert.equal((await client.response()).status, 200);
      assert.equal(last().body.toString(), 'hello');
      assert.equal(last().headers.get('expect'), undefined);
      client.close();
    });
  });

  describe(`informational responses through ${transport}`, () => {
    let upstream: RawUpstream;

    before(async () => {
      upstream = await startRawUpstream((socket, text, connection) => {
        upstream.received[connection] = '';
        const hundred = text.includes('/100') ? 'HTTP/1.1 100 Continue\r\n\r\n' : '';
        socket.write(
          `${hundred}HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
        );
      });
    });

    after(() => upstream.close());

    it('forwards 102 and 103', async () => {
      const proxy = await startProxy(transport, { endpoints: [upstream.port] });
      const client = await RawClient.open(proxy.port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const hints = await client.response();
      assert.equal(hints.status, 103);
      assert.equal(header(hints, 'link'), '</a.css>');
      assert.equal(header(hints, 'connection'), undefined);
      assert.equal((await client.response()).status, 102);
      assert.equal((await client.response()).status, 200);
      client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
      assert.equal((await client.response()).status, 200);
      client.close();
      await proxy.close();
    });

    // undici takes a 100 that nobody asked for as a protocol error.
    if (transport === 'http-proxy') {
      it('swallows 100', async () => {
        const proxy = await startProxy(transport, { endpoints: [upstream.port] });
        const response = await get(proxy.port, '/100');
        assert.equal(response.status, 103);
        await proxy.close();
      });
    }
  });
}
