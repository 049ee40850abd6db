import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get as httpGet, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { FakeChain } from '../support/chain.ts';
import { get, header, headerValues, RawClient, request } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { RESPONSE, scriptedChain } from './plugin-chain.ts';
import { serve } from './serve.ts';

/** Adds a header, and makes the body upper case. */
const upper = () =>
  new FakeChain({
    onResponseHeaders({ exchange }, headers, end) {
      headers.add('x-filter', '1');
      exchange.sendResponseHeaders(headers, end);
    },
    onResponseData({ exchange }, chunk, end) {
      exchange.sendResponseData(Buffer.from(`${chunk.toString().toUpperCase()}${end ? '!' : ''}`), end);
    },
  });

/** Only adds a header. */
const tag = () =>
  new FakeChain({
    onResponseHeaders({ exchange }, headers, end) {
      headers.add('x-filter', '1');
      exchange.sendResponseHeaders(headers, end);
    },
  });

async function answer(t: TestContext, chain: FakeChain, handler: RequestListener, method = 'GET') {
  const server = await serve(chain, handler);
  t.after(() => server.close());
  return request(server.port, `${method} / HTTP/1.1\r\nHost: h\r\n\r\n`, method);
}

const heads: Record<string, (res: ServerResponse) => void> = {
  'implicit headers': res => {
    res.statusCode = 201;
    res.statusMessage = 'Made';
    res.setHeader('X-One', '1');
    res.setHeader('X-Two', ['a', 'b']);
  },
  'writeHead with an object': res => {
    res.setHeader('X-One', 'overwritten');
    res.writeHead(201, 'Made', { 'X-One': 1, 'X-Two': ['a', 'b'] });
  },
  'writeHead with a flat list': res => {
    res.setHeader('x-two', 'overwritten');
    res.setHeader('X-One', '1');
    res.statusMessage = 'Made';
    res.writeHead(201, ['X-Two', 'a', 'X-Two', 'b']);
  },
  'writeHead with pairs': res => {
    res.writeHead(201, 'Made', [
      ['X-One', '1'],
      ['X-Two', 'a'],
      ['X-Two', 'b'],
    ] as never);
  },
  'writeHead and appendHeader': res => {
    res.setHeader('X-Gone', '1');
    res.removeHeader('x-gone');
    res.setHeader('X-One', '1');
    res.appendHeader('X-Two', 'a');
    res.appendHeader('X-Two', 'b');
    assert.equal(res.writeHead(201, 'Made'), res);
  },
};

for (const [name, write] of Object.entries(heads)) {
  for (const [kind, make] of Object.entries({ upper, tag })) {
    test(`${name}, ${kind}`, async t => {
      const response = await answer(t, make(), (_req, res) => {
        assert.equal(res.headersSent, false);
        write(res);
        res.end('body');
        assert.equal(res.headersSent, true);
        assert.equal(res.writableEnded, true);
      });
      assert.equal(`${response.status} ${response.reason}`, '201 Made');
      assert.equal(header(response, 'x-one'), '1');
      assert.deepEqual(headerValues(response, 'x-two'), ['a', 'b']);
      assert.equal(header(response, 'x-gone'), undefined);
      assert.equal(header(response, 'x-filter'), '1');
      assert.equal(response.framing, 'length');
      assert.equal(response.body.toString(), kind === 'upper' ? 'BODY!' : 'body');
    });
  }
}

test('a body that filters may change goes out with the length it has then, or chunked', async t => {
  const whole = await answer(t, upper(), (_req, res) => {
    res.writeHead(200, { 'content-length': 4 });
    res.end('body');
  });
  assert.equal(header(whole, 'content-length'), '5');
  assert.equal(whole.body.toString(), 'BODY!');
  const pieces = await answer(t, upper(), (_req, res) => {
    res.writeHead(200, { 'content-length': 4 });
    res.write('bo');
    setTimeout(() => res.end('dy'), 5);
  });
  assert.equal(pieces.framing, 'chunked');
  assert.equal(pieces.body.toString(), 'BODY!');
});

test('a body that filters only read keeps its length', async t => {
  const chain = new FakeChain({}, { responseBody: true, changesResponseBody: false, response: true });
  const response = await answer(t, chain, (_req, res) => {
    res.writeHead(200, { 'content-length': 4 });
    res.write('bo');
    setTimeout(() => res.end('dy'), 5);
  });
  assert.equal(header(response, 'content-length'), '4');
  assert.deepEqual(chain.last.events, [
    'request headers:end',
    'response headers',
    'response data',
    'response data:end',
    'finish',
  ]);
});

test('what has no body gets none', async t => {
  const write: RequestListener = (_req, res) => {
    res.setHeader('content-length', '4');
    res.write('bo');
    res.end('dy');
  };
  for (const make of [upper, tag]) {
    const head = make();
    assert.equal((await answer(t, head, write, 'HEAD')).status, 200);
    assert.deepEqual(head.last.events.slice(1, 2), ['response headers:end']);
    for (const status of [204, 304]) {
      const response = await answer(t, make(), (req, res) => {
        res.statusCode = status;
        write(req, res);
      });
      assert.equal(response.status, status);
      assert.equal(header(response, 'x-filter'), '1');
      if (status === 204) assert.equal(header(response, 'content-length'), undefined);
    }
  }
  // tag leaves a HEAD's Content-Length alone, upper would have changed the body.
  assert.equal(header(await answer(t, tag(), write, 'HEAD'), 'content-length'), '4');
  assert.equal(header(await answer(t, upper(), write, 'HEAD'), 'content-length'), undefined);
});

test('a filter changes the status, also to and from one without a body', async t => {
  const to = (status: number, body: boolean) =>
    new FakeChain(
      {
        onResponseHeaders({ exchange }, headers, end) {
          headers.replace(':status', String(status));
          exchange.sendResponseHeaders(headers, end);
        },
      },
      { responseBody: body },
    );
  for (const body of [true, false]) {
    const gone = await answer(t, to(204, body), (_req, res) => {
      res.statusMessage = 'Fine';
      res.setHeader('content-length', '4');
      res.end('body');
    });
    assert.equal(`${gone.status} ${gone.reason}`, '204 No Content');
    assert.equal(header(gone, 'content-length'), undefined);
    const come = await answer(t, to(200, body), (_req, res) => {
      res.writeHead(204);
      res.end();
    });
    assert.deepEqual([come.status, header(come, 'content-length')], [200, '0']);
  }
});

test('hop-by-hop fields are the server’s: filters neither see nor write them', async t => {
  const chain = new FakeChain({
    onResponseHeaders({ exchange }, headers, end) {
      assert.equal(headers.get('connection'), undefined);
      assert.equal(headers.get('transfer-encoding'), undefined);
      headers.add('transfer-encoding', 'gzip');
      headers.add('keep-alive', 'timeout=99');
      headers.add('content-length', '77');
      exchange.sendResponseHeaders(headers, end);
    },
  });
  const response = await answer(t, chain, (_req, res) => {
    res.writeHead(200, { connection: 'close', 'transfer-encoding': 'chunked' });
    res.end('body');
  });
  assert.equal(header(response, 'connection'), 'close');
  assert.equal(response.framing, 'chunked');
  assert.equal(response.body.toString(), 'body');
});

test('trailers pass the filters, and filters add some', async t => {
  const chain = new FakeChain({
    onResponseTrailers({ exchange }, trailers) {
      assert.equal(trailers.get('x-sum'), '1');
      trailers.add('x-more', '2');
      exchange.sendResponseTrailers(trailers);
    },
  });
  const response = await answer(t, chain, (_req, res) => {
    res.writeHead(200, { trailer: 'x-sum' });
    res.addTrailers({ 'X-Sum': '1' });
    res.end('body');
  });
  assert.equal(response.body.toString(), 'body');
  assert.deepEqual(response.trailers, [
    ['X-Sum', '1'],
    ['x-more', '2'],
  ]);
  const added = scriptedChain({
    onResponseBody({ stream }, _body, end) {
      if (end) stream.responseTrailers.add('x-late', '1');
      return 0;
    },
  });
  const server = await serve(added.chain, (_req, res) => res.end('body'));
  t.after(() => server.close());
  const late = await get(server.port, '/');
  assert.deepEqual([late.body.toString(), late.trailers], ['body', [['x-late', '1']]]);
});

test('writes stream: each goes out as it comes', async t => {
  let go: (() => void) | undefined;
  const server = await serve(upper(), (_req, res) => {
    res.write('one ');
    go = () => res.end('two');
  });
  t.after(() => server.close());
  const client = await RawClient.open(server.port);
  t.after(() => client.close());
  client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
  await until(() => client.received.includes('ONE '));
  go?.();
  assert.equal((await client.response()).body.toString(), 'ONE TWO!');
});

test('flushHeaders sends the head, early hints and 100 pass by', async t => {
  for (const make of [upper, tag]) {
    let res: ServerResponse | undefined;
    const server = await serve(make(), (_req, response) => {
      res = response;
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.setHeader('x-h', '1');
      response.flushHeaders();
      assert.throws(() => response.setHeader('x-late', '1'), { code: 'ERR_HTTP_HEADERS_SENT' });
    });
    t.after(() => server.close());
    const client = await RawClient.open(server.port);
    t.after(() => client.close());
    client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    await until(() => client.received.includes('x-filter: 1'));
    assert.equal((await client.response()).status, 103);
    res?.end('x');
    assert.equal((await client.response()).status, 200);
  }
});

test('a held head and body go out when the filter resumes; the handler sees a full response', async t => {
  for (const body of [true, false]) {
    const { chain, streams } = scriptedChain({
      onResponseHeaders: () => 4,
      ...(body && { onResponseBody: () => 0 }),
    });
    const server = await serve(chain, (_req, res) => {
      res.write('one ');
      assert.equal(res.headersSent, true);
      assert.throws(() => res.writeHead(200), { code: 'ERR_HTTP_HEADERS_SENT' });
      res.end('two');
    });
    t.after(() => server.close());
    const client = await RawClient.open(server.port);
    t.after(() => client.close());
    client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    await until(() => streams[0]!.length === 1);
    await new Promise(resolve => setTimeout(resolve, 10));
    assert.equal(client.received.length, 0);
    streams[0]![0]!.resume(RESPONSE);
    assert.equal((await client.response()).body.toString(), 'one two');
  }
});

test('a response that a filter holds stops the handler until it goes on', async t => {
  const held: Buffer[] = [];
  let released = false;
  const chain = new FakeChain({
    onResponseData({ exchange }, chunk, end) {
      if (released) {
        exchange.sendResponseData(chunk, end);
        return;
      }
      held.push(chunk);
      exchange.pauseResponse(true);
    },
  });
  let read = 0;
  const size = 4 * 1024 * 1024;
  const server = await serve(chain, (_req, res) => {
    const source = new Readable({
      read() {
        const chunk = Buffer.alloc(64 * 1024, 'x');
        read += chunk.length;
        this.push(read > size ? null : chunk);
      },
    });
    source.pipe(res);
  });
  t.after(() => server.close());
  const client = await RawClient.open(server.port);
  t.after(() => client.close());
  client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
  await until(() => held.length > 0);
  await new Promise(resolve => setTimeout(resolve, 20));
  assert.ok(read < 512 * 1024, `read ${read}`);
  const { exchange } = chain.last;
  released = true;
  exchange.pauseResponse(false);
  for (const chunk of held) exchange.sendResponseData(chunk, false);
  assert.equal((await client.response()).body.length, size);
});

test('a slow client stops the handler', async t => {
  let read = 0;
  const size = 32 * 1024 * 1024;
  const server = await serve(new FakeChain({}, { responseBody: true, response: true }), (_req, res) => {
    const source = new Readable({
      read() {
        const chunk = Buffer.alloc(64 * 1024, 'x');
        read += chunk.length;
        this.push(read > size ? null : chunk);
      },
    });
    source.pipe(res);
  });
  t.after(() => server.close());
  const [response] = (await once(httpGet({ port: server.port, host: '127.0.0.1' }), 'response')) as [
    IncomingMessage,
  ];
  await until(() => read > 0);
  await new Promise(resolve => setTimeout(resolve, 50));
  assert.ok(read < size / 2, `read ${read}`);
  let received = 0;
  for await (const chunk of response) received += (chunk as Buffer).length;
  assert.equal(received, size);
});

test('callbacks of write and end are called, in order, and buffers may be used again after', async t => {
  for (const make of [upper, tag, () => new FakeChain({}, { responseBody: true, response: true })]) {
    const order: string[] = [];
    const buffer = Buffer.from('one ');
    const response = await answer(t, make(), (_req, res) => {
      res.write(buffer, () => {
        order.push('one');
        buffer.fill('?');
        res.write('two ', 'utf8', () => {
          order.push('two');
          res.end('three', () => order.push('end'));
        });
      });
    });
    await until(() => order.length === 3);
    assert.deepEqual(order, ['one', 'two', 'end']);
    assert.equal(response.body.toString().toLowerCase().replace('!', ''), 'one two three');
  }
});

test('a filter that holds the body until its end gets writes that wait for each other', async t => {
  const { chain } = scriptedChain({ onResponseBody: (_seen, _body, end) => (end ? 0 : 1) });
  const server = await serve(chain, (_req, res) => {
    res.write('one ', () => res.write('two ', () => res.end('three')));
  });
  t.after(() => server.close());
  const response = await get(server.port, '/');
  assert.deepEqual([response.body.toString(), response.framing], ['one two three', 'length']);
});

test('what Node refuses is refused', async t => {
  const response = await answer(t, upper(), (_req, res) => {
    assert.throws(() => res.writeHead(1000), { code: 'ERR_HTTP_INVALID_STATUS_CODE' });
    assert.throws(() => res.writeHead(200, { 'x y': '1' }), { code: 'ERR_INVALID_HTTP_TOKEN' });
    assert.throws(() => res.writeHead(200, ['x']), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => res.write(1 as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => res.write(null as never), { code: 'ERR_STREAM_NULL_VALUES' });
    assert.throws(() => res.end(1 as never), { code: 'ERR_INVALID_ARG_TYPE' });
    res.end('still fine');
  });
  assert.equal(response.body.toString(), 'STILL FINE!');
});

test('a filter answers in place of the handler’s response', async t => {
  const answered = scriptedChain(
    {
      onResponseHeaders({ stream }) {
        stream.responseHeaders?.add('x-outer', '1');
        return 0;
      },
    },
    {
      onResponseHeaders(seen) {
        seen.answer({ status: 451, body: Buffer.from('no') });
        return 1;
      },
    },
  );
  const server = await serve(answered.chain, (_req, res) => {
    res.setHeader('x-handler', '1');
    res.setHeader('transfer-encoding', 'chunked');
    res.write('secret');
    res.setHeader('x-ignored', '1');
    res.end('more');
  });
  t.after(() => server.close());
  const response = await get(server.port, '/');
  assert.deepEqual([response.status, response.body.toString()], [451, 'no']);
  assert.equal(header(response, 'x-handler'), undefined);
  assert.equal(header(response, 'x-outer'), '1');
  const head = await request(server.port, 'HEAD / HTTP/1.1\r\nHost: h\r\n\r\n');
  assert.deepEqual([head.status, header(head, 'content-length')], [451, '2']);
});

test('a chain that looks at no response leaves it alone', async t => {
  const response = await answer(t, new FakeChain(), (_req, res) => {
    assert.equal(Object.hasOwn(res, 'write'), false);
    res.end('body');
  });
  assert.equal(response.body.toString(), 'body');
});
