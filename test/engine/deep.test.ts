import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Segments } from '../../src/engine/interrupt/segments.ts';
import { Core, interrupter, jspi, segments } from './suspended.ts';

/** `deep(depth, turns)`: calls what may suspend at that depth, whatever comes of it goes on, for so many turns. */
const core = new Core(`(module
  (import "host" "wait" (func $wait (result i32)))
  (func (export "spin") (param i64) (call $spin (local.get 0)))
  (func $spin (param $turns i64)
    (loop $again
      (local.set $turns (i64.sub (local.get $turns) (i64.const 1)))
      (br_if $again (i64.ne (local.get $turns) (i64.const 0)))))
  (func $deep (export "deep") (param $depth i32) (param $turns i64) (result i32)
    (if (i32.eqz (local.get $depth))
      (then
        (try (do (drop (call $wait))) (catch_all))
        (call $spin (local.get $turns))
        (return (i32.const 1))))
    (i32.add (i32.const 1)
      (call $deep (i32.sub (local.get $depth) (i32.const 1)) (local.get $turns)))))`);

/** Seconds, if nobody ends it. */
const TURNS = 6_000_000_000n;

function run(of: Segments, depth: number, turns: bigint): string {
  const exports = core.make(of, { host: { wait: new jspi.Suspending(() => 1) } });
  try {
    exports['deep']!(depth, turns);
    return 'returned';
  } catch (error) {
    of.settle();
    return String(error);
  }
}

/** The deepest that it gets to; code that became hot needs less of the stack. */
async function limit(): Promise<number> {
  let last = -1;
  for (let round = 0; round < 20; round++) {
    let [low, high] = [100, 1_000_000];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (run(segments(60_000), middle, 1n) === 'returned') low = middle;
      else high = middle;
    }
    if (low === last) return low;
    last = low;
    await sleep(50);
  }
  return last;
}

test('a guest at the end of its stack is watched wherever the stack ends', { timeout: 120_000 }, async t => {
  const deepest = await limit();
  const ends = new Map<string, number>();
  for (let depth = deepest - 60; depth < deepest + 60; depth++) {
    const of = segments(5);
    const end = `${run(of, depth, TURNS)}, ${of.death}`;
    ends.set(end, (ends.get(end) ?? 0) + 1);
    assert.ok(of.death === 'interrupted' || /call stack.*unwound$/.test(end), `${end} at ${depth}`);
    assert.equal(interrupter.open, undefined);
    assert.equal(interrupter.inCallback, false);
    interrupter.enter(5000);
    core.make(segments(), { host: { wait: () => 1 } })['spin']!(1000n);
    assert.equal(interrupter.leave(), false);
  }
  t.diagnostic(`${deepest} deep: ${[...ends].map(([end, count]) => `${count} ${end}`).join('; ')}`);
});
