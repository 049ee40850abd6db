import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { openClient, startUpstream } from '../support/fixtures.ts';
import type { MemoryLog } from '../support/log.ts';
import { ALL, BUFFER, began, calls, events, finished, PAUSE, probe, type Script } from '../support/probe.ts';
import { TRANSPORTS, type TransportName } from '../support/proxy.ts';
import { get, request } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { startTestWeir } from '../support/weir.ts';

const CHUNKED = 'POST /held HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

/** Lets go what was remembered at place 0, both directions. */
const GO = [
  'when',
  'header',
  ':path',
  '/go',
  [['recall', 0], ['continue', 0], ['continue', 1], ['self'], ['local', 200, '']],
] as const;

/** A filter `a` with a script that acts on /held only, and `b` behind it that only watches. */
async function start(
  t: TestContext,
  transport: TransportName,
  script: Script,
  options: Parameters<typeof probe>[1] = {},
  respond?: Parameters<typeof startUpstream>[1],
) {
  const upstream = await startUpstream(t, respond);
  const { port, log } = await startTestWeir(t, {
    transport,
    upstreams: [upstream.port],
    filters: {
      a: probe({ ...script, requestHeaders: [GO, ...(script.requestHeaders ?? [])] }, options),
      b: probe(),
    },
  });
  return { upstream, port, log, go: () => get(port, '/go') };
}

const of = (log: MemoryLog, filter: string) => calls(log).filter(c => c.startsWith(`${filter} `));
const holdHeld = [
  'when',
  'header',
  ':path',
  '/held',
  [
    ['remember', 0],
    ['return', PAUSE],
  ],
] as const;

for (const transport of TRANSPORTS) {
  describe(`10. over ${transport}: Pause from a headers callback holds that direction at this filter`, () => {
    it('later filters and the upstream see nothing until it continues', async t => {
      const { upstream, port, log, go } = await start(t, transport, { requestHeaders: [holdHeld] });
      const held = get(port, '/held');
      await began(log, 'requestHeaders');
      assert.deepEqual(of(log, 'b'), []);
      assert.equal(upstream.requests.length, 0);
      await go();
      assert.equal((await held).status, 200);
      assert.deepEqual(of(log, 'b'), ['b requestHeaders end', 'b responseHeaders', 'b responseBody end']);
      assert.equal(upstream.requests.length, 1);
      await finished(log, 3);
    });

    it("as Envoy by default: no body callback until resumed; then the filter's body callback sees all of it", async t => {
      const { upstream, port, log, go } = await start(t, transport, { requestHeaders: [holdHeld] });
      const client = await openClient(t, port);
      client.send(`${CHUNKED}5\r\nhello\r\n`);
      await began(log, 'requestHeaders');
      client.send('5\r\nworld\r\n0\r\nx-t: 1\r\n\r\n');
      await go();
      assert.equal((await client.response()).status, 200);
      assert.equal(upstream.requests[0]?.body.toString(), 'helloworld');
      assert.deepEqual(
        upstream.requests[0]?.trailers.map(s => s.toLowerCase()),
        ['x-t', '1'],
      );
      const sizes = events(log, 'a')
        .filter(e => e.on === 'requestBody')
        .map(e => e.a ?? 0);
      assert.equal(
        sizes.reduce((sum, n) => sum + n, 0),
        10,
      );
      assert.equal(of(log, 'a').filter(c => c === 'a requestTrailers end').length, 1);
    });

    it('allowOnHeadersStopIteration: body callbacks still run as data arrives; its Continue lets headers go', async t => {
      const script: Script = {
        requestHeaders: [['when', 'header', ':path', '/held', [['return', PAUSE]]]],
        requestBody: [
          // Headers wait with the filter, so it may still change them.
          ['getBuffer', BUFFER.request, 0, ALL],
          ['when', 'open', [['return', PAUSE]]],
          [
            'when',
            'end',
            [
              ['replace', 0, 'x-late', 'yes'],
              ['copy', 0, 'x-late', 0, 'x-later'],
            ],
          ],
        ],
      };
      const options = { allowOnHeadersStopIteration: true };
      const { upstream, port, log } = await start(t, transport, script, options);
      const client = await openClient(t, port);
      client.send(`${CHUNKED}5\r\nhello\r\n`);
      await began(log, 'requestBody');
      assert.deepEqual(of(log, 'b'), []);
      assert.equal(upstream.requests.length, 0);
      client.send('5\r\nworld\r\n0\r\n\r\n');
      assert.equal((await client.response()).status, 200);
      assert.equal(upstream.requests[0]?.body.toString(), 'helloworld');
      assert.equal(upstream.requests[0]?.headers.get('x-later'), 'yes');
      assert.deepEqual(of(log, 'b').slice(0, 2), ['b requestHeaders', 'b requestBody end']);
      assert.ok(events(log, 'a').some(e => e.op === 'getBuffer' && e.value === 'helloworld'));
    });

    it('the response: the client sees nothing, the body waits, and all of it goes on', async t => {
      const script: Script = {
        responseHeaders: [
          [
            'when',
            'property',
            'request\0path',
            '/held',
            [
              ['remember', 0],
              ['return', PAUSE],
            ],
          ],
        ],
      };
      const { port, log, go } = await start(t, transport, script, {}, (_req, res) =>
        res.end('x'.repeat(200_000)),
      );
      const client = await openClient(t, port);
      client.send('GET /held HTTP/1.1\r\nHost: a\r\n\r\n');
      await began(log, 'responseHeaders', 2);
      assert.equal(client.received.length, 0);
      await go();
      const response = await client.response();
      assert.equal(response.body.length, 200_000);
      // b stands before a on the way back and was not held.
      assert.ok(of(log, 'b').includes('b responseHeaders'));
    });

    it('Continue called within the callback that pauses lets it go all the same', async t => {
      const script: Script = {
        requestHeaders: [
          ['continue', 0],
          ['return', PAUSE],
        ],
        requestBody: [['when', 'open', [['return', PAUSE]]]],
        responseHeaders: [
          ['continue', 1],
          ['return', PAUSE],
        ],
      };
      const { upstream, port } = await start(t, transport, script);
      const response = await request(port, `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`);
      assert.equal(response.status, 200);
      assert.equal(upstream.requests[0]?.body.toString(), 'hello');
    });
  });

  describe(`14. over ${transport}: a paused stream that nobody resumes ends at \`pauseTime\` with 504`, () => {
    const limits = { pauseTime: '60ms' };
    const paused: Readonly<Record<string, { script: Script; send: string }>> = {
      'request headers': {
        script: { requestHeaders: [['return', PAUSE]] },
        send: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
      },
      'request body': {
        script: { requestBody: [['return', PAUSE]] },
        send: `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`,
      },
      'request trailers': {
        script: { requestTrailers: [['return', PAUSE]] },
        send: `${CHUNKED}5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n`,
      },
      'response headers': {
        script: { responseHeaders: [['return', PAUSE]] },
        send: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
      },
      'response body, whose head the client has not seen': {
        script: { responseHeaders: [['return', PAUSE]], responseBody: [['return', PAUSE]] },
        send: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
      },
    };
    for (const [what, { script, send }] of Object.entries(paused)) {
      it(what, async t => {
        const { port, log } = await start(t, transport, script, { limits });
        const response = await request(port, send);
        assert.equal(response.status, 504);
        assert.equal(response.body.toString(), '504 gateway timeout\n');
        await until(() => calls(log, true).includes('a delete'));
        const warning = log.at('warn')[0];
        assert.equal(warning?.fields['filter'], 'a');
        assert.match(String(warning?.fields['details']), /pauseTime \(60 ms\)/);
        // Not for our own error pages from a failed filter.
        if (!what.startsWith('response')) assert.ok(!calls(log).some(c => c.includes('response')));
      });
    }

    it('response body, when the head is out: a reset', async t => {
      const script: Script = {
        responseBody: [
          ['return', PAUSE],
          ['when', 'call', 1, [['return', 0]]],
        ],
      };
      const { port } = await start(t, transport, script, { limits }, (_req, res) => {
        res.write('first');
        setTimeout(() => res.end('second'), 5);
      });
      const client = await openClient(t, port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.untilClosed();
      assert.ok(client.received.includes('first'));
      assert.ok(!client.received.includes('second'));
    });
  });
}

describe('14. A filter that collects a slow body is at work', () => {
  it('each piece starts the time anew', async t => {
    const script: Script = { requestBody: [['when', 'open', [['return', PAUSE]]]] };
    const { upstream, port, log } = await start(t, 'undici', script, { limits: { pauseTime: '1s' } });
    const client = await openClient(t, port);
    client.send(CHUNKED);
    for (let i = 1; i <= 6; i++) {
      client.send('1\r\nx\r\n');
      await began(log, 'requestBody', i);
      await new Promise(resolve => setTimeout(resolve, 200));
    }
    client.send('0\r\n\r\n');
    assert.equal((await client.response()).status, 200);
    assert.equal(upstream.requests[0]?.body.toString(), 'xxxxxx');
  });
});

describe('9. Actions', () => {
  // Anything that is not Continue stops; out of range is the most careful stop.
  for (const action of [1, 3, 4, 5, 99, 0xffffffff]) {
    it(`headers: ${action} stops`, async t => {
      const held = [
        'when',
        'header',
        ':path',
        '/held',
        [
          ['remember', 0],
          ['return', action],
        ],
      ] as const;
      const { upstream, port, log, go } = await start(t, 'undici', { requestHeaders: [held] });
      const answer = request(port, `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`);
      await began(log, 'requestHeaders');
      assert.equal((await go()).status, 200);
      assert.equal((await answer).status, 200);
      assert.equal(upstream.requests[0]?.body.toString(), 'hello');
      assert.ok(!of(log, 'a').slice(0, 2).includes('a requestBody'));
    });
  }

  for (const action of [0, 2]) {
    it(`headers: ${action} continues`, async t => {
      const { upstream, port } = await start(t, 'undici', { requestHeaders: [['return', action]] });
      assert.equal((await request(port, `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`)).status, 200);
      assert.equal(upstream.requests[0]?.body.toString(), 'hello');
    });
  }

  for (const [action, rest] of [
    [1, 'helloworld'],
    [2, 'helloworld'],
    [3, 'world'],
    [4, 'world'],
    [99, 'world'],
  ] as const) {
    const keeps = rest === 'helloworld' ? 'buffers' : 'does not buffer';
    it(`body: ${action} ${keeps}`, async t => {
      const script: Script = { requestBody: [['when', 'call', 1, [['return', action]]]] };
      const { upstream, port, log } = await start(t, 'undici', script);
      const client = await openClient(t, port);
      client.send(`${CHUNKED}5\r\nhello\r\n`);
      await began(log, 'requestBody');
      client.send('5\r\nworld\r\n0\r\n\r\n');
      assert.equal((await client.response()).status, 200);
      assert.equal(upstream.requests[0]?.body.toString(), rest);
    });
  }
});
