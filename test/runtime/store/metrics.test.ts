import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { FULL, MetricType, MISMATCH } from '../../../src/plugin/services.ts';
import { BUCKETS, type GuestMetric, SharedMetrics } from '../../../src/runtime/store/metrics.ts';
import { check } from './check.ts';

const { COUNTER, GAUGE, HISTOGRAM } = MetricType;
const MAX = 2n ** 64n - 1n;

const sorted = (metrics: SharedMetrics): GuestMetric[] =>
  [...metrics].sort((a, b) => `${a.filter}/${a.name}`.localeCompare(`${b.filter}/${b.name}`));

test('a name is one metric of a filter, of one type', () => {
  const metrics = SharedMetrics.create();
  const cell = metrics.define('f', COUNTER, 'n', 10);
  assert.ok(cell >= 0);
  assert.equal(metrics.define('f', COUNTER, 'n', 10), cell);
  assert.equal(metrics.define('f', GAUGE, 'n', 10), MISMATCH);
  assert.equal(metrics.define('f', HISTOGRAM, 'n', 10), MISMATCH);
  const cells = [
    cell,
    metrics.define('g', GAUGE, 'n', 10),
    metrics.define('f', HISTOGRAM, '', 10),
    metrics.define('f', COUNTER, '\0\xff', 10),
  ];
  assert.equal(new Set(cells).size, 4);
  assert.ok(cells.every(c => c >= 0));
  assert.deepEqual(
    new Set([...metrics].map(m => `${m.filter}/${m.name}`)),
    new Set(['f/n', 'g/n', 'f/', 'f/\0\xff']),
  );
  check(metrics.arena);
});

test('counters add, gauges are set and moved, both wrap at 64 bits', () => {
  const metrics = SharedMetrics.create();
  const counter = metrics.define('f', COUNTER, 'c', 10);
  metrics.record(counter, 5n);
  metrics.increment(counter, 2n);
  assert.equal(metrics.value(counter), 7n);
  metrics.increment(counter, MAX);
  assert.equal(metrics.value(counter), 6n);
  const gauge = metrics.define('f', GAUGE, 'g', 10);
  metrics.record(gauge, MAX);
  assert.equal(metrics.value(gauge), MAX);
  metrics.record(gauge, 3n);
  metrics.increment(gauge, -4n);
  assert.equal(metrics.value(gauge), MAX);
  assert.deepEqual(sorted(metrics), [
    { filter: 'f', name: 'c', type: COUNTER, value: 6n },
    { filter: 'f', name: 'g', type: GAUGE, value: MAX },
  ]);
});

test('an observation falls into the first bucket that reaches to it', () => {
  const metrics = SharedMetrics.create();
  const cell = metrics.define('f', HISTOGRAM, 'h', 10);
  const values = [0n, 1n, 2n, 5n, 6n, 1000n, 3_600_000n, 3_600_001n, 2n ** 60n];
  for (const value of values) metrics.record(cell, value);
  const [metric] = [...metrics];
  assert.ok(metric?.type === HISTOGRAM);
  const buckets = new Map(metric.buckets.map((n, i) => [BUCKETS[i] ?? Infinity, n]));
  assert.deepEqual(
    [...buckets].filter(([, n]) => n > 0n),
    [
      [0.5, 1n],
      [1, 1n],
      [5, 2n],
      [10, 1n],
      [1000, 1n],
      [3_600_000, 1n],
      [Infinity, 2n],
    ],
  );
  assert.equal(metric.count, 9n);
  assert.equal(
    metric.sum,
    values.reduce((sum, value) => sum + value),
  );
  // It can't be read or moved.
  metrics.increment(cell, 1n);
  assert.equal(metrics.value(cell), 0n);
  const again = [...metrics][0];
  assert.deepEqual(again, metric);
});

test('a filter has as many metrics as it may have, and there is room for so many', () => {
  const metrics = SharedMetrics.create({ maxNumbers: 30 });
  assert.equal(metrics.define('f', COUNTER, 'a', 0), FULL);
  const a = metrics.define('f', COUNTER, 'a', 2);
  metrics.define('f', COUNTER, 'b', 2);
  assert.equal(metrics.define('f', COUNTER, 'c', 2), FULL);
  assert.equal(metrics.define('f', COUNTER, 'a', 2), a);
  assert.ok(metrics.define('g', HISTOGRAM, 'a', 2) >= 0);
  assert.equal(metrics.define('h', HISTOGRAM, 'a', 2), FULL);
  assert.ok(metrics.define('h', GAUGE, 'a', 2) >= 0);
  assert.equal(metrics.define('h', GAUGE, 'x'.repeat(5 << 20), 2), FULL);
  check(metrics.arena);
  for (const maxNumbers of [0, -1, 1.5, 2 ** 30]) {
    assert.throws(() => SharedMetrics.create({ maxNumbers }), RangeError);
  }
  assert.throws(() => SharedMetrics.create({ maxBytes: 1 }), RangeError);
});

test('no metric touches another’s numbers', () => {
  const kind = fc.record({
    filter: fc.constantFrom('f', 'g'),
    type: fc.constantFrom(COUNTER, GAUGE, HISTOGRAM),
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    value: fc.bigInt({ min: 0n, max: MAX }),
  });
  fc.assert(
    fc.property(fc.array(kind, { maxLength: 60 }), steps => {
      const metrics = SharedMetrics.create({ maxNumbers: 200 });
      const model = new Map<string, { type: MetricType; value: bigint; count: bigint }>();
      for (const { filter, type, name, value } of steps) {
        const key = `${filter}/${name}`;
        const old = model.get(key);
        const cell = metrics.define(filter, type, name, 4);
        if (old !== undefined && old.type !== type) {
          assert.equal(cell, MISMATCH);
          continue;
        }
        metrics.record(cell, value);
        const sum = type === GAUGE ? value : BigInt.asUintN(64, (old?.value ?? 0n) + value);
        model.set(key, { type, value: sum, count: (old?.count ?? 0n) + 1n });
      }
      assert.equal([...metrics].length, model.size);
      for (const metric of metrics) {
        const { type, value, count } = model.get(`${metric.filter}/${metric.name}`)!;
        assert.equal(metric.type, type);
        if (metric.type === HISTOGRAM) assert.deepEqual([metric.sum, metric.count], [value, count]);
        else assert.equal(metric.value, value);
      }
      check(metrics.arena);
    }),
    { numRuns: 100 },
  );
});

test('threads define and count the same metrics: sums are exact, and stay when threads die', async () => {
  const metrics = SharedMetrics.create();
  const count = 5000;
  const run = (index: number, hold: boolean) => {
    const workerData = { handle: metrics.handle(index), count, hold };
    const worker = new Worker(new URL('./metrics-thread.ts', import.meta.url), { workerData });
    worker.once('error', error => assert.fail(error));
    return new Promise(resolve => worker.once('exit', resolve));
  };
  await Promise.all([0, 1].map(index => run(index, false)));
  // This one ends with the lock.
  await run(2, true);
  metrics.recover(2);
  metrics.recover(0);
  metrics.recover(0);
  assert.ok(metrics.handle(0).token > 0);
  check(metrics.arena);
  for (const metric of metrics) {
    if (metric.type === HISTOGRAM) assert.equal(metric.count, BigInt(3 * count));
    else assert.equal(metric.value, BigInt((3 * count) / 50));
  }
  assert.equal([...metrics].length, 51);
  const cell = metrics.define('f', COUNTER, 'c0', 51);
  assert.equal(metrics.value(cell), 300n);
  assert.equal(metrics.define('f', COUNTER, 'new', 51), FULL);
  assert.ok(metrics.define('f', COUNTER, 'new', 52) >= 0);
});
