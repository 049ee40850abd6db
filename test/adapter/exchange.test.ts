import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { GuestError } from '../../src/errors.ts';
import type { ConnectionInfo } from '../../src/message/info.ts';
import { EMPTY_CHAIN, FakeChain } from '../support/chain.ts';
import { get, header, RawClient, request } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { REQUEST, scriptedChain } from './plugin-chain.ts';
import { closeServer, embed, listen, serve } from './serve.ts';

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));
const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';

test('a filter answers: the handler is not called, and filters before it see the answer', async t => {
  const { chain, streams } = scriptedChain(
    {
      onRequestHeaders: () => 0,
      onResponseHeaders({ stream }) {
        stream.responseHeaders?.add('x-outer', '1');
        return 0;
      },
    },
    {
      onRequestHeaders(seen) {
        seen.answer({ status: 403, headers: ['x-why', 'rules'] });
        return 1;
      },
    },
  );
  const server = await serve(chain, () => assert.fail('called'));
  t.after(() => server.close());
  const client = await RawClient.open(server.port);
  t.after(() => client.close());
  // The body is read and dropped, the connection serves on.
  client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n');
  client.send(Buffer.alloc(100_000));
  const response = await client.response('POST');
  assert.deepEqual([response.status, response.body.toString()], [403, 'refused\n']);
  assert.deepEqual([header(response, 'x-why'), header(response, 'x-outer')], ['rules', '1']);
  client.send(GET);
  assert.equal((await client.response()).status, 403);
  await until(() => streams[1]![1]!.events.includes('finish'));
  const finishes = streams.flat().map(seen => seen.events.filter(e => e === 'finish').length);
  assert.deepEqual(finishes, [1, 1, 1, 1]);
});

test('a failing filter gives our error page, and an entry in the log', async t => {
  const { chain } = scriptedChain({
    onRequestHeaders() {
      throw new GuestError('GUEST_TRAP', 'filter-1', 'proxy_on_request_headers', 'trap: unreachable');
    },
  });
  const server = await serve(chain, () => assert.fail('called'));
  t.after(() => server.close());
  const response = await get(server.port, '/');
  assert.deepEqual([response.status, response.body.toString()], [503, '503 service unavailable\n']);
  assert.deepEqual(server.log.at('warn')[0]!.fields['filter'], 'filter-1');
});

test('a filter that fails on the response: the error page replaces what the handler wrote', async t => {
  const { chain } = scriptedChain({
    onResponseHeaders() {
      throw new GuestError('GUEST_TRAP', 'filter-1', 'proxy_on_response_headers', 'trap: unreachable');
    },
  });
  const server = await serve(chain, (_req, res) => {
    res.setHeader('x-handler', '1');
    res.setHeader('transfer-encoding', 'chunked');
    res.write('secret', () => {
      res.setHeader('x-late', '1');
      res.writeHead(200);
      res.end('more');
    });
  });
  t.after(() => server.close());
  const response = await get(server.port, '/');
  assert.deepEqual([response.status, response.body.toString()], [503, '503 service unavailable\n']);
  assert.equal(header(response, 'x-handler'), undefined);
  assert.ok(header(response, 'date'));
});

test('a filter that fails after the head is out breaks the connection off', async t => {
  const { chain } = scriptedChain({
    onResponseBody(_seen, _body, end) {
      if (end) throw new GuestError('GUEST_TRAP', 'filter-1', 'proxy_on_response_body', 'trap: unreachable');
      return 0;
    },
  });
  const server = await serve(chain, (_req, res) => {
    res.write('part');
    setTimeout(() => res.end('rest'), 10);
  });
  t.after(() => server.close());
  await assert.rejects(get(server.port, '/'), /connection ended in a response/);
});

test('a paused request that nobody resumes ends with 504', async t => {
  const { chain } = scriptedChain({ onRequestHeaders: () => 4, pauseTime: 30 });
  const server = await serve(chain, () => assert.fail('called'));
  t.after(() => server.close());
  assert.equal((await get(server.port, '/')).status, 504);
});

test('a body over the limit ends with 413; a handler that reads it sees it break off', async t => {
  const { chain } = scriptedChain({ onRequestBody: () => 1, bufferedBody: 10 });
  const errors: unknown[] = [];
  const server = await serve(chain, async (req, res) => {
    try {
      for await (const _ of req);
    } catch (error) {
      errors.push((error as NodeJS.ErrnoException).code);
    }
    res.statusCode = 500;
    res.setHeader('x-late', '1');
    res.end('dropped');
  });
  t.after(() => server.close());
  const client = await RawClient.open(server.port);
  t.after(() => client.close());
  client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n${'x'.repeat(20)}`);
  assert.equal((await client.response('POST')).status, 413);
  await until(() => errors.length === 1);
  assert.deepEqual(errors, ['ECONNRESET']);
  // The connection is as good as before.
  client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n${'x'.repeat(20)}`);
  assert.equal((await client.response('POST')).status, 413);
});

test('a client that goes ends its contexts once, wherever it is', async t => {
  const { chain, streams } = scriptedChain({
    onRequestHeaders: ({ stream }) => (stream.requestHeaders.path === '/paused' ? 4 : 0),
    onRequestBody: () => 0,
    onResponseHeaders: ({ stream }) => (stream.requestHeaders.path === '/held' ? 4 : 0),
    onResponseBody: () => 0,
  });
  const server = await serve(chain, (req, res) => {
    if (req.url === '/held' || req.url === '/open') res.write('x');
  });
  t.after(() => server.close());
  const heads = ['/paused', '/held', '/open', '/silent'].map(
    path => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`,
  );
  heads.push('POST /silent HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf');
  for (const [i, head] of heads.entries()) {
    const client = await RawClient.open(server.port);
    client.send(head);
    await until(() => streams[0]!.length === i + 1);
    await pause(5);
    assert.equal(streams[0]![i]!.events.includes('finish'), false);
    client.close();
    await until(() => streams[0]![i]!.events.includes('finish'), head);
  }
  // Pipelined: the second response has no connection yet when it goes.
  const client = await RawClient.open(server.port);
  client.send(heads[2]! + heads[3]!);
  await until(() => streams[0]!.length === 7);
  client.close();
  await until(() => streams[0]!.every(seen => seen.events.includes('finish')));
  for (const seen of streams[0]!) assert.equal(seen.events.filter(e => e === 'finish').length, 1);
});

test('a handler that goes on reading after its answer gets the whole body, filtered', async t => {
  const { chain, streams } = scriptedChain({
    onRequestBody(_seen, body) {
      const bytes = body.take();
      body.append(Buffer.from(bytes.toString().toUpperCase()));
      return 0;
    },
  });
  let text = '';
  let ended = false;
  const server = await serve(chain, (req, res) => {
    res.end('accepted');
    req.on('data', chunk => {
      text += chunk;
    });
    req.on('end', () => {
      ended = true;
    });
  });
  t.after(() => server.close());
  const client = await RawClient.open(server.port);
  t.after(() => client.close());
  client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nhalf');
  assert.equal((await client.response('POST')).body.toString(), 'accepted');
  await pause(10);
  assert.equal(streams[0]![0]!.events.includes('finish'), false);
  client.send('rest');
  await until(() => ended);
  assert.equal(text, 'HALFREST');
  await until(() => streams[0]![0]!.events.includes('finish'));
});

test('close waits for requests under way; later ones are errors', async t => {
  let ended = 0;
  const { chain } = embed(new FakeChain());
  let finish: (() => void) | undefined;
  const server = createServer((req, res) => {
    chain.middleware()(req, res, error => {
      if (error === undefined) finish = () => res.end('done');
      else res.writeHead(500).end(String(error));
    });
  });
  t.after(() => closeServer(server));
  const port = await listen(server);
  const first = get(port, '/');
  await until(() => finish !== undefined);
  const closed = chain.close().then(() => ended++);
  assert.match((await get(port, '/')).body.toString(), /the filter chain is closed/);
  assert.equal(ended, 0);
  finish?.();
  assert.equal((await first).body.toString(), 'done');
  await closed;
  await chain.close();
});

test('an empty chain is no chain', async t => {
  const server = await serve(EMPTY_CHAIN, (_req, res) => res.end('plain'));
  t.after(() => server.close());
  assert.equal((await get(server.port, '/')).body.toString(), 'plain');
});

test('a request that comes by twice is filtered once', async t => {
  const chain = new FakeChain();
  const { chain: embedded } = embed(chain);
  const middleware = embedded.middleware();
  const server = createServer((req, res) => {
    middleware(req, res, () => middleware(req, res, () => res.end('ok')));
  });
  t.after(() => closeServer(server));
  await get(await listen(server), '/');
  assert.equal(chain.streams.length, 1);
});

test('the handler runs in its own request’s async context, whoever resumed it', async t => {
  const storage = new AsyncLocalStorage<string>();
  const { chain, streams } = scriptedChain({
    onRequestHeaders: ({ stream }) => (stream.requestHeaders.path === '/paused' ? 4 : 0),
  });
  const { chain: embedded } = embed(chain);
  const middleware = embedded.middleware();
  const server = createServer((req, res) => {
    storage.run(req.url!, () => middleware(req, res, () => res.end(storage.getStore())));
  });
  t.after(() => closeServer(server));
  const port = await listen(server);
  const first = get(port, '/paused');
  await until(() => streams[0]!.length === 1);
  storage.run('/wrong', () => streams[0]![0]!.resume(REQUEST));
  assert.equal((await first).body.toString(), '/paused');
});

test('what the handler throws is thrown to the server, not taken for a filter’s failure', async t => {
  const { chain } = embed(new FakeChain());
  const errors: unknown[] = [];
  const handler = chain.handler(() => {
    throw new Error('mine');
  });
  const server = createServer((req, res) => {
    try {
      handler(req, res);
    } catch (error) {
      errors.push((error as Error).message);
      res.end('caught');
    }
  });
  t.after(() => closeServer(server));
  assert.equal((await get(await listen(server), '/')).body.toString(), 'caught');
  assert.deepEqual(errors, ['mine']);
});

test('what filters are told of the connection and the sizes', async t => {
  const chain = new FakeChain({
    onResponseData: ({ exchange }, c, end) => exchange.sendResponseData(c, end),
  });
  const server = await serve(chain, (_req, res) => res.end('body'));
  t.after(() => server.close());
  const client = await RawClient.open(server.port);
  t.after(() => client.close());
  const ids: number[] = [];
  for (let i = 0; i < 2; i++) {
    client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc');
    await client.response('POST');
    ids.push(chain.last.exchange.connection.id);
  }
  const { exchange } = chain.last;
  const info: ConnectionInfo = exchange.connection;
  assert.equal(ids[0], ids[1]);
  assert.deepEqual([info.sourceAddress, info.destinationPort], ['127.0.0.1', server.port]);
  assert.deepEqual([exchange.requestSize, exchange.responseSize], [3, 4]);
  assert.equal(exchange.protocol, 'HTTP/1.1');
  assert.equal(exchange.requestHeaders.scheme, 'http');
});

test('HTTP/1.0 and Expect: 100-continue work', async t => {
  const chain = new FakeChain({}, { requestBody: true, responseBody: true, response: true });
  const server = await serve(chain, async (req: IncomingMessage, res) => {
    let text = '';
    for await (const chunk of req) text += chunk;
    res.write(text === '' ? '?' : text);
    res.end('!');
  });
  t.after(() => server.close());
  const old = await request(server.port, 'GET / HTTP/1.0\r\n\r\n');
  assert.deepEqual([old.body.toString(), old.framing], ['?!', 'close']);
  const client = await RawClient.open(server.port);
  t.after(() => client.close());
  client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n');
  assert.equal((await client.response('POST')).status, 100);
  client.send('abc');
  assert.equal((await client.response('POST')).body.toString(), 'abc!');
});

test('a handshake runs the request filters', async t => {
  const { chain, streams } = scriptedChain({
    onRequestHeaders(seen, end) {
      assert.equal(end, true);
      const { requestHeaders } = seen.stream;
      if (requestHeaders.path === '/no') seen.answer({ status: 401, headers: ['www-authenticate', 'Basic'] });
      if (requestHeaders.path === '/fail') throw new Error('broken');
      if (requestHeaders.path === '/later') return 4;
      requestHeaders.replace('x-user', 'anna');
      return 0;
    },
  });
  const { chain: embedded } = embed(chain);
  const server = createServer();
  server.on(
    'upgrade',
    embedded.upgradeHandler((req, socket) => {
      const { upgrade, connection, 'x-user': user } = req.headers;
      socket.end(`HTTP/1.1 101 Switching Protocols\r\n\r\n${upgrade} ${connection} ${user}`);
    }),
  );
  t.after(() => closeServer(server));
  const port = await listen(server);
  const shake = async (path: string) => {
    const client = await RawClient.open(port);
    t.after(() => client.close());
    client.send(`GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    return client;
  };
  assert.match(await (await shake('/')).rest(), /\r\n\r\nwebsocket Upgrade anna$/);
  const refused = await shake('/no');
  const response = await refused.response();
  assert.deepEqual([response.status, response.body.toString()], [401, 'refused\n']);
  assert.deepEqual(
    [header(response, 'www-authenticate'), header(response, 'connection')],
    ['Basic', 'close'],
  );
  await refused.untilClosed();
  assert.equal((await (await shake('/fail')).response()).status, 500);
  const gone = await shake('/later');
  await until(() => streams[0]!.length === 4);
  gone.close();
  const later = await shake('/later');
  await until(() => streams[0]!.length === 5);
  streams[0]![4]!.resume(REQUEST);
  assert.match(await later.rest(), /^HTTP\/1.1 101 /);
  await until(() => streams[0]!.every(seen => seen.events.filter(e => e === 'finish').length === 1));
  await embedded.close();
});
