import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type HttpProxy from 'http-proxy';
import { withFilterChain } from '../../src/index.ts';
import { startEcho } from '../../src/proxy/echo.ts';
import { httpProxy } from '../../src/proxy/http-proxy-module.ts';
import { FakeChain } from '../support/chain.ts';
import { get, header, RawClient, request } from '../support/raw-client.ts';
import { closedPort, startUpstream } from '../support/upstream.ts';
import { until } from '../support/wait.ts';
import { scriptedChain } from './plugin-chain.ts';
import { closeServer, embed, listen } from './serve.ts';

/** Adds a header each way and makes bodies upper case. */
const filter = () =>
  new FakeChain({
    onRequestHeaders({ exchange }, end) {
      exchange.requestHeaders.replace('x-request', 'filtered');
      exchange.sendRequestHeaders(end);
    },
    onRequestData({ exchange }, chunk, end) {
      exchange.sendRequestData(Buffer.from(chunk.toString().toUpperCase()), end);
    },
    onResponseHeaders({ exchange }, headers, end) {
      headers.replace('x-response', 'filtered');
      exchange.sendResponseHeaders(headers, end);
    },
    onResponseData({ exchange }, chunk, end) {
      exchange.sendResponseData(Buffer.from(chunk.toString().toUpperCase()), end);
    },
  });

async function upstream(t: TestContext, ...args: Parameters<typeof startUpstream>) {
  const server = await startUpstream(...args);
  t.after(() => server.close());
  return { ...server, url: `http://127.0.0.1:${server.port}` };
}

async function start(t: TestContext, server: Server): Promise<number> {
  t.after(() => closeServer(server));
  return listen(server);
}

function proxyWith(chain: FakeChain, options: HttpProxy.ServerOptions = {}): HttpProxy {
  const proxy = httpProxy().createProxyServer(options);
  assert.equal(withFilterChain(proxy, embed(chain).chain), proxy);
  return proxy;
}

test('requests and responses of proxy.web run through the chain, options per call hold', async t => {
  const up = await upstream(t, (_req, res) => res.end('answer'));
  const events: string[] = [];
  const proxy = proxyWith(filter());
  proxy.on('proxyReq', (out, req) => events.push(`proxyReq ${out.getHeader('x-request')} ${req.url}`));
  proxy.on('proxyRes', res => events.push(`proxyRes ${res.statusCode}`));
  proxy.on('end', () => events.push('end'));
  const port = await start(
    t,
    createServer((req, res) => proxy.web(req, res, { target: up.url, xfwd: true })),
  );
  const response = await request(
    port,
    'POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello',
  );
  assert.deepEqual([response.body.toString(), header(response, 'x-response')], ['ANSWER', 'filtered']);
  const [seen] = up.requests;
  assert.deepEqual([seen!.url, seen!.body.toString()], ['/a?b', 'HELLO']);
  assert.equal(seen!.headers.get('x-request'), 'filtered');
  assert.equal(seen!.headers.get('x-forwarded-for'), '127.0.0.1');
  assert.deepEqual(events, ['proxyReq filtered /a?b', 'proxyRes 200', 'end']);
});

test('the body of a DELETE arrives as its body, also when filters may change it', async t => {
  const up = await upstream(t, (_req, res, seen) => res.end(seen.body));
  const proxy = proxyWith(filter(), { target: up.url });
  const port = await start(
    t,
    createServer((req, res) => proxy.web(req, res)),
  );
  const heads = ['Content-Length: 2\r\n\r\nhi', 'Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n'];
  for (const rest of heads) {
    const response = await request(port, `DELETE / HTTP/1.1\r\nHost: h\r\n${rest}`);
    assert.equal(response.body.toString(), 'HI');
  }
  assert.equal((await request(port, 'DELETE / HTTP/1.1\r\nHost: h\r\n\r\n')).body.toString(), '');
  assert.deepEqual(
    up.requests.map(seen => seen.headers.get('content-length')),
    [undefined, undefined, '0'],
  );
});

test('responses of known length, chunked, without a body', async t => {
  const up = await upstream(t, (req, res) => {
    if (req.url === '/length') res.writeHead(200, { 'content-length': 4 }).end('body');
    else if (req.url === '/none') res.writeHead(304, { etag: '"1"' }).end();
    else res.write('bo', () => setTimeout(() => res.end('dy'), 5));
  });
  const proxy = proxyWith(filter(), { target: up.url });
  const port = await start(
    t,
    createServer((req, res) => proxy.web(req, res)),
  );
  assert.equal((await get(port, '/length')).body.toString(), 'BODY');
  const chunked = await get(port, '/chunked');
  assert.deepEqual([chunked.body.toString(), chunked.framing], ['BODY', 'chunked']);
  const none = await get(port, '/none');
  assert.deepEqual([none.status, header(none, 'x-response')], [304, 'filtered']);
  const head = await request(port, 'HEAD /length HTTP/1.1\r\nHost: h\r\n\r\n');
  assert.deepEqual([head.status, header(head, 'x-response')], [200, 'filtered']);
});

test('proxy.listen, path changes, and a filter that answers', async t => {
  const up = await upstream(t);
  const chain = new FakeChain({
    onRequestHeaders({ exchange }, end) {
      const { requestHeaders } = exchange;
      if (requestHeaders.path === '/no') {
        exchange.fail({ status: 503, filter: 'fake', details: 'no' });
        return;
      }
      requestHeaders.replace(':path', '/changed');
      exchange.sendRequestHeaders(end);
    },
  });
  const proxy = proxyWith(chain, { target: up.url });
  proxy.listen(0, '127.0.0.1');
  const { _server: server } = proxy as unknown as { _server: Server };
  t.after(() => closeServer(server));
  await until(() => server.address() !== null);
  const { port } = server.address() as AddressInfo;
  assert.equal((await get(port, '/')).body.toString(), 'ok');
  assert.equal((await get(port, '/no')).status, 503);
  assert.deepEqual(
    up.requests.map(r => r.url),
    ['/changed'],
  );
});

test('selfHandleResponse: what the user answers runs through the filters', async t => {
  const up = await upstream(t);
  const proxy = proxyWith(filter(), { target: up.url, selfHandleResponse: true });
  proxy.on('proxyRes', (answer, _req, res) => {
    answer.resume();
    answer.on('end', () => res.writeHead(201).end('mine'));
  });
  const port = await start(
    t,
    createServer((req, res) => proxy.web(req, res)),
  );
  const response = await get(port, '/');
  assert.deepEqual([response.status, response.body.toString()], [201, 'MINE']);
});

test('an answer in proxyRes that a filter still holds is not written over by http-proxy', async t => {
  const up = await upstream(t, (_req, res) => res.end('upstream'));
  const { chain } = scriptedChain({
    onResponseHeaders(seen) {
      setTimeout(() => seen.resume(1), 20);
      return 4;
    },
    onResponseBody: () => 0,
  });
  const proxy = withFilterChain(httpProxy().createProxyServer({ target: up.url }), embed(chain).chain);
  proxy.on('proxyRes', (_answer, _req, res) => res.end('mine'));
  const port = await start(
    t,
    createServer((req, res) => proxy.web(req, res)),
  );
  assert.equal((await get(port, '/')).body.toString(), 'mine');
});

test('an upstream that fails: the error event, and a retry runs the filters once', async t => {
  const up = await upstream(t);
  const chain = filter();
  const proxy = proxyWith(chain);
  const dead = `http://127.0.0.1:${await closedPort()}`;
  proxy.on('error', (_error, req, res) => {
    if (req.url === '/retry') proxy.web(req, res as never, { target: up.url });
    else if ('writeHead' in res) res.writeHead(502).end('bad');
  });
  const port = await start(
    t,
    createServer((req, res) => proxy.web(req, res, { target: dead })),
  );
  const failed = await get(port, '/');
  assert.deepEqual(
    [failed.status, failed.body.toString(), header(failed, 'x-response')],
    [502, 'BAD', 'filtered'],
  );
  assert.equal((await get(port, '/retry')).body.toString(), 'OK');
  assert.equal(chain.streams.length, 2);
  await until(() => chain.streams.every(stream => stream.finished === 1));
});

test('a chain that can’t take a request is an error event', async t => {
  const { chain } = embed(filter());
  const proxy = withFilterChain(httpProxy().createProxyServer({ target: 'http://127.0.0.1:1' }), chain);
  proxy.on('error', (error, _req, res) => 'writeHead' in res && res.writeHead(500).end(error.message));
  await chain.close();
  const port = await start(
    t,
    createServer((req, res) => proxy.web(req, res)),
  );
  assert.match((await get(port, '/')).body.toString(), /closed/);
});

test('proxy.ws: filters see and change the handshake, or refuse it', async t => {
  const echo = await startEcho();
  t.after(() => echo.close());
  const { chain, streams } = scriptedChain({
    onRequestHeaders(seen) {
      const { requestHeaders } = seen.stream;
      if (requestHeaders.path === '/no') {
        seen.answer({ status: 403 });
        return 1;
      }
      if (requestHeaders.path === '/later') setTimeout(() => seen.resume(0), 10);
      requestHeaders.replace('sec-websocket-protocol', 'filtered');
      return requestHeaders.path === '/later' ? 4 : 0;
    },
  });
  const target = `http://127.0.0.1:${echo.port}`;
  const { chain: embedded } = embed(chain);
  const proxy = withFilterChain(httpProxy().createProxyServer(), embedded);
  const server = createServer();
  server.on('upgrade', (req, socket, head) => proxy.ws(req, socket, head, { target }));
  const port = await start(t, server);
  const shake = async (path: string) => {
    const client = await RawClient.open(port);
    t.after(() => client.close());
    const lines =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    client.send(`GET ${path} HTTP/1.1\r\nHost: h\r\n${lines}Sec-WebSocket-Version: 13\r\n\r\n`);
    return client;
  };
  for (const path of ['/', '/later']) {
    const client = await shake(path);
    const response = await client.response();
    assert.deepEqual([response.status, header(response, 'sec-websocket-protocol')], [101, 'filtered']);
    client.send(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
    await until(() => client.received.includes('hi'));
    client.close();
  }
  const refused = await (await shake('/no')).response();
  assert.deepEqual([refused.status, refused.body.toString()], [403, 'refused\n']);
  await until(() => streams[0]!.every(seen => seen.events.includes('finish')));
  await embedded.close();
});
