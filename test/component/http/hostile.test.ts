import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openClient, startUpstream } from '../../support/fixtures.ts';
import { get, request } from '../../support/raw-client.ts';
import { until } from '../../support/wait.ts';
import { type HttpRig, rig } from './support.ts';

/** Path, status, and what the log says; 0: the connection is reset. */
const CASES = [
  ['/trap', 503, /trap: wasm trap: wasm `unreachable`/],
  ['/exit', 503, /the guest called proc_exit\(1\)/],
  ['/loop', 503, /ran longer than 5 times limits.callTime \(250 ms\)/],
  ['/memory', 503, /its memory is at limits.memory|unreachable/],
  ['/resources', 503, /more than 4096 WASI resources|limits.callTime/],
  ['/amplify', 503, /from-list of \d+ bytes: limits.headerBytes/],
  ['/halftrap', 0, /trap: wasm trap/],
] as const;

/** One that has run: what is compiled at first has its own limit. */
async function warm(t: TestContext, options: Parameters<typeof rig>[2]): Promise<HttpRig> {
  const made = await rig(t, { endpoints: ['echo'] }, options);
  for (let i = 0; i < 3; i++) await get(made.port, '/text/x');
  await until(() => made.state.counters.contexts === 0);
  return made;
}

for (const [path, status, told] of CASES) {
  it(`${path}: ends the request, says why, and the next one has a new instance`, async t => {
    const { port, log, state } = await warm(t, { limits: { callTime: 50 } });
    if (status === 0) await assert.rejects(get(port, path));
    else assert.equal((await get(port, path)).status, status);
    await until(() => state.counters.contexts === 0);
    const errors = log.at('error').filter(({ fields }) => fields['callback'] !== undefined);
    assert.equal(errors.length, 1);
    assert.match(errors[0]!.message, told);
    assert.equal(errors[0]!.fields['callback'], 'wasi:http/incoming-handler.handle');
    assert.equal((await get(port, '/text/x')).body.toString(), 'x\n');
  });
}

/** However long it takes: a busy machine gives a guest its time slowly. */
async function statusOf(port: number, path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  await response.arrayBuffer();
  return response.status;
}

describe('a handler that', () => {
  it('computes for ever in small pieces, uses up its time', async t => {
    const { port, log } = await warm(t, { limits: { callTime: 20 } });
    assert.equal(await statusOf(port, '/mine'), 503);
    assert.match(log.at('error')[0]!.message, /computed longer than a hundred times limits.callTime/);
  });

  it('waits for what is there, for ever: others run meanwhile', async t => {
    const { port, log } = await warm(t, { limits: { callTime: 20 } });
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }, 5);
    t.after(() => clearInterval(timer));
    assert.equal(await statusOf(port, '/spin'), 503);
    assert.match(log.at('error')[0]!.message, /computed longer than a hundred times limits.callTime/);
    assert.ok(longest < 1000, `the loop stood still for ${longest} ms`);
  });

  it('never answers: 504 after pauseTime, and its instance ends', async t => {
    const { port, state, log } = await rig(t, { endpoints: ['echo'] }, { limits: { pauseTime: 200 } });
    for (const path of ['/sleep', '/sleepbody']) {
      const response = await request(
        port,
        `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`,
      );
      assert.equal(response.status, 504);
    }
    await until(() => state.counters.contexts === 0);
    assert.equal(state.counters.limitHits.pauseTime, 2);
    assert.equal(log.at('error').length, 0);
  });

  it('stops in the middle of its body: reset after pauseTime', async t => {
    const { port, state } = await rig(t, { endpoints: ['echo'] }, { limits: { pauseTime: 200 } });
    const client = await openClient(t, port);
    client.send('GET /stall HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(await client.rest(), /half/);
    await until(() => state.counters.contexts === 0);
  });

  it('gives its answer away: 500', async t => {
    const { port, proxy } = await rig(t, { endpoints: ['echo'] });
    assert.equal((await get(port, '/silent')).status, 500);
    assert.match(
      proxy.log
        .at('warn')
        .map(({ fields }) => fields['details'])
        .join(),
      /without a response/,
    );
  });

  it('drops its body unfinished: reset', async t => {
    const { port } = await rig(t, { endpoints: ['echo'] });
    await assert.rejects(get(port, '/half'));
  });

  it('does not read what comes: the client is not asked for it, and has its answer', async t => {
    const { port } = await rig(t, { endpoints: ['echo'] });
    const client = await openClient(t, port);
    client.send('POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nstart');
    assert.equal((await client.response()).body.toString(), 'unread\n');
  });
});

it('what still runs ends with the filter', async t => {
  const { port, plugin, state } = await warm(t, { limits: { pauseTime: 60_000 } });
  await get(port, '/after');
  assert.equal(state.counters.contexts, 1);
  plugin.close();
  await until(() => state.counters.contexts === 0);
});

describe('policies of failure', () => {
  it('closed: after a trap the filter is down', async t => {
    const { port, state } = await rig(t, { endpoints: ['echo'] }, { onFailure: 'closed' });
    assert.equal((await get(port, '/trap')).status, 503);
    assert.equal((await get(port, '/text/x')).status, 503);
    assert.equal(state.down, true);
    assert.equal(state.counters.refused, 1);
  });

  it('a handler that loops before anything was compiled ends at startTime', async t => {
    const limits = { callTime: 50, startTime: 300 };
    const { port, log } = await rig(t, { endpoints: ['echo'] }, { limits });
    assert.equal((await get(port, '/loop')).status, 503);
    assert.match(log.at('error')[0]!.message, /ran longer than limits/);
  });

  it('open: skipped while nothing was sent, with the body it had read', async t => {
    const upstream = await startUpstream(t);
    const limits = { startTime: 200, callTime: 200 };
    const { port, state } = await rig(t, { endpoints: [upstream.port] }, { onFailure: 'open', limits });
    for (const path of ['/trap', '/loop', '/silent']) {
      const response = await request(
        port,
        `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`,
      );
      assert.equal(response.status, 200, path);
      assert.equal(upstream.requests.at(-1)?.body.toString(), 'hello');
      // Its back-off is over then.
      await sleep(250);
    }
    assert.ok(state.counters.skipped >= 3);
    await assert.rejects(get(port, '/halftrap'));
  });

  it('contexts: no more at a time than may be', async t => {
    const limits = { contexts: 1, pauseTime: 300 };
    const { port, state } = await rig(t, { endpoints: ['echo'] }, { limits });
    const first = get(port, '/sleep');
    await until(() => state.counters.contexts === 1);
    assert.equal((await get(port, '/text/x')).status, 503);
    assert.equal(state.counters.limitHits.contexts, 1);
    await first;
  });
});
