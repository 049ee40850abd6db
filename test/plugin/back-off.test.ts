import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { BackOff } from '../../src/plugin/back-off.ts';

const CONFIG = { firstDelay: 100, maxDelay: 1000, crashesPerMinute: 10 };

function clock(t: TestContext): { now: number } {
  const time = { now: 5_000_000 };
  t.mock.method(performance, 'now', () => time.now);
  return time;
}

/** Waits after each of so many failures, one right when the wait before it is over. */
function waits(time: { now: number }, backOff: BackOff, count: number): number[] {
  return Array.from({ length: count }, () => {
    backOff.failed();
    const wait = backOff.wait();
    time.now += wait;
    return wait;
  });
}

test('the first try is at once, then waits double up to the maximum', t => {
  const time = clock(t);
  assert.deepEqual(waits(time, new BackOff(CONFIG, () => 1), 7), [0, 100, 200, 400, 800, 1000, 1000]);
});

test('half of a wait is left to chance', t => {
  const time = clock(t);
  assert.deepEqual(waits(time, new BackOff(CONFIG, () => 0), 4), [0, 50, 100, 200]);
  const random = new BackOff(CONFIG);
  for (const [i, wait] of waits(time, random, 4).entries()) {
    const most = [0, 100, 200, 400][i]!;
    assert.ok(wait >= most / 2 && wait <= most, `${wait} of ${most}`);
  }
});

test('what held for a while starts again from the beginning', t => {
  const time = clock(t);
  const backOff = new BackOff(CONFIG, () => 1);
  waits(time, backOff, 5);
  time.now += CONFIG.maxDelay + 1;
  assert.deepEqual(waits(time, backOff, 2), [0, 100]);
});

test('too many failures within a minute: nothing for the rest of it', t => {
  const time = clock(t);
  const backOff = new BackOff({ ...CONFIG, crashesPerMinute: 3 }, () => 1);
  const start = time.now;
  // Each holds long enough not to be in a row.
  for (let i = 0; i < 3; i++) {
    backOff.failed();
    assert.equal(backOff.wait(), 0, String(i));
    time.now += 2000;
  }
  backOff.failed();
  assert.equal(backOff.wait(), start + 60_000 - time.now);
  time.now += backOff.wait();
  assert.equal(backOff.wait(), 0);
});
