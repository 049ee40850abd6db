import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openClient, startUpstream } from '../support/fixtures.ts';
import { began, events, finished, probe, STATUS, statuses } from '../support/probe.ts';
import { get } from '../support/raw-client.ts';
import { startTestWeir } from '../support/weir.ts';

const { ok } = STATUS;

describe('8. A callback never runs inside a hostcall', () => {
  const inOrder = (log: Parameters<typeof events>[0]) =>
    events(log)
      .filter(e => e.on === 'requestHeaders' || e.on === 'responseHeaders')
      .map(e => e.op ?? e.on);

  it('a local response runs the response callbacks when the guest has returned', async t => {
    const a = probe({
      requestHeaders: [
        ['local', 200, 'here'],
        ['get', 0, ':path'],
        ['return', 1],
      ],
    });
    const { port, log } = await startTestWeir(t, { filters: { a } });
    assert.equal((await get(port, '/')).body.toString(), 'here');
    assert.deepEqual(inOrder(log), ['requestHeaders', 'local', 'get', 'responseHeaders']);
  });

  it('resuming another stream runs its next callbacks when the guest has returned', async t => {
    const a = probe({
      requestHeaders: [
        [
          'when',
          'header',
          ':path',
          '/held',
          [
            ['remember', 0],
            ['return', 1],
          ],
        ],
        ['when', 'header', ':path', '/go', [['recall', 0], ['continue', 0], ['self'], ['get', 0, ':path']]],
      ],
    });
    const { port, log } = await startTestWeir(t, { filters: { a, b: probe() } });
    const held = get(port, '/held');
    await began(log, 'requestHeaders');
    await get(port, '/go');
    assert.equal((await held).status, 200);
    const order = events(log)
      .filter(e => e.on === 'requestHeaders')
      .map(e => `${e.filter} ${e.op ?? ''}`);
    assert.deepEqual(order.slice(0, 6), ['a ', 'a ', 'a recall', 'a continue', 'a self', 'a get']);
  });

  it('closing a stream ends its contexts when the guest has returned', async t => {
    const a = probe({
      requestHeaders: [
        ['close', 0],
        ['get', 0, ':path'],
      ],
    });
    const upstream = await startUpstream(t);
    const { port, log } = await startTestWeir(t, { filters: { a }, upstreams: [upstream.port] });
    const client = await openClient(t, port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.untilClosed();
    await finished(log, 1);
    assert.equal(client.received.length, 0);
    assert.equal(upstream.requests.length, 0);
    assert.deepEqual(statuses(log, 'requestHeaders'), [ok, ok]);
  });
});
