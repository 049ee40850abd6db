import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { startWorkers } from '../../../src/runtime/workers/workers.ts';
import { startUpstream } from '../../support/fixtures.ts';
import { MemoryLog } from '../../support/log.ts';
import { metric } from '../../support/metrics.ts';
import { get, header, RawClient } from '../../support/raw-client.ts';
import { until } from '../../support/wait.ts';
import { weirConfig } from '../../support/weir.ts';
import { connectionsToAll, LOGS, moduleFolder, startTestWorkers } from '../../support/workers.ts';

const write = moduleFolder();
const logs = { module: write('logs', LOGS) };

const REQUESTS = 'weir_requests_total{listener="listener-1",route="listener-1/route-1",code="2xx"}';

test('all workers serve the port that the first one got', async t => {
  const weir = await startTestWorkers(t, { filters: { logs } });
  assert.deepEqual(
    weir.running.workers.map(({ number, serving }) => [number, serving]),
    [
      [1, true],
      [2, true],
    ],
  );
  const placed = await connectionsToAll(t, weir, [1, 2], 2);
  for (const { client } of placed) {
    client.send('GET /again HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await client.response()).status, 200);
  }
  const text = await weir.running.metrics();
  assert.equal(metric(text, 'weir_workers'), 2);
  assert.equal(metric(text, 'weir_filter_vms{filter="logs"}'), 2);
  const [first, second] = await Promise.all(weir.running.workers.map(worker => worker.read(5000)));
  const count = (reading: typeof first) => Number(reading!.requests_total![0]![1]);
  assert.ok(count(first) >= 4 && count(second) >= 4);
  assert.equal(metric(text, REQUESTS), count(first) + count(second));
  assert.equal(metric(text, 'weir_requests_in_flight{listener="listener-1"}'), 0);
  assert.equal(
    metric(text, 'weir_request_seconds_count{listener="listener-1",route="listener-1/route-1"}'),
    metric(text, REQUESTS),
  );
});

test('a port that is taken is told as with one thread, and nothing stays open', async t => {
  const options = { filters: { logs } };
  const { port, running } = await startTestWorkers(t, options);
  const config = weirConfig(options);
  const taken = { ...config, listeners: [{ ...config.listeners[0]!, port }] };
  const log = new MemoryLog();
  await assert.rejects(startWorkers(taken, log, { count: 2 }), {
    code: 'LISTEN_FAILED',
    message: `listener-1: can't listen on 127.0.0.1:${port}: EADDRINUSE (another process listens there: stop it, or choose another port)`,
  });
  assert.equal((await get(port, '/')).status, 200);
  await running.close();
  const twice = { ...config, listeners: [taken.listeners[0]!, { ...taken.listeners[0]!, name: 'second' }] };
  await assert.rejects(startWorkers(twice, log, { count: 2 }), { message: /^second: .*EADDRINUSE/ });
  await assert.rejects(RawClient.open(port), { code: 'ECONNREFUSED' });
});

test('a fault of a filter is told once, and nothing stays open', async () => {
  const traps = write(
    'traps',
    LOGS.replace(
      '(func (export "proxy_abi_version_0_2_1"))',
      `(func (export "proxy_abi_version_0_2_1"))
       (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
         (drop (call $log (i32.const 4) (i32.const 0) (i32.const 5))) unreachable)`,
    ),
  );
  const config = weirConfig({ filters: { bad: { module: traps }, logs } });
  const log = new MemoryLog();
  await assert.rejects(startWorkers(config, log, { count: 2 }), {
    name: 'StartError',
    code: 'GUEST_TRAP',
    message: /^[^\n]*filters\.bad: proxy_on_vm_start: [^\n]*$/,
  });
  assert.equal(log.lines.filter(({ message }) => message === 'x-log').length, 1);
});

test('a component is compiled once, and runs in all workers', async t => {
  const module = 'filters/rust/add-header-component/add-header-component.wasm';
  const config = { response: { set: { 'x-a': 'b' } } };
  const weir = await startTestWorkers(t, { filters: { logs, component: { module, config } } });
  for (const { client } of await connectionsToAll(t, weir, [1, 2], 1)) {
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal(header(await client.response(), 'x-a'), 'b');
  }
  assert.equal(metric(await weir.running.metrics(), 'weir_module_cache_misses_total'), 2);
});

test('a module that is loaded late is compiled once for all, and again from memory when it was evicted', async t => {
  const late = { module: write('late', `${LOGS} ;; late`), preload: false };
  const other = { module: write('other', LOGS.replace('1024', '2048')), preload: false };
  const routes = ['late', 'other'].map(name => ({
    match: { path: { exact: `/${name}` } },
    upstream: 'app',
    filters: [name],
  }));
  const weir = await startTestWorkers(t, {
    filters: { late, other, logs },
    routes: [...routes, { upstream: 'app', filters: ['logs'] }],
    modules: { cache: { directory: false, maxModules: 2 } },
  });
  const placed = await connectionsToAll(t, weir, [1, 2], 1);
  const ask = async (path: string) => {
    for (const { client } of placed) {
      client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      assert.equal((await client.response()).status, 200);
    }
    return metric(await weir.running.metrics(), 'weir_module_cache_misses_total');
  };
  // `late` has the bytes of `logs`, whose VM it doesn't share.
  assert.equal(await ask('/late'), 1);
  assert.equal(await ask('/other'), 2);
  assert.equal(await ask('/late'), 2);
});

test('what loops for ever is interrupted in every worker, also by a watchdog that was started again', async t => {
  const threads: Worker[] = [];
  const note = (worker: Worker) => void threads.push(worker);
  process.on('worker', note);
  t.after(() => process.off('worker', note));
  const weir = await startTestWorkers(t, { filters: { logs } });
  const loop = async () => {
    for (const { client } of await connectionsToAll(t, weir, [1, 2], 1)) {
      client.send('GET / HTTP/1.1\r\nHost: a\r\nx-loop: 1\r\n\r\n');
      assert.equal((await client.response()).status, 503);
    }
  };
  await loop();
  const own = weir.running.workers.map(({ threadId }) => threadId);
  const watchdog = threads.find(({ threadId }) => !own.includes(threadId));
  // In this process others may have started it.
  if (watchdog !== undefined) {
    const started = threads.length;
    const warned = once(process, 'warning');
    await watchdog.terminate();
    await warned;
    await until(() => threads.length > started, 'another watchdog');
    await until(() => threads.at(-1)!.threadId > 0);
  }
  await loop();
  const text = await weir.running.metrics();
  assert.equal(metric(text, 'weir_filter_failures_total{filter="logs",kind="interruption"}'), 4);
});

test('requests in flight in all workers end before they do', async t => {
  const answers: (() => void)[] = [];
  const upstream = await startUpstream(t, (req, res) => {
    if (req.url === '/slow') answers.push(() => res.end('late'));
    else res.end('ok');
  });
  const weir = await startTestWorkers(t, { filters: { logs }, upstreams: [upstream.port], drain: 20_000 });
  const placed = await connectionsToAll(t, weir, [1, 2], 2);
  for (const { client } of placed) client.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => answers.length === 4, 'all requests at the upstream');
  const closed = weir.running.close();
  for (;;) {
    const client = await RawClient.open(weir.port).catch(() => undefined);
    if (client === undefined) break;
    client.close();
  }
  for (const answer of answers) answer();
  for (const { client } of placed) assert.equal((await client.response()).body.toString(), 'late');
  await closed;
  assert.deepEqual(weir.running.workers, []);
  assert.deepEqual(weir.log.at('error'), []);
});
