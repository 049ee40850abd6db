import assert from 'node:assert/strict';
import { test } from 'node:test';
import { confidence, median, quantile, random, stat } from '../../src/bench/statistics.ts';

test('quantiles lie between the two nearest figures, whatever their order', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(quantile([10, 0], 0.25), 2.5);
  assert.equal(quantile([7], 0.99), 7);
  assert.ok(Number.isNaN(median([])));
});

test('a figure has its median and the ends of its middle half', () => {
  assert.deepEqual(stat([5, 1, 3, 2, 4]), { median: 3, low: 2, high: 4 });
});

test('confidence is narrow where rounds agree and wide where they do not, and the same each time', () => {
  assert.deepEqual(confidence([2, 2, 2]), { median: 2, low: 2, high: 2 });
  const noisy = confidence([-10, 1, 2, 3, 30]);
  assert.equal(noisy.median, 2);
  assert.ok(noisy.low < 0 && noisy.high > 10, JSON.stringify(noisy));
  assert.deepEqual(confidence([-10, 1, 2, 3, 30]), noisy);
});

test('random numbers are in [0, 1), spread evenly, and the same for a seed', () => {
  const next = random(7);
  const list = Array.from({ length: 10_000 }, next);
  assert.ok(list.every(value => value >= 0 && value < 1));
  assert.ok(Math.abs(list.reduce((sum, value) => sum + value) / list.length - 0.5) < 0.02);
  const again = random(7);
  assert.deepEqual(list.slice(0, 5), Array.from({ length: 5 }, again));
});
