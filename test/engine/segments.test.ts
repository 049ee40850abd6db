import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PluginError } from '../../src/errors.ts';
import { BUDGET, busy, interrupter, later, segments, turn } from './suspended.ts';
import { flag, guest, none, ordinary, TRAP } from './waiting-guest.ts';

describe('segments of a guest that is suspended', () => {
  test('a call that waits for longer than its budget', async () => {
    const { of, run } = guest(() => sleep(3 * BUDGET, 1));
    assert.equal(await run(0, 0), 43);
    assert.equal(of.death, undefined);
    assert.ok(of.used < BUDGET);
    assert.equal(interrupter.open, undefined);
  });

  test('an import that does not wait after all', async () => {
    const { of, run } = guest(() => 5);
    assert.equal(await run(0, 0), 47);
    assert.equal(of.death, undefined);
  });

  test('time that the import itself takes is not the guest’s', async () => {
    const { of, run } = guest(() => {
      busy(3 * BUDGET);
      return Promise.resolve(1);
    });
    assert.equal(await run(0, 0), 43);
    assert.equal(of.death, undefined);
  });

  for (const [where, before, after] of [
    ['before it is suspended', 1, 0],
    ['after it is resumed', 0, 1],
  ] as const) {
    test(`an endless loop ${where}`, async () => {
      const { of, run } = guest(() => sleep(10, 1));
      await assert.rejects(run(before, after), TRAP);
      assert.equal(of.death, 'interrupted');
      assert.equal(flag(), 0);
      assert.throws(() => of.entered(), { name: PluginError.name, code: 'PLUGIN_DOWN' });
      ordinary();
    });
  }

  test('an endless loop in a function of its own that the host calls, once resumed', async () => {
    const { of, run } = guest(
      () => sleep(1, 1),
      exports => exports['do']!(1),
    );
    await assert.rejects(run(0, 3), TRAP);
    assert.equal(of.death, 'interrupted');
    ordinary();
  });

  test('a trap in there, which the host passes over', async () => {
    const { of, run } = guest(
      () => sleep(1, 1),
      exports => assert.throws(() => exports['do']!(2), TRAP),
    );
    assert.equal(await run(3, 3), 43);
    assert.equal(interrupter.open, undefined);
    assert.equal(of.death, undefined);
  });

  test('a call from the import that suspends is a segment of its own', async () => {
    const { of, exports, run } = guest(async () => {
      exports['spin']!(10);
      await sleep(5);
      exports['spin']!(10);
      return 1;
    });
    assert.equal(await run(0, 0), 43);
    assert.equal(of.death, undefined);
    for (const when of ['at once', 'later']) {
      const evil = guest(async () => {
        if (when === 'later') await sleep(5);
        evil.exports['do']!(1);
      });
      await assert.rejects(evil.run(0, 0), TRAP);
      assert.equal(evil.of.death, 'interrupted');
      ordinary();
    }
  });

  test('a trap in a call from the import, which goes on: the guest does not', async () => {
    const { of, exports, run } = guest(() => {
      assert.throws(() => exports['do']!(2), TRAP);
      return 1;
    });
    await assert.rejects(run(0, 0), TRAP);
    assert.equal(of.death, 'unwound');
    ordinary();
  });

  test('a trap after resumption, and at once another guest’s callback', async () => {
    const waits = later();
    const { of, run } = guest(() => waits.promise);
    const died = assert.rejects(run(0, 2), TRAP);
    waits.go(1);
    // Behind the resumption, before anything that it queues.
    await Promise.resolve().then(() => {});
    for (let i = 0; i < 20; i++) {
      ordinary();
      await undefined;
    }
    await died;
    assert.equal(of.death, 'unwound');
  });

  test('a trap, and in the same turn a callback of somebody else that takes longer than its budget', async () => {
    const { of, run } = guest(none);
    const died = assert.rejects(run(2, 0), TRAP);
    assert.equal(interrupter.open, of);
    const { exports } = guest(none);
    interrupter.enter(20 * BUDGET);
    const start = performance.now();
    while (performance.now() - start < 2 * BUDGET) exports['spin']!(1000);
    assert.equal(interrupter.leave(), false);
    assert.equal(of.death, 'unwound');
    await died;
  });

  test('a trap, and then the host is busy: settled first, it is not blamed', async () => {
    const { of, run } = guest(none);
    const died = assert.rejects(run(2, 0), TRAP);
    of.settle();
    busy(2 * BUDGET);
    await died;
    assert.equal(of.death, 'unwound');
  });

  test('two that wait at the same time and go on in any order', async () => {
    for (const first of [0, 1]) {
      const waits = [later(), later()];
      const guests = waits.map(wait => guest(() => wait.promise));
      const results = guests.map(({ run }, i) => run(0, i === 0 ? 1 : 0));
      const looped = assert.rejects(results[0]!, TRAP);
      await sleep(5);
      waits[first]!.go(1);
      if (first === 1) await turn();
      waits[1 - first]!.go(1);
      assert.equal(await results[1], 43);
      await looped;
      assert.deepEqual(
        guests.map(({ of }) => of.death),
        ['interrupted', undefined],
      );
    }
  });

  test('two calls of one instance; when one dies the other does', async () => {
    const waits = [later(), later(), later()];
    let next = 0;
    const { of, run } = guest(() => waits[next++]!.promise);
    const results = [run(0, 0), run(0, 2), run(0, 0)];
    waits[0]!.go(1);
    assert.equal(await results[0], 43);
    waits[1]!.go(1);
    await assert.rejects(results[1]!, TRAP);
    assert.equal(of.death, 'unwound');
    waits[2]!.go(1);
    await assert.rejects(results[2]!, TRAP);
    ordinary();
  });

  test('a thousand of them at the same time: those that loop are interrupted, and no others', async () => {
    let seed = 1;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const wait = () => (random(3) === 0 ? 1 : random(2) === 0 ? Promise.resolve(1) : sleep(random(20), 1));
    const all = Array.from({ length: 1000 }, async (_, i) => {
      const { of, run, forever } = guest(wait, none, segments(20));
      await forever(1 + random(5));
      const loops = i % 10 === 0;
      const traps = i % 10 === 1;
      const ended = await run(0, loops ? 1 : traps ? 2 : 0).then(
        () => 'whole',
        () => of.death,
      );
      assert.equal(ended, loops ? 'interrupted' : traps ? 'unwound' : 'whole');
      return ended;
    });
    const ends = await Promise.all(all);
    assert.equal(ends.filter(end => end === 'interrupted').length, 100);
    ordinary();
  });
});
