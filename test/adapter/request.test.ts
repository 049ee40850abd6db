import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { FakeChain, type FakeStream } from '../support/chain.ts';
import { get, header, RawClient, request } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { REQUEST, scriptedChain } from './plugin-chain.ts';
import { closeServer, embed, listen, serve } from './serve.ts';

async function bodyOf(req: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of req) text += chunk;
  return text;
}

const post = (body: string, ...lines: string[]): string =>
  `POST /p HTTP/1.1\r\nHost: test\r\nContent-Length: ${body.length}\r\n${lines.map(l => `${l}\r\n`).join('')}\r\n${body}`;

test('the handler sees method, target and headers as filtered', async t => {
  const chain = new FakeChain({
    onRequestHeaders({ exchange }, end) {
      const headers = exchange.requestHeaders;
      assert.equal(headers.get(':path'), '/a?b=1');
      assert.equal(headers.get('connection'), undefined);
      headers.replace(':path', '/new?c=2');
      headers.replace(':method', 'PUT');
      headers.replace(':authority', 'other.example');
      headers.add('x-two', '1');
      headers.add('x-two', '2');
      headers.remove('x-gone');
      headers.add('connection', 'close');
      headers.add('transfer-encoding', 'chunked');
      exchange.sendRequestHeaders(end);
    },
  });
  const seen: unknown[] = [];
  const server = await serve(chain, (req, res) => {
    seen.push(req.method, req.url, req.headers, req.headersDistinct['x-two'], req.rawHeaders);
    res.end();
  });
  t.after(() => server.close());
  await get(server.port, '/a?b=1', 'X-Gone: 1', 'X-Stays: 1', 'Connection: keep-alive');
  assert.deepEqual(seen, [
    'PUT',
    '/new?c=2',
    { host: 'other.example', 'x-stays': '1', 'x-two': '1, 2', connection: 'keep-alive' },
    ['1', '2'],
    ['Host', 'other.example', 'X-Stays', '1', 'x-two', '1', 'x-two', '2', 'Connection', 'keep-alive'],
  ]);
});

test('nothing of the request is touched when filters change nothing', async t => {
  let seen: IncomingMessage | undefined;
  const server = await serve(new FakeChain(), (req, res) => {
    seen = req;
    res.end();
  });
  t.after(() => server.close());
  await request(server.port, 'GET http://h/x?y HTTP/1.1\r\nHost: h\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n');
  assert.equal(seen?.url, 'http://h/x?y');
  assert.equal(seen.headers.cookie, 'a=1; b=2');
  assert.deepEqual(seen.rawHeaders, ['Host', 'h', 'Cookie', 'a=1', 'Cookie', 'b=2']);
});

test('filters see what code in front changed in req.headers, and it is kept', async t => {
  const { chain } = embed(
    new FakeChain({
      onRequestHeaders({ exchange }, end) {
        const { requestHeaders } = exchange;
        assert.equal(requestHeaders.get('x-id'), 'one');
        assert.equal(requestHeaders.get('x-old'), 'changed');
        assert.equal(requestHeaders.get('x-removed'), undefined);
        assert.equal(requestHeaders.get('x-twice'), 'a');
        requestHeaders.add('x-filter', '1');
        exchange.sendRequestHeaders(end);
      },
    }),
  );
  const seen: IncomingMessage['headers'][] = [];
  const server = createServer((req, res) => {
    req.headers['x-id'] = 'one';
    req.headers['x-old'] = 'changed';
    delete req.headers['x-removed'];
    chain.middleware()(req, res, () => {
      seen.push(req.headers);
      res.end();
    });
  });
  t.after(() => closeServer(server));
  await get(await listen(server), '/', 'x-old: 1', 'x-removed: 1', 'x-twice: a', 'x-twice: b');
  assert.equal(seen.length, 1);
  const { 'x-id': id, 'x-old': old, 'x-removed': removed, 'x-twice': twice, 'x-filter': filter } = seen[0]!;
  assert.deepEqual([id, old, removed, twice, filter], ['one', 'changed', undefined, 'a, b', '1']);
});

test('a changed body reaches the handler, chunked since its length is not known before', async t => {
  const chain = new FakeChain({
    onRequestData({ exchange }, chunk, end) {
      exchange.sendRequestData(Buffer.from(chunk.toString().replaceAll('foo', 'longer')), end);
    },
  });
  const server = await serve(chain, async (req, res) => {
    const { 'content-length': length, 'transfer-encoding': encoding } = req.headers;
    res.end(`${length} ${encoding} ${await bodyOf(req)} ${req.complete} ${req.readableAborted}`);
  });
  t.after(() => server.close());
  const response = await request(server.port, post('a foo b'));
  assert.equal(response.body.toString(), 'undefined chunked a longer b true false');
  assert.deepEqual(chain.last.events, ['request headers', 'request data:end', 'finish']);
});

test('a body that filters only read keeps its Content-Length, whatever they write', async t => {
  const chain = new FakeChain(
    {
      onRequestHeaders({ exchange }, end) {
        exchange.requestHeaders.replace('content-length', '999');
        exchange.sendRequestHeaders(end);
      },
    },
    { requestBody: true, changesRequestBody: false },
  );
  const server = await serve(chain, async (req, res) => {
    res.end(`${req.headers['content-length']} ${await bodyOf(req)}`);
  });
  t.after(() => server.close());
  assert.equal((await request(server.port, post('hello'))).body.toString(), '5 hello');
});

test('a chain that takes no bodies leaves the body alone', async t => {
  const chain = new FakeChain();
  const server = await serve(chain, async (req, res) => {
    assert.equal(Object.hasOwn(req, 'push'), false);
    res.end(await bodyOf(req));
  });
  t.after(() => server.close());
  assert.equal((await request(server.port, post('hello'))).body.toString(), 'hello');
  assert.deepEqual(chain.last.events, ['request headers', 'finish']);
});

test('trailers pass the filters', async t => {
  const chain = new FakeChain({
    onRequestTrailers({ exchange }, trailers) {
      assert.equal(trailers.get('x-sum'), '1');
      trailers.add('x-more', '2');
      exchange.sendRequestTrailers(trailers);
    },
  });
  const server = await serve(chain, async (req, res) => {
    const text = await bodyOf(req);
    res.end(JSON.stringify([text, req.trailers, req.trailersDistinct, req.rawTrailers]));
  });
  t.after(() => server.close());
  const response = await request(
    server.port,
    'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n',
  );
  assert.deepEqual(JSON.parse(response.body.toString()), [
    'abc',
    { 'x-sum': '1', 'x-more': '2' },
    { 'x-sum': ['1'], 'x-more': ['2'] },
    ['X-Sum', '1', 'x-more', '2'],
  ]);
});

test('headers paused by a filter reach the handler when it resumes, with the body', async t => {
  const { chain, streams } = scriptedChain({ onRequestHeaders: () => 4, onRequestBody: () => 0 });
  let handled = 0;
  const server = await serve(chain, async (req, res) => {
    handled++;
    res.end(await bodyOf(req));
  });
  t.after(() => server.close());
  const client = await RawClient.open(server.port);
  t.after(() => client.close());
  client.send(post('hello'));
  await until(() => streams[0]!.length === 1);
  await new Promise(resolve => setTimeout(resolve, 20));
  assert.equal(handled, 0);
  streams[0]![0]!.resume(REQUEST);
  assert.equal((await client.response('POST')).body.toString(), 'hello');
  assert.equal(handled, 1);
});

test('a filter that holds the whole body passes it on at its end', async t => {
  const { chain } = scriptedChain({
    onRequestBody(_seen, body, end) {
      if (!end) return 1;
      body.splice(0, 0, Buffer.from(`${body.length}:`));
      return 0;
    },
  });
  const server = await serve(chain, async (req, res) => res.end(await bodyOf(req)));
  t.after(() => server.close());
  const client = await RawClient.open(server.port);
  t.after(() => client.close());
  client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  await new Promise(resolve => setTimeout(resolve, 10));
  client.send('3\r\ndef\r\n0\r\n\r\n');
  assert.equal((await client.response('POST')).body.toString(), '6:abcdef');
  // The connection serves on.
  client.send(post('x'));
  assert.equal((await client.response('POST')).body.toString(), '1:x');
});

test('a large body is read no faster than the handler takes it', async t => {
  const chain = new FakeChain({}, { requestBody: true });
  let req: IncomingMessage | undefined;
  const server = await serve(chain, async (r, res) => {
    req = r;
    await until(() => r.headers['x-never'] !== undefined || started);
    let size = 0;
    for await (const chunk of r) size += (chunk as Buffer).length;
    res.end(String(size));
  });
  let started = false;
  t.after(() => server.close());
  const client = await RawClient.open(server.port);
  t.after(() => client.close());
  const size = 16 * 1024 * 1024;
  client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${size}\r\n\r\n`);
  client.send(Buffer.alloc(size, 'x'));
  await until(() => req !== undefined && req.readableLength >= req.readableHighWaterMark);
  await new Promise(resolve => setTimeout(resolve, 50));
  assert.ok(chain.last.exchange.requestSize < 1024 * 1024);
  started = true;
  assert.equal((await client.response('POST')).body.toString(), String(size));
});

test('a filter that holds all it may stops the client, and lets it go on', async t => {
  const held: Buffer[] = [];
  const chain = new FakeChain({
    onRequestData(stream, chunk, end) {
      if (stream.finished === 0 && !released) {
        held.push(chunk);
        stream.exchange.pauseRequest(true);
      } else stream.exchange.sendRequestData(chunk, end);
    },
  });
  let released = false;
  const server = await serve(chain, async (req, res) => res.end(String((await bodyOf(req)).length)));
  t.after(() => server.close());
  const client = await RawClient.open(server.port);
  t.after(() => client.close());
  const size = 8 * 1024 * 1024;
  client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${size}\r\n\r\n`);
  client.send(Buffer.alloc(size, 'x'));
  await until(() => held.length > 0);
  await new Promise(resolve => setTimeout(resolve, 50));
  const { exchange }: FakeStream = chain.last;
  assert.ok(exchange.requestSize < 512 * 1024, `read ${exchange.requestSize}`);
  released = true;
  for (const chunk of held) exchange.sendRequestData(chunk, false);
  exchange.pauseRequest(false);
  assert.equal((await client.response('POST')).body.toString(), String(size));
});

test('behind something asynchronous the chain still gets the body', async t => {
  const { chain } = embed(
    new FakeChain({
      onRequestData({ exchange }, chunk, end) {
        exchange.sendRequestData(Buffer.from(chunk.toString().toUpperCase()), end);
      },
    }),
  );
  const middleware = chain.middleware();
  const server = createServer((req, res) => {
    setTimeout(() => middleware(req, res, async () => res.end(await bodyOf(req))), 20);
  });
  t.after(() => closeServer(server));
  const port = await listen(server);
  const client = await RawClient.open(port);
  t.after(() => client.close());
  // All of it is there before the chain is.
  client.send(post('whole'));
  assert.equal((await client.response('POST')).body.toString(), 'WHOLE');
  // A part of it.
  client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc');
  await new Promise(resolve => setTimeout(resolve, 40));
  client.send('def');
  assert.equal((await client.response('POST')).body.toString(), 'ABCDEF');
  client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
  assert.equal((await client.response('POST')).body.toString(), '');
});

test('a body that was read before the chain is an error, not a way past the filters', async t => {
  const { chain } = embed(new FakeChain({}, { requestBody: true }));
  const server = createServer(async (req, res) => {
    await bodyOf(req);
    chain.middleware()(req, res, error => {
      res.statusCode = error === undefined ? 200 : 500;
      res.end(String(error));
    });
  });
  t.after(() => closeServer(server));
  const response = await request(await listen(server), post('x'));
  assert.equal(response.status, 500);
  assert.match(response.body.toString(), /body was read before the filter chain/);
});

test('two chains in a row: the second sees what the first passed on', async t => {
  const add = (mark: string) =>
    embed(
      new FakeChain({
        onRequestHeaders({ exchange }, end) {
          const before = exchange.requestHeaders.get('x-way') ?? '';
          exchange.requestHeaders.replace('x-way', before + mark);
          exchange.sendRequestHeaders(end);
        },
        onRequestData({ exchange }, chunk, end) {
          exchange.sendRequestData(chunk.length === 0 ? chunk : Buffer.from(chunk + mark), end);
        },
        onResponseHeaders({ exchange }, headers, end) {
          headers.replace('x-back', (headers.get('x-back') ?? '') + mark);
          exchange.sendResponseHeaders(headers, end);
        },
        onResponseData({ exchange }, chunk, end) {
          exchange.sendResponseData(chunk.length === 0 ? chunk : Buffer.from(chunk + mark), end);
        },
      }),
    ).chain.middleware();
  const first = add('1');
  const second = add('2');
  const server = createServer((req, res) => {
    first(req, res, () =>
      second(req, res, async () => res.end(`${req.headers['x-way']} ${await bodyOf(req)} `)),
    );
  });
  t.after(() => closeServer(server));
  const response = await request(await listen(server), post('body'));
  assert.equal(response.body.toString(), '12 body12 21');
  assert.equal(header(response, 'x-back'), '21');
  assert.equal(response.framing, 'length');
});
