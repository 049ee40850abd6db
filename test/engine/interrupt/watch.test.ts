import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuTime, ownThread } from '../../../src/engine/interrupt/cpu-time.ts';
import { FLAG } from '../../../src/engine/interrupt/protocol.ts';
import { Slot } from '../../../src/engine/interrupt/slot.ts';
import { Watch } from '../../../src/engine/interrupt/watch.ts';

/** A slot and its watch, on a clock and with figures of CPU time that the test sets. */
function watched(cpu: { used: number; waited: number } | undefined) {
  const page = new SharedArrayBuffer(1024);
  const slot = new Slot(page, new SharedArrayBuffer(4));
  slot.watched();
  const time = { now: 1000 };
  const figures = cpu && (Object.assign(cpu, { read: () => true }) as unknown as CpuTime);
  const watch = new Watch(page, () => time.now, figures);
  const words = new Int32Array(page);
  watch.look();
  return {
    slot,
    time,
    /** Looks every ms, while the thread gets so much CPU and waits so long per ms; returns ms until the claim. */
    untilClaim(used: number, waited: number, step = 1): number {
      const from = time.now;
      watch.look();
      while (Atomics.load(words, FLAG) === 0) {
        time.now += step;
        if (cpu !== undefined) {
          cpu.used += used * step;
          cpu.waited += waited * step;
        }
        watch.look();
        assert.ok(time.now - from < 100_000);
      }
      return time.now - from;
    },
  };
}

test('without figures a callback has its budget on the wall', () => {
  const { slot, untilClaim } = watched(undefined);
  slot.enter(10);
  assert.equal(untilClaim(0, 0), 10);
  assert.equal(slot.leave(), true);
  slot.enter(3);
  assert.equal(untilClaim(0, 0), 3);
});

test('what a thread waits for a CPU is added', () => {
  const { slot, untilClaim } = watched({ used: 50, waited: 7 });
  slot.enter(10);
  assert.equal(untilClaim(1, 0), 10);
  slot.leave();
  slot.enter(10);
  assert.equal(untilClaim(0.5, 0.5), 20);
});

test('what it did not get for reasons that nobody counts is added, but for one tick of the kernel', () => {
  const { slot, untilClaim } = watched({ used: 50, waited: 7 });
  slot.enter(10);
  assert.equal(untilClaim(0.5, 0), 12);
  slot.leave();
  slot.enter(100);
  assert.equal(untilClaim(0.5, 0), 192);
});

test('a figure of waits that is too high gives no more than one tick', () => {
  const { slot, untilClaim } = watched({ used: 50, waited: 7 });
  slot.enter(10);
  assert.equal(untilClaim(1, 1), 14);
});

test('a callback that gets no CPU at all ends too', () => {
  const { slot, untilClaim } = watched({ used: 50, waited: 7 });
  slot.enter(10);
  assert.equal(untilClaim(0, 1), 1100);
});

test('a time in which the watchdog stood still counts as 100 ms', () => {
  const { slot, untilClaim } = watched(undefined);
  slot.enter(250);
  assert.equal(untilClaim(0, 0, 1000), 3000);
});

test('nothing is concluded from a look that is too old', () => {
  const page = new SharedArrayBuffer(1024);
  const slot = new Slot(page, new SharedArrayBuffer(4));
  slot.watched();
  let now = 0;
  const watch = new Watch(page, () => now);
  slot.enter(5);
  watch.look();
  now += 10_001;
  assert.equal(watch.look(), 2.5);
  now += 4;
  assert.equal(watch.look(), 1);
  now += 1;
  watch.look();
  assert.equal(slot.leave(), true);
});

test('a leave too many is an error, and harmless', () => {
  const { slot, untilClaim } = watched(undefined);
  assert.throws(() => slot.leave(), /leave without enter/);
  slot.enter(1);
  assert.equal(slot.leave(), false);
  slot.enter(1);
  assert.equal(untilClaim(0, 0), 1);
  assert.equal(slot.leave(), true);
});

test('CPU time of this thread', { skip: process.platform !== 'linux' }, () => {
  const cpu = CpuTime.of(ownThread());
  // A kernel may not count it.
  if (cpu === undefined) return;
  const before = cpu.used;
  const deadline = performance.now() + 10_000;
  while (cpu.used < before + 20 && performance.now() < deadline) cpu.read();
  assert.ok(cpu.used >= before + 20);
  assert.ok(cpu.waited >= 0);
  assert.equal(CpuTime.of(undefined), undefined);
  assert.equal(CpuTime.of('0'), undefined);
});
