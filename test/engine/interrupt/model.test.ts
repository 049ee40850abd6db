import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ASLEEP, AWAKE, BELL, FLAG, FLAGGED, RUNNING, SLOT } from '../../../src/engine/interrupt/protocol.ts';
import { Slot } from '../../../src/engine/interrupt/slot.ts';
import { Watch } from '../../../src/engine/interrupt/watch.ts';
import { Watchdog } from '../../../src/engine/interrupt/watchdog.ts';
import { PluginError } from '../../../src/errors.ts';
import { explore, type Model, type World } from './explore.ts';

/** The real watchdog; it sleeps after 1 ms without a callback. */
function watchdog(world: World): void {
  const watch = new Watch(world.page, () => world.now());
  const dog = new Watchdog(world.bell, [watch], 1);
  for (;;) {
    world.point(JSON.stringify(watch.seen));
    dog.round();
  }
}

type Callback = 'short' | 'endless' | 'nested';

function call(slot: Slot, world: World, kind: Callback, budget: number): void {
  slot.enter(budget);
  if (kind === 'endless') world.spin();
  else if (kind === 'nested') {
    slot.enter(budget + 5);
    world.check();
    assert.equal(slot.leave(), false);
  } else world.check();
  world.ended(slot.leave());
}

function check(callbacks: readonly Callback[], budgets: readonly number[], more: Partial<Model> = {}) {
  const guest = (world: World) => {
    const slot = new Slot(world.page, world.bell);
    slot.watched();
    callbacks.forEach((kind, i) => {
      call(slot, world, kind, budgets[i]!);
      world.point(String(i));
    });
  };
  return explore({ guest, watchdogs: [watchdog], budgets, time: 4, ...more });
}

for (const { callbacks, budgets, endings } of [
  { callbacks: ['short', 'short'], budgets: [1, 1], endings: 4 },
  { callbacks: ['short', 'short', 'short'], budgets: [1, 2, 1], endings: 8 },
  { callbacks: ['short', 'short'], budgets: [5, 5], endings: 1 },
  { callbacks: ['endless', 'short', 'endless'], budgets: [1, 1, 1], endings: 2 },
  { callbacks: ['endless', 'endless'], budgets: [2, 1], endings: 1 },
  { callbacks: ['nested', 'short'], budgets: [1, 2], endings: 4 },
] as const) {
  test(`every interleaving of ${callbacks.join(', ')} with budgets ${budgets.join(', ')}`, t => {
    const found = check(callbacks, budgets);
    t.diagnostic(`${found.states} states; ${found.endings.join(' ')}`);
    assert.equal(found.endings.length, endings);
  });
}

test('sequences wrap', () => {
  for (const sequence of [0x7ffffff8, -12, -8])
    check(['short', 'endless', 'short'], [1, 1, 1], { sequence, time: 3 });
});

function entered(slot: Slot): boolean {
  try {
    slot.enter(1);
    return true;
  } catch (error) {
    if (error instanceof PluginError) return false;
    throw error;
  }
}

test('the watchdog may die between any two steps, and be late by any time', t => {
  const guest = (world: World) => {
    const slot = new Slot(world.page, world.bell);
    slot.watched();
    call(slot, world, 'short', 1);
    if (world.died()) {
      slot.lost();
      assert.equal(entered(slot), false);
      world.startNext();
      slot.watched();
    }
    // False: it has claimed, and whether the flag comes isn't known.
    if (!entered(slot)) return;
    world.check();
    world.ended(slot.leave());
  };
  const found = explore({
    guest,
    watchdogs: [watchdog, watchdog],
    budgets: [1, 1],
    time: 2,
    mortal: true,
  });
  t.diagnostic(`${found.states} states; ${found.endings.join(' ')}`);
  assert.deepEqual(found.endings, ['i', 'ii', 'il', 'li', 'll']);
});

/** A watchdog that sees whom to interrupt, and then does it in its own way. */
const faulty = (interrupt: (words: Int32Array, word: number) => void) => (world: World) => {
  const words = new Int32Array(world.page);
  let word = 0;
  let since = 0;
  for (;;) {
    world.point(`${word} ${since}`);
    const now = world.now();
    const next = Atomics.load(words, SLOT);
    if (next !== word) {
      word = next;
      since = world.now();
    } else if ((word & 3) === RUNNING && now - since >= 1) interrupt(words, word);
  }
};

for (const { fault, interrupt } of [
  {
    fault: 'flags without a claim',
    interrupt: (words: Int32Array) => void Atomics.store(words, FLAG, 1),
  },
  {
    fault: 'flags before it claims',
    interrupt: (words: Int32Array, word: number) => {
      Atomics.store(words, FLAG, 1);
      Atomics.compareExchange(words, SLOT, word, word + 1);
    },
  },
  {
    fault: 'lets go before it flags',
    interrupt: (words: Int32Array, word: number) => {
      if (Atomics.compareExchange(words, SLOT, word, word + 1) !== word) return;
      Atomics.store(words, SLOT, word - RUNNING + FLAGGED);
      Atomics.store(words, FLAG, 1);
    },
  },
]) {
  test(`the exploration finds a watchdog that ${fault}`, () => {
    assert.throws(
      () => check(['short', 'short'], [1, 1], { watchdogs: [faulty(interrupt)] }),
      /hits another callback|flag set/,
    );
  });
}

test('the exploration finds a lost wake-up', () => {
  const sleeper = (world: World) => {
    const bell = new Int32Array(world.bell);
    const watch = new Watch(world.page, () => world.now());
    for (;;) {
      world.point(JSON.stringify(watch.seen));
      watch.look();
      if (watch.quiet < 1) continue;
      // It doesn't look again.
      Atomics.store(bell, BELL, ASLEEP);
      Atomics.wait(bell, BELL, ASLEEP);
      Atomics.store(bell, BELL, AWAKE);
    }
  };
  assert.throws(() => check(['endless'], [1], { watchdogs: [sleeper] }), /nobody can go on/);
});

test('the exploration finds a clock that is read too early', () => {
  const early = (world: World) => {
    let now = 0;
    let reads = 0;
    // Both readings of a look from before its load.
    const watch = new Watch(world.page, () => {
      if (reads++ % 2 === 0) now = world.now();
      return now;
    });
    for (;;) {
      world.point(`${JSON.stringify(watch.seen)} ${now}`);
      reads = 0;
      watch.look();
    }
  };
  assert.throws(() => check(['short', 'short'], [1, 1], { watchdogs: [early] }), /before the time/);
});
