import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Latencies } from '../../src/bench/latencies.ts';

const close = (value: number, expected: number) =>
  assert.ok(Math.abs(value - expected) <= expected * 0.01 + 0.001, `${value} instead of ${expected}`);

test('percentiles in milliseconds, to a thousandth', () => {
  const latencies = new Latencies();
  for (let i = 1; i <= 1000; i++) latencies.record(i / 10, 0);
  const { p50, p90, p99, p999, max, distribution } = latencies.summary;
  close(p50, 50);
  close(p90, 90);
  close(p99, 99);
  close(p999, 99.9);
  close(max, 100);
  assert.equal(distribution[0]![0], 0);
  close(distribution[0]![1], 0.1);
  assert.ok(distribution.every(([, ms], i) => i === 0 || ms >= distribution[i - 1]![1]));
});

test('nothing recorded is zero, and what is out of bounds stays within them', () => {
  assert.equal(new Latencies().summary.p999, 0);
  const latencies = new Latencies();
  latencies.record(0, 0);
  latencies.record(1e9, 0);
  assert.ok(latencies.summary.max <= 610_000);
});

test('at a fixed rate, requests that a slow one kept from being sent count as waiting', () => {
  const open = new Latencies();
  const closed = new Latencies();
  for (const [latencies, interval] of [
    [open, 10],
    [closed, 0],
  ] as const) {
    // A second at 100 per second, of which half was a stall.
    for (let i = 0; i < 50; i++) latencies.record(1, interval);
    latencies.record(500, interval);
  }
  close(closed.summary.p90, 1);
  // Of 100 requests 50 waited, 10 to 500 ms.
  close(open.summary.p50, 1);
  assert.ok(open.summary.p90 >= 390 && open.summary.p90 <= 410, String(open.summary.p90));
});
