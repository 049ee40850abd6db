import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import type { Reading } from '../../../src/runtime/reading.ts';
import { startWorkers } from '../../../src/runtime/workers/workers.ts';
import { startUpstream } from '../../support/fixtures.ts';
import { MemoryLog } from '../../support/log.ts';
import { metric } from '../../support/metrics.ts';
import { get, RawClient } from '../../support/raw-client.ts';
import { until } from '../../support/wait.ts';
import { weirConfig } from '../../support/weir.ts';
import {
  connectionsToAll,
  LOGS,
  moduleFolder,
  startTestWorkers,
  type TestWorkers,
} from '../../support/workers.ts';

const write = moduleFolder();
const logs = { module: write('logs', LOGS) };
const REQUESTS = 'weir_requests_total{listener="listener-1",route="listener-1/route-1",code="2xx"}';

async function servesAgain({ running }: TestWorkers, number: number, threadId: number): Promise<void> {
  await until(
    () => running.workers.some(w => w.number === number && w.serving && w.threadId !== threadId),
    `worker ${number} to be replaced`,
  );
}

test('a worker that is killed under load: its requests in flight are lost, and no others', async t => {
  const upstream = await startUpstream(t);
  const weir = await startTestWorkers(t, { filters: { logs }, upstreams: [upstream.port] });
  const placed = [...(await connectionsToAll(t, weir, [1, 2], 4))];
  const failures: number[] = [];
  let done = 0;
  let stop = false;
  const connection = async (client: RawClient, worker: number) => {
    while (!stop) {
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      try {
        assert.equal((await client.response()).status, 200);
        done++;
      } catch {
        failures.push(worker);
        client.close();
        // As a client does: another connection, which some worker takes.
        client = await RawClient.open(weir.port);
        t.after(() => client.close());
        worker = 0;
      }
    }
  };
  const load = placed.map(({ client, worker }) => connection(client, worker));
  await until(() => done > 500, 'load');
  const before = metric(await weir.running.metrics(), REQUESTS);
  const [first] = weir.running.workers;
  const { threadId } = first!;
  await first!.terminate();
  const later = done;
  await until(() => done > later + 500, 'load on the other worker');
  await servesAgain(weir, 1, threadId);
  const after = done;
  await until(() => done > after + 500, 'load on both');
  stop = true;
  await Promise.all(load);
  assert.ok(failures.length <= 4, `${failures.length} failures`);
  assert.deepEqual(new Set(failures), new Set([1]));
  assert.match(weir.log.at('error')[0]!.message, /^worker 1 ended: .*; another one takes its place$/);
  assert.deepEqual(weir.log.at('error').length, 1);
  const text = await weir.running.metrics();
  assert.ok(metric(text, REQUESTS) >= before, 'a counter went down');
  assert.equal(metric(text, 'weir_worker_restarts_total'), 1);
  assert.equal(metric(text, 'weir_workers'), 2);
  await connectionsToAll(t, weir, [1, 2], 1);
  assert.equal(metric(await weir.running.metrics(), 'weir_module_cache_misses_total'), 1);
});

test('a worker without memory left is replaced, and the process lives', async t => {
  // It never answers: the heads of requests stay.
  const upstream = await startUpstream(t, () => {}, { early: true });
  const weir = await startTestWorkers(
    t,
    { filters: { logs }, upstreams: [upstream.port], maxHeaderSize: '1MiB' },
    { count: 2, resourceLimits: { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 8 } },
  );
  const [first] = weir.running.workers;
  const fields = Array.from({ length: 90 }, (_, i) => `x-${i}: ${'v'.repeat(8000)}\r\n`).join('');
  const clients: RawClient[] = [];
  t.after(() => {
    for (const client of clients) client.close();
  });
  const died = () =>
    weir.log.at('error').some(({ message }) => /^worker \d ended: out of memory;/.test(message));
  while (!died() && clients.length < 1000) {
    const client = await RawClient.open(weir.port).catch(() => undefined);
    if (client === undefined) continue;
    clients.push(client);
    client.send(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
    await new Promise(resolve => setImmediate(resolve));
  }
  await until(died, 'a worker to run out of memory');
  for (const client of clients) client.close();
  assert.notEqual(first, undefined);
  await until(() => weir.running.workers.filter(({ serving }) => serving).length === 2, 'both to serve');
});

test('a worker that can not start again is tried after ever longer waits, while the other serves', async t => {
  const log = new MemoryLog();
  const config = { ...weirConfig({ filters: { logs } }), shutdown: { drain: 0 } };
  const { listeners } = config;
  const running = await startWorkers(config, log, { count: 2 });
  t.after(() => running.close());
  const weir = { running, log, port: Number(new URL(running.addresses[0]!.url).port) };
  const started: Worker[] = [];
  const note = (worker: Worker) => void started.push(worker);
  process.on('worker', note);
  t.after(() => process.off('worker', note));
  // No interface has that one (RFC 5737).
  config.listeners = [{ ...listeners[0]!, host: '203.0.113.1' }];
  await running.workers[1]!.terminate();
  await until(() => log.at('error').some(({ message }) => /EADDRNOTAVAIL/.test(message)), 'a refusal');
  const begun = performance.now();
  const count = started.length;
  while (performance.now() - begun < 1500) assert.equal((await get(weir.port, '/')).status, 200);
  assert.ok(started.length - count <= 6, `${started.length - count} starts in 1.5 s`);
  assert.equal(metric(await running.metrics(), 'weir_workers'), 1);
  config.listeners = listeners;
  await servesAgain(weir, 2, -1);
  assert.equal(metric(await running.metrics(), 'weir_workers'), 2);
});

test('a worker that hangs does not hold the end up', async t => {
  const hangs = write('hangs', LOGS);
  const limits = { callTime: '1m' };
  const filters = { logs, hangs: { module: hangs, limits, vmId: 'hangs' } };
  const routes = [
    { match: { path: '/hang' }, upstream: 'app', filters: ['hangs'] },
    { upstream: 'app', filters: ['logs'] },
  ];
  const weir = await startTestWorkers(t, { filters, routes });
  const [placed] = await connectionsToAll(t, weir, [1], 1);
  const served = REQUESTS.replace('route-1', 'route-2');
  const before = metric(await weir.running.metrics(), served);
  placed!.client.send('GET /hang HTTP/1.1\r\nHost: a\r\nx-loop: 1\r\n\r\n');
  // It doesn't answer any more: what it said last is what counts.
  const [hung] = weir.running.workers;
  for (;;) {
    const { lastReading } = hung!;
    if ((await hung!.read(200)) === lastReading) break;
  }
  const text = await weir.running.metrics();
  assert.equal(metric(text, 'weir_workers'), 2);
  assert.ok(before >= 1);
  assert.equal(metric(text, served), before);
  await weir.running.close();
  assert.match(weir.log.at('error').at(-1)!.message, /^worker 1 did not end in time: terminated$/);
});

test('a service of which there is one moves to another worker when its own dies', async t => {
  const ticks = write(
    'ticks',
    `(module
      (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
      (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "tick")
      (func (export "proxy_abi_version_0_2_1"))
      (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
      (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $tick (i32.const 50))) (i32.const 1))
      (func (export "proxy_on_tick") (param i32)
        (drop (call $log (i32.const 2) (i32.const 0) (i32.const 4)))))`,
  );
  const weir = await startTestWorkers(t, {
    filters: { logs, ticks: { module: ticks } },
    routes: [{ upstream: 'app', filters: ['logs'] }],
    services: [{ filter: 'ticks', singleton: true }],
  });
  const ticking = () => weir.log.lines.filter(({ message }) => message === 'tick');
  await until(() => ticking().length >= 3, 'ticks');
  assert.ok(ticking().every(({ fields }) => fields['worker'] === 1));
  const [first] = weir.running.workers;
  const { threadId } = first!;
  await first!.terminate();
  const before = ticking().length;
  await until(() => ticking().length >= before + 3, 'ticks in the other worker');
  await servesAgain(weir, 1, threadId);
  const later = ticking().length;
  await until(() => ticking().length >= later + 3, 'further ticks');
  assert.deepEqual(
    new Set(
      ticking()
        .slice(before)
        .map(({ fields }) => fields['worker']),
    ),
    new Set([2]),
  );
});

const HANGS = { logs, hangs: { module: write('silent', LOGS), limits: { callTime: '1m' }, vmId: 'hangs' } };
const HANG_ROUTES = [
  { match: { path: '/hang' }, upstream: 'app', filters: ['hangs'] },
  { upstream: 'app', filters: ['logs'] },
];

test('a worker that hangs is replaced: it would go on taking connections', async t => {
  const weir = await startTestWorkers(
    t,
    { filters: HANGS, routes: HANG_ROUTES },
    { count: 2, pulse: { every: 100, missed: 30 } },
  );
  const [placed] = await connectionsToAll(t, weir, [1], 1);
  const [first] = weir.running.workers;
  const { threadId } = first!;
  placed!.client.send('GET /hang HTTP/1.1\r\nHost: a\r\nx-loop: 1\r\n\r\n');
  await servesAgain(weir, 1, threadId);
  assert.deepEqual(
    weir.log.at('error').map(({ message }) => message),
    ['worker 1 ended: it hung: no sign of life for 3 s; another one takes its place'],
  );
  await connectionsToAll(t, weir, [1, 2], 1);
  assert.equal(weir.running.threads, 2);
});

test('what a worker counted is known a moment later, though nobody asked for metrics', async t => {
  const weir = await startTestWorkers(
    t,
    { filters: { logs } },
    { count: 2, pulse: { every: 20, missed: 500 } },
  );
  await connectionsToAll(t, weir, [1, 2], 3);
  const requests = ({ lastReading }: { lastReading: Reading }) =>
    (lastReading.requests_total ?? []).reduce((sum, [, value]) => sum + (value as number), 0);
  const [first] = weir.running.workers;
  await until(() => requests(first!) >= 3, 'its reading');
  const counted = requests(first!);
  await first!.terminate();
  assert.ok(metric(await weir.running.metrics(), REQUESTS) >= counted + 3);
});
