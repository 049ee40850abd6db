import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openClient, startUpstream } from '../support/fixtures.ts';
import { began, calls, finished, PAUSE, probe, type Script, STATUS, statuses } from '../support/probe.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { get } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { startTestWeir } from '../support/weir.ts';

const { ok, badArgument, unimplemented } = STATUS;
const POST =
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-t: 1\r\n\r\n';

for (const transport of TRANSPORTS) {
  describe(`proxy_close_stream over ${transport}: both sides are reset, contexts end once`, () => {
    const phases = [
      'requestHeaders',
      'requestBody',
      'requestTrailers',
      'responseHeaders',
      'responseBody',
      'responseTrailers',
    ] as const;
    for (const phase of phases) {
      for (const type of [0, 1]) {
        it(`${phase}, stream type ${type}`, async t => {
          const upstream = await startUpstream(t, (_req, res) => {
            res.writeHead(200, { trailer: 'x-t' });
            res.write('answer');
            res.addTrailers([['x-t', '1']]);
            res.end();
          });
          const script: Script = {
            [phase]: [
              ['close', type],
              ['return', PAUSE],
            ],
          };
          const { port, log } = await startTestWeir(t, {
            transport,
            upstreams: [upstream.port],
            filters: { a: probe(script) },
          });
          const client = await openClient(t, port);
          client.send(POST);
          await client.untilClosed();
          assert.ok(!client.received.includes('\r\n0\r\n'), client.received.toString());
          await finished(log, 1);
          assert.equal(calls(log).at(-1)?.split(' ')[1], phase);
          if (phase.startsWith('request')) assert.ok(!upstream.requests.some(r => r.complete));
          assert.deepEqual([...new Set(statuses(log, phase))], [ok]);
        });
      }
    }

    it('from another stream, through its context', async t => {
      const a = probe({
        requestHeaders: [
          ['when', 'header', ':path', '/held', [['remember', 0]]],
          ['when', 'header', ':path', '/close', [['recall', 0], ['close', 1], ['self']]],
        ],
      });
      const upstream = await startUpstream(t, (req, res) => {
        if (req.url === '/held') res.write('some');
        else res.end('ok');
      });
      const { port, log } = await startTestWeir(t, { transport, upstreams: [upstream.port], filters: { a } });
      const client = await openClient(t, port);
      client.send('GET /held HTTP/1.1\r\nHost: a\r\n\r\n');
      await began(log, 'responseBody');
      assert.equal((await get(port, '/close')).body.toString(), 'ok');
      await client.untilClosed();
      await until(() => upstream.requests[0]?.aborted, 'the upstream request to be dropped');
      await finished(log, 2);
    });
  });
}

describe('stream types', () => {
  it('TCP is UNIMPLEMENTED, unknown ones are BAD_ARGUMENT, and nothing happens', async t => {
    const types = [2, 3, 4, 0xffffffff];
    const ops = types.flatMap(
      type =>
        [
          ['continue', type],
          ['close', type],
        ] as const,
    );
    const { port, log } = await startTestWeir(t, { filters: { a: probe({ requestHeaders: ops }) } });
    assert.equal((await get(port, '/')).status, 200);
    const [u, b] = [unimplemented, badArgument];
    assert.deepEqual(statuses(log, 'requestHeaders'), [u, u, u, u, b, b, b, b]);
  });
});

describe('a VM that dies', () => {
  it('ends the stream that it died in with 503; the next has a new VM; another VM does not notice', async t => {
    const a = probe({ requestHeaders: [['when', 'header', ':path', '/trap', [['trap']]]] });
    const { port, log } = await startTestWeir(t, { filters: { before: probe({}, { vmId: 'other' }), a } });
    for (let i = 0; i < 2; i++) assert.equal((await get(port, '/')).status, 200);
    assert.equal((await get(port, '/trap')).status, 503);
    assert.equal((await get(port, '/')).status, 200);
    assert.ok(log.at('error').some(l => /proxy_on_request_headers: trap: unreachable/.test(l.message)));
    await until(
      () => calls(log, true).filter(c => c === 'before delete').length === 4,
      'the other VM to see each end',
    );
    assert.equal(calls(log, true).filter(c => c === 'a delete').length, 3);
  });

  it('streams that were paused in it do not wait for a resume that cannot come', async t => {
    const a = probe(
      {
        requestHeaders: [
          ['when', 'header', ':path', '/held', [['return', PAUSE]]],
          ['when', 'header', ':path', '/trap', [['trap']]],
        ],
      },
      { limits: { pauseTime: '30s' } },
    );
    const { port, log } = await startTestWeir(t, { filters: { a } });
    const held = get(port, '/held');
    await began(log, 'requestHeaders');
    assert.equal((await get(port, '/trap')).status, 503);
    assert.equal((await held).status, 503);
  });
});
