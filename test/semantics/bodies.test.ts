import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openClient, startRawUpstream, startUpstream } from '../support/fixtures.ts';
import { ALL, began, calls, events, finished, PAUSE, probe, results } from '../support/probe.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { get, header, request } from '../support/raw-client.ts';
import { startTestWeir } from '../support/weir.ts';

const collect = [['when', 'open', [['return', PAUSE]]]] as const;
const chunks = (...parts: string[]) => parts.map(p => `${p.length.toString(16)}\r\n${p}\r\n`).join('');
const CHUNKED = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
const END = '0\r\n\r\n';

for (const transport of TRANSPORTS) {
  describe(`11. over ${transport}: Pause from a body callback buffers`, () => {
    it('the next call sees the whole accumulated body (size counts up)', async t => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.write('one');
        setImmediate(() => res.write('two'));
        setTimeout(() => res.end('three'), 10);
      });
      const script = {
        requestBody: [...collect, ['getBuffer', 0, 0, ALL]],
        responseBody: [...collect, ['getBuffer', 1, 0, ALL]],
      } as const;
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe(script) },
      });
      const client = await openClient(t, port);
      client.send(CHUNKED);
      for (const [i, part] of ['abc', 'defg', 'hi'].entries()) {
        client.send(chunks(part));
        await began(log, 'requestBody', i + 1);
      }
      client.send(END);
      assert.equal((await client.response()).body.toString(), 'onetwothree');
      assert.equal(upstream.requests[0]?.body.toString(), 'abcdefghi');
      assert.deepEqual(
        results(log, 'requestBody').map(e => e.value),
        ['abc', 'abcdefg', 'abcdefghi', 'abcdefghi'],
      );
      const sizes = events(log).filter(e => e.on === 'requestBody' && e.op === undefined);
      assert.deepEqual(
        sizes.map(e => [e.a, e.b]),
        [
          [3, 0],
          [7, 0],
          [9, 0],
          [9, 1],
        ],
      );
      assert.equal(results(log, 'responseBody').at(-1)?.value, 'onetwothree');
    });

    const limits = { bufferedBody: '1000B' };
    const big = 'x'.repeat(3000);

    it('over the limit: request 413', async t => {
      const upstream = await startUpstream(t);
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe({ requestBody: collect }, { limits }) },
      });
      const response = await request(port, `${CHUNKED}${chunks(big)}${END}`);
      assert.equal(response.status, 413);
      assert.equal(response.body.toString(), '413 payload too large\n');
      await finished(log, 1);
      assert.match(String(log.at('warn')[0]?.fields['details']), /limits\.bufferedBody \(1000 bytes\)/);
      assert.equal(upstream.requests.length, 0);
    });

    it('over the limit: response 500', async t => {
      const upstream = await startUpstream(t, (_req, res) => res.write(big));
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: {
          a: probe(
            { responseHeaders: [['return', PAUSE]], responseBody: collect },
            { limits, allowOnHeadersStopIteration: true },
          ),
        },
      });
      const response = await get(port, '/');
      assert.equal(response.status, 500);
      assert.equal(response.body.toString(), '500 internal server error\n');
      await finished(log, 1);
    });

    it('over the limit: stream reset if headers already went out', async t => {
      const upstream = await startRawUpstream(t, socket => {
        socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks('first')}`);
      });
      const script = {
        responseBody: [
          ['return', PAUSE],
          ['when', 'call', 1, [['return', 0]]],
        ],
      } as const;
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe(script, { limits }) },
      });
      const client = await openClient(t, port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await began(log, 'responseBody');
      upstream.sockets[0]?.write(chunks(big));
      await client.untilClosed();
      assert.ok(client.received.includes('first'));
      assert.ok(!client.received.includes('xxx') && !client.received.includes('\r\n0\r\n'));
      await finished(log, 1);
    });

    it('headers stopped with buffering (3) are refused at the limit; watermark (1, 4) makes the source wait', async t => {
      const upstream = await startUpstream(t);
      const go = [
        'when',
        'header',
        ':path',
        '/go',
        [['recall', 0], ['continue', 0], ['self'], ['local', 200, '']],
      ] as const;
      const held = (action: number) =>
        probe(
          {
            requestHeaders: [
              go,
              [
                'when',
                'header',
                ':path',
                '/',
                [
                  ['remember', 0],
                  ['return', action],
                ],
              ],
            ],
          },
          { limits },
        );
      for (const action of [1, 4]) {
        const { port, log } = await startTestWeir(t, {
          transport,
          upstreams: [upstream.port],
          filters: { a: held(action) },
        });
        const answer = request(port, `${CHUNKED}${chunks(big, big)}${END}`);
        await began(log, 'requestHeaders');
        await get(port, '/go');
        assert.equal((await answer).status, 200);
        assert.equal(upstream.requests.at(-1)?.body.length, 6000);
      }
      const { port } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: held(3) },
      });
      assert.equal((await request(port, `${CHUNKED}${chunks(big)}${END}`)).status, 413);
    });
  });

  describe(`12. over ${transport}: end_of_stream on headers means no body callback follows`, () => {
    const seen = async (
      t: Parameters<typeof startUpstream>[0],
      raw: string,
      method: string,
      answer: string,
    ) => {
      const upstream = await startRawUpstream(t, socket => socket.write(answer));
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe() },
      });
      const response = await request(port, raw, method);
      await finished(log, 1);
      return { response, calls: calls(log).map(c => c.slice(2)) };
    };
    const bodyless = ['requestHeaders end', 'responseHeaders end'];

    for (const [what, method, answer] of [
      ['HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n'],
      ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
      ['304', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\nEtag: "x"\r\n\r\n'],
      ['Content-Length: 0', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ] as const) {
      it(`an upstream response to ${what} has no body`, async t => {
        const { response, calls } = await seen(t, `${method} / HTTP/1.1\r\nHost: a\r\n\r\n`, method, answer);
        assert.deepEqual(calls, bodyless);
        assert.equal(response.body.length, 0);
        if (answer.includes('12')) assert.equal(header(response, 'content-length'), '12');
      });
    }

    it('a request with Content-Length: 0', async t => {
      const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
      const { calls } = await seen(
        t,
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
        'POST',
        answer,
      );
      assert.deepEqual(calls, bodyless);
    });

    it('an empty chunked body is one empty body callback that ends', async t => {
      const answer = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
      const { calls } = await seen(t, `${CHUNKED}${END}`, 'POST', answer);
      assert.deepEqual(calls, ['requestHeaders', 'requestBody end', 'responseHeaders', 'responseBody end']);
    });
  });
}
