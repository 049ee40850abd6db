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
