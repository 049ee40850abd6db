import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { FakeChain } from '../support/chain.ts';
import { openClient, startProxy, startUpstream } from '../support/fixtures.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { get, header } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';

/** Filters that could change bodies, of which none has been seen to do so. */
const UNCHANGED = { changesRequestBody: true, changesResponseBody: true, bodiesChanged: false };

/** Answers `ab`, and `cd` when the chain has seen the first part. */
function twoParts(chain: () => FakeChain) {
  return async (_req: IncomingMessage, res: ServerResponse) => {
    res.writeHead(200, { 'content-length': 4 });
    res.write('ab');
    await until(() => chain().last.events.includes('response data'));
    res.end('cd');
  };
}

for (const transport of TRANSPORTS) {
  describe(`lengths of bodies that filters could change, through ${transport}`, () => {
    it('keeps Content-Length both ways while no filter changes anything', async t => {
      const upstream = await startUpstream(
        t,
        twoParts(() => chain),
      );
      const chain: FakeChain = new FakeChain(
        {},
        { ...UNCHANGED, requestBody: true, responseBody: true, response: true },
      );
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhel');
      await until(() => chain.streams[0]?.events.includes('request data'));
      client.send('lo!');
      const response = await client.response();
      assert.equal(header(response, 'content-length'), '4');
      assert.equal(response.body.toString(), 'abcd');
      assert.equal(upstream.requests[0]?.headers.get('content-length'), '6');
      assert.equal(upstream.requests[0]?.body.toString(), 'hello!');
    });

    it('resets the connection when the end of a body grows after its length went out', async t => {
      const upstream = await startUpstream(
        t,
        twoParts(() => chain),
      );
      const chain: FakeChain = new FakeChain(
        {
          onResponseData: (stream, chunk, end) =>
            stream.exchange.sendResponseData(end ? Buffer.concat([chunk, chunk]) : chunk, end),
        },
        UNCHANGED,
      );
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      await assert.rejects(get(proxy.port, '/'));
      await until(() => chain.last.finished > 0);
      assert.equal(chain.last.finished, 1);
      assert.ok(proxy.log.lines.some(line => /changed the length/.test(line.message)));
    });

    it('answers 500 when the end of a request body shrinks after its length went out', async t => {
      const upstream = await startUpstream(t);
      const chain = new FakeChain(
        {
          onRequestData: (stream, chunk, end) =>
            stream.exchange.sendRequestData(end ? Buffer.alloc(0) : chunk, end),
        },
        UNCHANGED,
      );
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const client = await openClient(t, proxy.port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhel');
      await until(() => chain.streams[0]?.events.includes('request data'));
      client.send('lo!');
      assert.equal((await client.response()).status, 500);
      await until(() => chain.last.finished > 0);
      assert.equal(chain.last.finished, 1);
    });

    it('brings a body to the chain once, when a connection that nothing was sent on is taken', async t => {
      const upstream = await startUpstream(t);
      const chain = new FakeChain(
        {
          onRequestData: (stream, chunk, end) => {
            // The first request fails while it waits for its connection, and leaves it behind unused.
            if (chain.streams.length === 1) stream.exchange.fail({ status: 500, filter: '', details: '' });
            else stream.exchange.sendRequestData(chunk, end);
          },
        },
        { changesRequestBody: false },
      );
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port], chain });
      const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhello!';
      const first = await openClient(t, proxy.port);
      first.send(post);
      assert.equal((await first.response()).status, 500);
      if (transport === 'undici') await until(() => upstream.connections() === 1);
      // undici hears of its connection a turn later.
      for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve));
      const second = await openClient(t, proxy.port);
      second.send(post);
      assert.equal((await second.response()).status, 200);
      assert.equal(upstream.requests.at(-1)?.body.toString(), 'hello!');
      assert.deepEqual(chain.last.events, ['request headers', 'request data:end', 'finish']);
    });
  });
}
