import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricType } from '../../src/plugin/services.ts';
import { guestFamilies } from '../../src/runtime/guest-metrics.ts';
import { SharedMetrics } from '../../src/runtime/store/metrics.ts';

test("guests' metrics have names that Prometheus takes, a label for the filter, and one type each", () => {
  const metrics = SharedMetrics.create();
  const define = (filter: string, type: MetricType, name: string) => metrics.define(filter, type, name, 100);
  metrics.increment(define('a', MetricType.COUNTER, 'auth.requests'), 2n);
  metrics.increment(define('b', MetricType.COUNTER, 'auth.requests'), 3n);
  metrics.increment(define('a', MetricType.GAUGE, 'open-now'), -1n);
  metrics.record(define('a', MetricType.HISTOGRAM, 'ms'), 7n);
  metrics.record(define('a', MetricType.HISTOGRAM, 'ms'), 4_000_000n);
  // Names that become the same.
  metrics.record(define('a', MetricType.GAUGE, 'open_now'), 5n);
  metrics.record(define('b', MetricType.COUNTER, 'open_now_total'), 1n);
  metrics.record(define('b', MetricType.GAUGE, 'ms'), 9n);
  const families = new Map(guestFamilies(metrics).map(family => [family.name, family]));
  const values = (name: string) =>
    families
      .get(name)
      ?.lines.map(({ metricName, labels, value }) => [metricName, ...Object.values(labels), value]);
  assert.deepEqual(
    [...families].map(([name, { type }]) => [name, type]).toSorted(),
    [
      ['weir_custom_auth_requests_total', 'counter'],
      ['weir_custom_ms', 'gauge'],
      ['weir_custom_ms_histogram', 'histogram'],
      ['weir_custom_open_now', 'gauge'],
      ['weir_custom_open_now_gauge', 'gauge'],
      ['weir_custom_open_now_total', 'counter'],
    ].toSorted(),
  );
  assert.deepEqual(values('weir_custom_auth_requests_total')?.toSorted(), [
    ['weir_custom_auth_requests_total', 'a', 2],
    ['weir_custom_auth_requests_total', 'b', 3],
  ]);
  const gauges = [values('weir_custom_open_now'), values('weir_custom_open_now_gauge')].flat();
  assert.deepEqual(gauges.map(line => line!.at(-1)).toSorted(), [-1, 5]);
  const histogram = values('weir_custom_ms_histogram')!;
  assert.deepEqual(histogram.at(-1), ['weir_custom_ms_histogram_count', 'a', 2]);
  assert.deepEqual(histogram.at(-2), ['weir_custom_ms_histogram_sum', 'a', 4_000_007]);
  assert.deepEqual(
    histogram.find(line => line.includes(10)),
    ['weir_custom_ms_histogram_bucket', 'a', 10, 1],
  );
  assert.deepEqual(
    histogram.find(line => line.includes(5)),
    ['weir_custom_ms_histogram_bucket', 'a', 5, 0],
  );
  assert.deepEqual(
    histogram.find(line => line.includes('+Inf')),
    ['weir_custom_ms_histogram_bucket', 'a', '+Inf', 2],
  );
});

test('no line of a metric is a line of another one, however they are named', () => {
  const metrics = SharedMetrics.create();
  const { COUNTER, GAUGE, HISTOGRAM } = MetricType;
  for (const filter of ['a', 'b']) {
    for (const name of [
      'x',
      'x_sum',
      'x.sum',
      'x_count',
      'x_bucket',
      'x_sum_count',
      'x_histogram',
      'x_total',
    ]) {
      for (const [type, suffix] of [
        [COUNTER, ''],
        [GAUGE, '-'],
        [HISTOGRAM, '.'],
      ] as const) {
        metrics.define(filter, type, `${name}${suffix}`, 1000);
        metrics.define(filter, type, `${name}${suffix}!`, 1000);
      }
    }
    metrics.define(filter, HISTOGRAM, 'y', 1000);
    metrics.define(filter, GAUGE, 'y_sum', 1000);
  }
  const families = guestFamilies(metrics);
  const owners = new Map<string, string>();
  const lines = new Set<string>();
  for (const { name, lines: own } of families) {
    for (const { metricName, labels } of own) {
      assert.equal(owners.get(metricName) ?? name, name, `${metricName} is of two families`);
      owners.set(metricName, name);
      const line = `${metricName} ${JSON.stringify(labels)}`;
      assert.ok(!lines.has(line), line);
      lines.add(line);
    }
  }
  assert.equal(new Set(families.map(({ name }) => name)).size, families.length);
});

test('a thousand names that come out the same take no longer than others', () => {
  const time = (nameOf: (i: number) => string) => {
    const metrics = Array.from({ length: 4000 }, (_, i) => ({
      filter: 'a',
      type: MetricType.GAUGE,
      name: nameOf(i),
      value: 0n,
    }));
    const begun = performance.now();
    assert.equal(guestFamilies(metrics).length, 4000);
    return performance.now() - begun;
  };
  const odd = (i: number) => 'x'.repeat(240) + String.fromCharCode(0x80 + (i >> 6), 0x80 + (i & 63));
  const best = (nameOf: (i: number) => string) => Math.min(...[1, 2, 3].map(() => time(nameOf)));
  const different = best(i => 'x'.repeat(240) + i);
  assert.ok(best(odd) < 10 * different + 100);
});
