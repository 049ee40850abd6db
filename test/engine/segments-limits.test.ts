import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PluginError } from '../../src/errors.ts';
import { BUDGET, Core, interrupter, segments } from './suspended.ts';
import { guest, none, ordinary, TRAP } from './waiting-guest.ts';

describe('the total of a guest’s segments', () => {
  test('a guest that only ever runs for a moment is ended', async () => {
    const { of, forever } = guest(() => Promise.resolve(1), none, segments(BUDGET, 20));
    await assert.rejects(forever(2 ** 31 - 1), TRAP);
    assert.equal(of.death, 'exhausted');
    assert.ok(of.used > 0);
    assert.throws(() => of.entered(), PluginError);
  });

  test('the last segment has what is left', async () => {
    const { of, run } = guest(() => sleep(1, 1), none, segments(60_000, BUDGET));
    await assert.rejects(run(0, 1), TRAP);
    assert.equal(of.death, 'exhausted');
    ordinary();
  });

  test('renewed for each call', async () => {
    const of = segments(BUDGET, BUDGET);
    const { run, exports } = guest(() => sleep(1, 1), none, of);
    while (of.used < 2 * BUDGET) {
      of.renew();
      for (const end = of.used + BUDGET / 3; of.used < end; ) exports['spin']!(1_000_000);
      assert.equal(await run(0, 0), 43);
    }
    while (of.death === undefined) {
      try {
        exports['spin']!(1_000_000);
      } catch {
        of.settle();
      }
    }
    assert.equal(of.death, 'exhausted');
  });
});

describe('the rule that one guest runs at a time', () => {
  test('another one is not entered while a segment runs', async () => {
    const other = guest(none);
    const tries: unknown[] = [];
    const { of, run } = guest(
      () => sleep(1, 1),
      () => {
        for (const enter of [() => other.exports['spin']!(1), () => interrupter.enter(10)]) {
          try {
            enter();
          } catch (error) {
            tries.push(error);
          }
        }
      },
    );
    assert.equal(await run(3, 3), 43);
    assert.equal(tries.length, 4);
    for (const error of tries) assert.match(String(error), /fault of the host/);
    assert.equal(of.death, undefined);
    other.exports['spin']!(1);
    ordinary();
  });

  test('within an ordinary callback no segment begins, and nobody is suspended', async () => {
    const { of, exports, run } = guest(() => sleep(1, 1));
    interrupter.enter(BUDGET);
    exports['spin']!(10);
    assert.equal(interrupter.open, undefined);
    assert.throws(() => exports['run']!(0, 0), /suspend/);
    const result = run(0, 0);
    assert.throws(() => exports['do']!(1), TRAP);
    assert.equal(interrupter.leave(), true);
    // It was suspended all the same: it may not go on.
    await assert.rejects(result, TRAP);
    assert.equal(of.death, undefined);
    ordinary();
  });
});

test('a start function that loops', () => {
  const of = segments();
  const start = new Core('(module (func $start (loop $again (br $again))) (start $start))');
  assert.throws(() => start.make(of), TRAP);
  assert.equal(of.death, 'interrupted');
  ordinary();
});
