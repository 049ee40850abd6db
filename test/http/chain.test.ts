import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldMap } from '../../src/message/fields.ts';
import { ResponseHeaders } from '../../src/message/headers.ts';
import { FakeChain, type FakeStream } from '../support/chain.ts';
import { openClient, startProxy, startRawUpstream, startUpstream } from '../support/fixtures.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { get, header, headerValues, request } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';

const POST_HELLO = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello';
const POST_CHUNKED =
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 5\r\n\r\n';

const upper = (chunk: Buffer) => Buffer.from(chunk.toString('latin1').toUpperCase(), 'latin1');

/** Answers as `proxy_send_local_response` does. */
function answer(stream: FakeStream, status: number, body: string, raw: string[] = []): void {
  const { exchange } = stream;
  exchange.beginLocalResponse();
  exchange.sendResponseHeaders(new ResponseHeaders(status, raw), body === '');
  if (body !== '') exchange.sendResponseData(Buffer.from(body), true);
}

for (const transport of TRANSPORTS) {
  describe(`a chain through ${transport}`, () => {
    it('sees a request and its response once each, and finishes once', async t => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.writeHead(200, { trailer: 'x-t' });
        res.write('body');
        res.addTrailers([['x-t', '1']]);
        res.end();
      });
      const chain = new FakeChain({}, { requestBody: true, responseBody: true, response: true });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const response = await request(proxy.port, POST_CHUNKED);
      assert.deepEqual(response.trailers, [['x-t', '1']]);
      await until(() => chain.last.finished > 0);
      const { events, exchange } = chain.last;
      assert.equal(events[0], 'request headers');
      assert.ok(events.includes('request trailers'));
      assert.ok(events.includes('response headers'));
      assert.ok(events.includes('response trailers'));
      assert.equal(events.at(-1), 'finish');
      assert.equal(events.filter(event => event === 'finish').length, 1);
      assert.equal(exchange.requestSize, 5);
      assert.equal(exchange.responseSize, 4);
      assert.equal(exchange.routeName, 'route-1');
      assert.equal(exchange.upstream?.port, upstream.port);
      assert.equal(exchange.connection.sourceAddress, '127.0.0.1');
      assert.equal(exchange.protocol, 'HTTP/1.1');
      assert.equal(upstream.requests[0]?.body.toString(), 'hello');
      assert.deepEqual(upstream.requests[0]?.trailers, ['X-Sum', '5']);
    });

    it('ends the stream with the headers when no body follows', async t => {
      const upstream = await startUpstream(t, (_req, res) => res.writeHead(204).end());
      const chain = new FakeChain({}, { requestBody: true, responseBody: true, response: true });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      await get(proxy.port, '/');
      await until(() => chain.last.finished === 1);
      assert.deepEqual(chain.last.events, ['request headers:end', 'response headers:end', 'finish']);
    });

    it('passes bodies by a chain that does not look at them', async t => {
      const upstream = await startUpstream(t);
      const chain = new FakeChain({}, { response: true });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const response = await request(proxy.port, POST_HELLO);
      assert.equal(response.framing, 'length');
      await until(() => chain.last.finished === 1);
      assert.deepEqual(chain.last.events, ['request headers', 'response headers', 'finish']);
      assert.equal(upstream.requests[0]?.body.toString(), 'hello');
      assert.equal(upstream.requests[0]?.headers.get('content-length'), '5');
    });

    it('lets no body flow before paused headers, either way', async t => {
      const upstream = await startUpstream(t, (_req, res) => res.end('world'));
      const held: FakeStream[] = [];
      let heldResponse: ResponseHeaders | undefined;
      const chain = new FakeChain({
        onRequestHeaders(stream) {
          held.push(stream);
        },
        onResponseHeaders(_stream, headers) {
          heldResponse = headers;
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      client.send(POST_HELLO);
      const stream = await until(() => held[0]);
      assert.equal(upstream.requests.length, 0);
      stream.exchange.sendRequestHeaders(false);
      const headers = await until(() => heldResponse);
      assert.equal(upstream.requests[0]?.body.toString(), 'hello');
      assert.equal(client.received.length, 0);
      stream.exchange.sendResponseHeaders(headers, false);
      assert.equal((await client.response()).body.toString(), 'world');
    });

    it('feeds the body to a chain whose headers are paused', async t => {
      const upstream = await startUpstream(t);
      const chunks: Buffer[] = [];
      const chain = new FakeChain({
        onRequestHeaders() {},
        onRequestData(stream, chunk, end) {
          chunks.push(chunk);
          if (!end) return;
          stream.exchange.requestHeaders.replace('x-size', String(Buffer.concat(chunks).length));
          stream.exchange.sendRequestHeaders(false);
          stream.exchange.sendRequestData(Buffer.concat(chunks), true);
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      assert.equal((await request(proxy.port, POST_HELLO)).status, 200);
      assert.equal(upstream.requests[0]?.headers.get('x-size'), '5');
      assert.equal(upstream.requests[0]?.headers.get('content-length'), '5');
      assert.equal(upstream.requests[0]?.body.toString(), 'hello');
    });

    it('gives a changed body that is all there its exact length', async t => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.writeHead(200, { 'content-length': 2 }).end('ok');
      });
      const chain = new FakeChain({
        onRequestData(stream, chunk, end) {
          stream.exchange.sendRequestData(Buffer.concat([upper(chunk), Buffer.from('!')]), end);
        },
        onResponseData(stream, chunk, end) {
          stream.exchange.sendResponseData(Buffer.concat([upper(chunk), Buffer.from('!')]), end);
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const response = await request(proxy.port, POST_HELLO);
      assert.equal(response.framing, 'length');
      assert.equal(response.body.toString(), 'OK!');
      assert.equal(upstream.requests[0]?.headers.get('content-length'), '6');
      assert.equal(upstream.requests[0]?.body.toString(), 'HELLO!');
    });

    it('chunks a changed body that comes in parts', async t => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.writeHead(200, { 'content-length': 4 });
        res.write('ok');
        setImmediate(() => res.end('ok'));
      });
      const grow = (chunk: Buffer) => Buffer.concat([upper(chunk), Buffer.from('!')]);
      const chain = new FakeChain({
        onRequestData(stream, chunk, end) {
          stream.requestBodyChanged = true;
          stream.exchange.sendRequestData(grow(chunk), end);
        },
        onResponseData(stream, chunk, end) {
          stream.responseBodyChanged = true;
          stream.exchange.sendResponseData(grow(chunk), false);
          if (end) stream.exchange.sendResponseTrailers(new FieldMap(['x-added', '1']));
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhel');
      await until(() => chain.streams[0]?.events.includes('request data'));
      client.send('lo.');
      const response = await client.response();
      assert.equal(response.framing, 'chunked');
      assert.match(response.body.toString(), /^OK!?OK!$/);
      assert.deepEqual(response.trailers, [['x-added', '1']]);
      assert.equal(upstream.requests[0]?.headers.get('transfer-encoding'), 'chunked');
      assert.equal(upstream.requests[0]?.headers.get('content-length'), undefined);
      assert.equal(upstream.requests[0]?.body.toString(), 'HEL!LO.!');
    });

    it('sends no body that the chain swallowed', async t => {
      const upstream = await startUpstream(t, (_req, res) =>
        res.writeHead(200, { 'content-length': 2 }).end('ok'),
      );
      const chain = new FakeChain({
        onRequestData(stream, _chunk, end) {
          if (end) stream.exchange.sendRequestData(Buffer.alloc(0), true);
        },
        onResponseData(stream, _chunk, end) {
          if (end) stream.exchange.sendResponseData(Buffer.alloc(0), true);
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const response = await request(proxy.port, POST_HELLO);
      assert.equal(header(response, 'content-length'), '0');
      assert.equal(upstream.requests[0]?.headers.get('content-length'), '0');
    });

    it('keeps framing from filters', async t => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.writeHead(200, { 'content-length': 2 }).end('ok');
      });
      const meddle = (headers: FieldMap) => {
        headers.replace('content-length', '99');
        headers.add('transfer-encoding', 'chunked');
        headers.add('connection', 'close, x-mine');
        headers.add('keep-alive', 'timeout=1');
        headers.add('upgrade', 'h2c');
        headers.add('x-mine', '1');
      };
      const chain = new FakeChain({
        onRequestHeaders(stream, end) {
          meddle(stream.exchange.requestHeaders);
          stream.exchange.sendRequestHeaders(end);
        },
        onResponseHeaders(stream, headers, end) {
          meddle(headers);
          stream.exchange.sendResponseHeaders(headers, end);
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const response = await request(proxy.port, POST_HELLO);
      assert.deepEqual(headerValues(response, 'content-length'), ['2']);
      assert.equal(header(response, 'transfer-encoding'), undefined);
      assert.deepEqual(headerValues(response, 'connection'), ['keep-alive']);
      assert.equal(header(response, 'upgrade'), undefined);
      assert.equal(header(response, 'x-mine'), '1');
      const seen = upstream.requests[0]!;
      assert.equal(seen.headers.get('content-length'), '5');
      assert.equal(seen.headers.get('transfer-encoding'), undefined);
      assert.equal(seen.headers.get('connection'), 'keep-alive');
      assert.equal(seen.headers.get('x-mine'), '1');
      await get(proxy.port, '/');
      assert.equal(upstream.requests[1]?.headers.get('content-length'), undefined);
    });

    it('chunks when a filter removed Content-Length', async t => {
      const upstream = await startUpstream(t, (_req, res) =>
        res.writeHead(200, { 'content-length': 2 }).end('ok'),
      );
      const chain = new FakeChain({
        onRequestHeaders(stream, end) {
          stream.exchange.requestHeaders.remove('content-length');
          stream.exchange.sendRequestHeaders(end);
        },
        onResponseHeaders(stream, headers, end) {
          headers.remove('content-length');
          stream.exchange.sendResponseHeaders(headers, end);
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const response = await request(proxy.port, POST_HELLO);
      assert.equal(response.framing, 'chunked');
      assert.equal(response.body.toString(), 'ok');
      assert.equal(upstream.requests[0]?.headers.get('transfer-encoding'), 'chunked');
      assert.equal(upstream.requests[0]?.body.toString(), 'hello');
    });

    it('sends the pseudo headers a filter set', async t => {
      const upstream = await startUpstream(t);
      const chain = new FakeChain({
        onRequestHeaders(stream, end) {
          const { requestHeaders } = stream.exchange;
          requestHeaders.replace(':path', '/other?x=1');
          requestHeaders.replace(':method', 'PUT');
          requestHeaders.replace(':authority', 'other.example');
          stream.exchange.sendRequestHeaders(end);
        },
        onResponseHeaders(stream, headers, end) {
          headers.replace(':status', '418');
          stream.exchange.sendResponseHeaders(headers, end);
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const response = await get(proxy.port, '/');
      assert.equal(response.status, 418);
      assert.equal(response.reason, "I'm a Teapot");
      assert.equal(upstream.requests[0]?.url, '/other?x=1');
      assert.equal(upstream.requests[0]?.method, 'PUT');
      assert.equal(upstream.requests[0]?.headers.get('host'), 'other.example');
    });

    for (const [from, to] of [
      ['GET', 'HEAD'],
      ['HEAD', 'GET'],
    ] as const) {
      for (const response of [false, true]) {
        it(`survives a filter that makes ${from} ${to} (${response ? 'sees' : 'passes'} the response)`, async t => {
          const upstream = await startUpstream(t, (_req, res) =>
            res.writeHead(200, { 'content-length': 5 }).end('hello'),
          );
          const chain = new FakeChain(
            {
              onRequestHeaders(stream, end) {
                stream.exchange.requestHeaders.replace(':method', to);
                stream.exchange.sendRequestHeaders(end);
              },
            },
            { response, responseBody: response },
          );
          const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
          const client = await openClient(t, proxy.port);
          for (let i = 0; i < 2; i++) {
            client.send(`${from} / HTTP/1.1\r\nHost: a\r\n\r\n`);
            const answered = await client.response(from);
            assert.equal(answered.status, 200);
            assert.equal(header(answered, 'content-length'), from === 'GET' ? '0' : '5');
            assert.equal(upstream.requests[i]?.method, to);
          }
          await until(() => chain.streams.every(stream => stream.finished === 1));
          if (response) assert.equal(chain.last.events.at(-2), 'response headers:end');
        });
      }
    }

    it('answers locally without asking the upstream', async t => {
      const upstream = await startUpstream(t);
      const chain = new FakeChain({
        onRequestHeaders(stream) {
          answer(stream, 401, 'no', ['www-authenticate', 'Basic', 'content-length', '77']);
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      for (const bytes of [
        'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
        POST_HELLO,
        'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
      ]) {
        client.send(bytes);
        const response = await client.response();
        assert.equal(response.status, 401);
        assert.equal(response.framing, 'length');
        assert.equal(response.body.toString(), 'no');
        assert.equal(header(response, 'www-authenticate'), 'Basic');
      }
      client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
      const head = await client.response('HEAD');
      assert.equal(header(head, 'content-length'), '2');
      assert.equal(upstream.requests.length, 0);
    });

    it('answers locally with a body still to come, and lets the client read the answer', async t => {
      const upstream = await startUpstream(t);
      const chain = new FakeChain({
        onRequestHeaders(stream) {
          answer(stream, 403, 'no');
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n');
      client.send(Buffer.alloc(250_000));
      const response = await client.response();
      assert.equal(response.status, 403);
      assert.equal(header(response, 'connection'), 'close');
      assert.equal(client.closed, false);
      client.send(Buffer.alloc(250_000));
      await client.untilClosed();
      assert.equal(client.error, undefined);
    });

    it('answers locally a client that expects 100-continue, without inviting the body', async t => {
      const upstream = await startUpstream(t);
      const chain = new FakeChain({
        onRequestHeaders(stream) {
          answer(stream, 403, 'no');
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
      assert.equal((await client.response()).status, 403);
      await client.untilClosed();
    });

    it('answers locally in place of a response', async t => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.writeHead(200, { 'content-length': 1_000_000 });
        res.write(Buffer.alloc(100_000));
      });
      const chain = new FakeChain({
        onResponseHeaders(stream) {
          answer(stream, 500, 'replaced');
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const response = await get(proxy.port, '/');
      assert.equal(response.status, 500);
      assert.equal(response.body.toString(), 'replaced');
      await until(() => upstream.requests[0]?.aborted, 'the upstream request to be dropped');
    });

    it('fails with a page of its own, or a reset once the head is out', async t => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.write('some');
        setTimeout(() => res.end('more'), 20);
      });
      const failure = { status: 503, filter: 'fake', details: 'trap: secret' };
      const early = new FakeChain({
        onRequestHeaders(stream) {
          stream.exchange.fail(failure);
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain: early });
      const response = await get(proxy.port, '/');
      assert.equal(response.status, 503);
      assert.equal(response.body.toString(), '503 service unavailable\n');
      assert.equal(proxy.log.at('warn')[0]?.fields.details, 'trap: secret');
      assert.equal(proxy.log.at('warn')[0]?.fields.part, 'filter');
      await until(() => early.last.finished === 1);

      const late = new FakeChain({
        onResponseData(stream, chunk, end) {
          if (stream.events.filter(event => event === 'response data').length === 2)
            stream.exchange.fail(failure);
          else stream.exchange.sendResponseData(chunk, end);
        },
      });
      const other = await startProxy(t, transport, { endpoints: [upstream.port], chain: late });
      const client = await openClient(t, other.port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => client.closed, 'the reset');
      assert.ok(!client.received.toString().includes('0\r\n\r\n'));
      await until(() => late.last.finished === 1);
    });

    it('asks the router again when a filter changed what it goes by', async t => {
      const one = await startUpstream(t);
      const two = await startUpstream(t);
      const chain = new FakeChain({
        onRequestHeaders(stream, end) {
          const { requestHeaders } = stream.exchange;
          if (requestHeaders.path === '/nowhere') requestHeaders.replace(':method', 'BREW');
          else requestHeaders.replace(':path', '/two');
          stream.exchange.clearRouteCache();
          stream.exchange.sendRequestHeaders(end);
        },
      });
      const proxy = await startProxy(t, transport, [
        { match: { path: { kind: 'prefix', value: '/two' } }, endpoints: [two.port] },
        { match: { methods: ['GET'] }, endpoints: [one.port], chain },
      ]);
      assert.equal((await get(proxy.port, '/one')).status, 200);
      assert.equal(one.requests.length, 0);
      assert.equal(two.requests[0]?.url, '/two');
      assert.equal(chain.last.exchange.routeName, 'route-1');
      assert.equal((await get(proxy.port, '/nowhere')).status, 404);
    });

    it('stops the client while the chain is full, and the upstream', async t => {
      const upstream = await startUpstream(t, (_req, res) => {
        let left = 60;
        const more = () => {
          while (left > 0) {
            left--;
            if (!res.write(Buffer.alloc(65_536))) return;
          }
          res.end();
        };
        res.on('drain', more);
        more();
      });
      let request = 0;
      let response = 0;
      const waiting: (() => void)[] = [];
      const chain = new FakeChain({
        onRequestData(stream, chunk, end) {
          request += chunk.length;
          stream.exchange.pauseRequest(true);
          waiting.push(() => {
            stream.exchange.sendRequestData(chunk, end);
            stream.exchange.pauseRequest(false);
          });
        },
        onResponseData(stream, chunk, end) {
          response += chunk.length;
          stream.exchange.pauseResponse(true);
          waiting.push(() => {
            stream.exchange.sendResponseData(chunk, end);
            stream.exchange.pauseResponse(false);
          });
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      const size = 2_000_000;
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
      client.send(Buffer.alloc(size));
      await until(() => waiting.length > 0);
      // One chunk is under way; the rest waits in the client's socket.
      assert.ok(request <= 131_072, `${request} bytes`);
      assert.equal(waiting.length, 1);
      const run = () => waiting.shift()?.();
      await until(() => {
        run();
        return response > 0;
      }, 'the response');
      assert.ok(response <= 131_072, `${response} bytes`);
      await until(() => {
        run();
        return (
          client.received.length > 60 * 65_536 && client.received.subarray(-5).toString() === '0\r\n\r\n'
        );
      }, 'the whole response');
      assert.equal(request, size);
      assert.equal(response, 60 * 65_536);
    });

    it('finishes once when the client goes while everything is paused', async t => {
      const upstream = await startUpstream(t);
      const chain = new FakeChain({ onRequestHeaders() {} });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => chain.streams.length === 1);
      client.close();
      await until(() => chain.last.finished > 0);
      chain.last.exchange.sendRequestHeaders(true);
      chain.last.exchange.fail({ status: 500, filter: 'fake', details: '' });
      assert.equal(chain.last.finished, 1);
      assert.equal(upstream.requests.length, 0);
    });

    it('finishes each of several pipelined requests when their connection goes', async t => {
      const upstream = await startRawUpstream(t, () => {});
      const chain = new FakeChain();
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => chain.streams.length === 2);
      client.close();
      await until(() => chain.streams.every(stream => stream.finished === 1), 'both to finish');
    });

    it('closes the stream when a filter asks for it', async t => {
      const upstream = await startUpstream(t);
      const chain = new FakeChain({
        onResponseHeaders(stream) {
          stream.exchange.reset('close_stream');
        },
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => client.closed);
      assert.equal(client.received.length, 0);
      await until(() => chain.last.finished === 1);
    });
  });
}
