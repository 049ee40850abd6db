/**
 * What shared data, queues and metrics of filters cost in a thread, alone and while another thread does the same all the
 * time: µs of each operation. Takes some 20 s; on a machine whose cores are busy the rarer ones show only that.
 *
 *     node loadtest/engine/store.ts [--json]
 */
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { MetricType } from '../../src/plugin/services.ts';
import { EmbeddedStore, type StoreHandle } from '../../src/runtime/store/embedded.ts';
import { type MetricsHandle, SharedMetrics } from '../../src/runtime/store/metrics.ts';
import { type Aim, options, progress, report } from './support.ts';

const COUNT = 100_000;
const KEYS = 1000;
const BYTES = 64;
const MANY = 1 << 30;
const SCOPE = 'vm';
/** How many threads are ready. */
const READY = 0;

interface Task {
  readonly store: StoreHandle;
  readonly metrics: MetricsHandle;
  readonly meeting: SharedArrayBuffer;
  readonly threads: number;
}

interface Row {
  readonly name: string;
  readonly p50: number;
  readonly p99: number;
  /** µs of the wall for one, all of them together. */
  readonly mean: number;
}

const names = Array.from({ length: KEYS }, (_, i) => `key-${i}`);
const value = new Uint8Array(BYTES).fill(7);

/** Each by itself; reading the clock is in it. */
function time(name: string, body: (i: number) => void): Row {
  const times = new Float64Array(COUNT);
  const begin = performance.now();
  for (let i = 0; i < COUNT; i++) {
    const start = performance.now();
    body(i);
    times[i] = performance.now() - start;
  }
  const mean = ((performance.now() - begin) * 1000) / COUNT;
  times.sort();
  const at = (q: number) => times[Math.floor(COUNT * q)]! * 1000;
  return { name, p50: at(0.5), p99: at(0.99), mean };
}

/** All threads do the same at the same time. */
function measure({ store: storeHandle, metrics: metricsHandle, meeting, threads }: Task): Row[] {
  const store = EmbeddedStore.open(storeHandle);
  const metrics = SharedMetrics.open(metricsHandle);
  const ready = new Int32Array(meeting);
  let meetings = 0;
  const meet = () => {
    meetings += threads;
    Atomics.add(ready, READY, 1);
    Atomics.notify(ready, READY);
    for (let now = 0; now < meetings; ) {
      now = Atomics.load(ready, READY);
      if (now < meetings) Atomics.wait(ready, READY, now, 100);
    }
  };
  for (const name of names) store.set(SCOPE, name, value, 0, MANY);
  store.set(SCOPE, 'shared', value, 0, MANY);
  const quiet = { onQueueReady() {} };
  const queue = store.registerQueue(SCOPE, `queue-${storeHandle.token}`, quiet);
  store.leaveQueues(quiet);
  const counter = metrics.define('filter', MetricType.COUNTER, 'counter', 10);
  const histogram = metrics.define('filter', MetricType.HISTOGRAM, 'histogram', 10);
  const bodies: [string, (i: number) => void][] = [
    ['the clock alone', () => {}],
    ['get, 64 bytes', i => store.get(SCOPE, names[i % KEYS]!)],
    ['set, 64 bytes', i => store.set(SCOPE, names[i % KEYS]!, value, 0, MANY)],
    [
      'get and set by version until it succeeds, all the same key',
      () => {
        for (;;) {
          const old = store.get(SCOPE, 'shared');
          if (typeof old === 'number') throw new Error(`status ${old}`);
          if (store.set(SCOPE, 'shared', old.value, old.cas, MANY) === 0) return;
        }
      },
    ],
    [
      'enqueue and dequeue, a queue each',
      () => {
        store.enqueue(queue, value, 1000);
        store.dequeue(queue);
      },
    ],
    ['metric: increment of one counter', () => metrics.increment(counter, 1n)],
    ['metric: observation', i => metrics.record(histogram, BigInt(i))],
  ];
  return bodies.map(([name, body]) => {
    for (let i = 0; i < 5000; i++) body(i);
    meet();
    return time(name, body);
  });
}

async function together(threads: number): Promise<Row[]> {
  const store = EmbeddedStore.create();
  const metrics = SharedMetrics.create();
  const meeting = new SharedArrayBuffer(4);
  const answers = Array.from({ length: threads }, async (_, i) => {
    const task: Task = { store: store.handle(i), metrics: metrics.handle(i), meeting, threads };
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    const [rows] = (await once(worker, 'message')) as [Row[]];
    return rows;
  });
  return (await Promise.all(answers))[0]!;
}

/** CPU of the enqueuer and the whole process for a value that another thread hears of. */
async function notifications(): Promise<Record<string, string | number>> {
  const store = EmbeddedStore.create();
  const listener = new Worker(new URL(import.meta.url), { workerData: store.handle(0) });
  const [queue] = (await once(listener, 'message')) as [number];
  const count = 50_000;
  const before = process.cpuUsage();
  const own = process.threadCpuUsage();
  for (let i = 0; i < count; i++) {
    while (store.enqueue(queue, value, 1000) !== 0) await turn();
    if (i % 20 === 0) await turn();
  }
  const { user, system } = process.threadCpuUsage(own);
  while (store.usage.values > 0) await turn();
  const all = process.cpuUsage(before);
  await listener.terminate();
  return {
    name: 'enqueue that another thread hears of and dequeues',
    'CPU of the enqueuer': ((user + system) / count).toFixed(2),
    'CPU of both': ((all.user + all.system) / count).toFixed(2),
  };
}

function listen(handle: StoreHandle): void {
  const store = EmbeddedStore.open(handle);
  const queue = store.registerQueue(SCOPE, 'heard', { onQueueReady: id => void store.dequeue(id) });
  parentPort!.once('message', () => {});
  parentPort!.postMessage(queue);
}

async function main(): Promise<void> {
  const { json } = options('node loadtest/engine/store.ts');
  progress('one thread');
  const alone = await together(1);
  progress('two threads');
  const both = await together(2);
  progress('notifications');
  const heard = await notifications();
  progress('');
  const rows = alone.map((one, i) => {
    const two = both[i]!;
    return {
      name: one.name,
      p50: one.p50.toFixed(2),
      p99: one.p99.toFixed(2),
      mean: one.mean.toFixed(2),
      'two: p50': two.p50.toFixed(2),
      'two: p99': two.p99.toFixed(2),
      'two: mean': two.mean.toFixed(2),
    };
  });
  const p50 = (name: string) => both.find(row => row.name.startsWith(name))!.p50;
  const aims: Aim[] = [
    { what: 'get, p50 with two threads', value: p50('get, '), most: 10, unit: ' µs' },
    { what: 'set, p50 with two threads', value: p50('set'), most: 30, unit: ' µs' },
    { what: 'increment, p50 with two threads', value: p50('metric: inc'), most: 1, unit: ' µs' },
  ];
  const title = 'µs of one, one thread and two threads at once';
  report(
    json,
    [
      { title, rows },
      { title: 'µs', rows: [heard] },
    ],
    aims,
  );
}

if (isMainThread) await main();
else if ('meeting' in workerData) parentPort!.postMessage(measure(workerData));
else listen(workerData);
