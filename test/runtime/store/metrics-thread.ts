/** A thread of test/runtime/store/metrics.test.ts: defines what others define too, and counts. */
import { workerData } from 'node:worker_threads';
import { MetricType } from '../../../src/plugin/services.ts';
import { SharedMetrics } from '../../../src/runtime/store/metrics.ts';

const { handle, count, hold } = workerData;
const metrics = SharedMetrics.open(handle);
for (let i = 0; i < count; i++) {
  const counter = metrics.define('f', MetricType.COUNTER, `c${i % 50}`, 1000);
  const histogram = metrics.define('f', MetricType.HISTOGRAM, 'h', 1000);
  metrics.increment(counter, 1n);
  metrics.record(histogram, BigInt(i % 7));
}
if (hold) {
  metrics.arena.enter();
  metrics.arena.change();
}
