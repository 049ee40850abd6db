import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { MetricType } from '../../../src/plugin/services.ts';
import { LOCK } from '../../../src/runtime/store/arena.ts';
import { EmbeddedStore } from '../../../src/runtime/store/embedded.ts';
import { SharedMetrics } from '../../../src/runtime/store/metrics.ts';
import { check } from './check.ts';

const MANY = 1 << 30;
const RECEIVER = { onQueueReady() {} };

/** Thrown where a thread dies; from then on it can do nothing at all, not even in `finally`. */
class Died extends Error {}

/** Stores that a thread which is to die may still make. */
let left = Infinity;
function step(): void {
  if (left <= 0) throw new Died();
  left--;
}

const RealInt32Array = Int32Array;
const realAtomics = { ...Object.getOwnPropertyDescriptors(Atomics) };
const real = new WeakMap<object, Int32Array>();

/** Views made from now on count their stores. */
function mortal<T>(make: () => T): T {
  globalThis.Int32Array = new Proxy(RealInt32Array, {
    construct(target, args) {
      const view = Reflect.construct(target, args) as Int32Array;
      const proxy = new Proxy(view, {
        get(of, name) {
          const value: unknown = Reflect.get(of, name, of);
          return typeof value === 'function' ? value.bind(of) : value;
        },
        set(of, name, value) {
          step();
          return Reflect.set(of, name, value, of);
        },
      });
      real.set(proxy, view);
      return proxy;
    },
  });
  // Nobody in it is ever called.
  const never = () => ({ async: true, value: new Promise(() => {}) });
  Object.defineProperty(Atomics, 'waitAsync', { ...realAtomics.waitAsync, value: never });
  for (const name of ['store', 'exchange', 'compareExchange', 'add', 'load', 'notify'] as const) {
    const original = realAtomics[name].value as (...args: unknown[]) => unknown;
    Object.defineProperty(Atomics, name, {
      ...realAtomics[name],
      value: (view: Int32Array, ...rest: number[]) => {
        const mine = real.get(view);
        if (mine !== undefined) step();
        return original(mine ?? view, ...rest);
      },
    });
  }
  try {
    return make();
  } finally {
    globalThis.Int32Array = RealInt32Array;
  }
}

afterEach(() => {
  left = Infinity;
  Object.defineProperties(Atomics, realAtomics);
});

const value = (size: number, fill: number) => new Uint8Array(size).fill(fill);

/** What a store holds. */
function content(store: EmbeddedStore): string {
  const data = ['a', 'b', 'c', 'd'].map(key => {
    const got = store.get('s', key);
    return typeof got === 'number' ? got : [got.cas, got.value.length, got.value[0]];
  });
  const values: unknown[] = [];
  for (let queue = 1; queue <= 2; queue++) {
    for (let out = store.dequeue(queue); typeof out === 'object'; out = store.dequeue(queue)) {
      values.push([queue, out.length, out[0]]);
    }
  }
  return JSON.stringify([data, values]);
}

/** Some of all kinds, with free blocks of different sizes between them. */
function filled() {
  const store = EmbeddedStore.create({ maxBytes: 64 * 1024 });
  for (const [i, key] of ['a', 'b', 'c', 'a', 'b'].entries()) store.set('s', key, value(i * 300, i), 0, MANY);
  for (const name of ['q', 'r']) {
    const queue = store.registerQueue('s', name, RECEIVER);
    for (let i = 0; i < 5; i++) store.enqueue(queue, value(i * 100, i), 10);
    store.dequeue(queue);
    store.dequeue(queue);
  }
  return store;
}

const operations: Record<string, (store: EmbeddedStore) => unknown> = {
  'set of a key that is there': store => store.set('s', 'a', value(700, 9), 0, MANY),
  'set of a smaller value': store => store.set('s', 'b', value(1, 9), 2, MANY),
  'set of a new key': store => store.set('s', 'd', value(700, 9), 0, MANY),
  'set in a new scope': store => store.set('t', 'd', value(700, 9), 0, MANY),
  'set for which there is no room': store => store.set('s', 'd'.repeat(60_000), value(9000, 9), 0, MANY),
  get: store => store.get('s', 'c'),
  'enqueue behind others': store => store.enqueue(1, value(150, 9), 10),
  dequeue: store => store.dequeue(1),
  'a new queue': store => store.registerQueue('s', 'new', { onQueueReady() {} }),
  'another registration': store => store.registerQueue('s', 'q', { onQueueReady() {} }),
  'registering, again, and leaving': store => {
    const receiver = { onQueueReady() {} };
    store.registerQueue('s', 'r', receiver);
    store.registerQueue('s', 'q', receiver);
    store.registerQueue('s', 'r', receiver);
    store.leaveQueues(receiver);
  },
};

for (const [name, operation] of Object.entries(operations)) {
  test(`a thread dies at any store of: ${name}`, () => {
    const before = content(filled());
    const done = filled();
    operation(done);
    const after = content(done);
    let deaths = 0;
    let held = 0;
    for (let stores = 0; ; stores++) {
      const store = filled();
      const victim = mortal(() => EmbeddedStore.open(store.handle(0)));
      left = stores;
      let died = false;
      try {
        operation(victim);
      } catch (error) {
        if (!(error instanceof Died)) throw error;
        died = true;
      }
      left = died ? 0 : Infinity;
      const { arena } = store;
      if (died) {
        deaths++;
        if (Atomics.load(arena.words, LOCK) !== 0) held++;
        store.recover(0);
      }
      check(arena);
      const now = content(store);
      if (died) assert.ok(now === before || now === after, `${stores} stores: ${now}\n${before}\n${after}`);
      else assert.equal(now, after);
      // Others go on.
      assert.equal(store.set('s', 'more', value(20, 1), 0, MANY), 0);
      assert.equal(store.enqueue(1, value(20, 1), 100), 0);
      check(arena);
      if (!died) break;
      left = Infinity;
    }
    assert.ok(deaths > 2 && held > 0, `${deaths} deaths, ${held} with the lock`);
  });
}

test('a thread dies at any store of: a new metric of a new filter', () => {
  const { COUNTER, HISTOGRAM } = MetricType;
  let deaths = 0;
  for (let stores = 0, died = true; died; stores++) {
    const metrics = SharedMetrics.create({ maxBytes: 64 * 1024, maxNumbers: 30 });
    const first = metrics.define('f', COUNTER, 'first', 10);
    metrics.increment(first, 7n);
    const victim = mortal(() => SharedMetrics.open(metrics.handle(0)));
    left = stores;
    died = false;
    try {
      victim.define('g', HISTOGRAM, 'h', 10);
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      died = true;
      deaths++;
    }
    metrics.recover(0);
    check(metrics.arena);
    // There is room for one histogram: the one that was begun is it, or has left nothing.
    metrics.record(metrics.define('g', HISTOGRAM, 'h', 10), 5n);
    metrics.increment(metrics.define('g', COUNTER, 'last', 10), 1n);
    const values = [...metrics].map(m =>
      m.type === HISTOGRAM ? [m.name, m.count, m.sum] : [m.name, m.value],
    );
    assert.deepEqual(
      values.sort((a, b) => String(a).localeCompare(String(b))),
      [
        ['first', 7n],
        ['h', 1n, 5n],
        ['last', 1n],
      ],
    );
    check(metrics.arena);
    left = Infinity;
  }
  assert.ok(deaths > 10, String(deaths));
});

test('an operation that the stack has no room for is undone or done, and lets the lock go', () => {
  const store = filled();
  const { arena } = store;
  const thrown = new Set<string>();
  let tried = 0;
  let held = 0;
  let dirty = 0;
  let sequence = 0;
  const attempt = () => {
    tried++;
    try {
      store.set('s', `k${tried % 7}`, value(tried % 2000, 1), 0, MANY);
      store.enqueue(1, value(tried % 500, 1), 20);
      store.dequeue(1);
    } catch (error) {
      thrown.add(String(error));
    }
    if (Atomics.load(arena.words, LOCK) !== 0) held++;
    if (arena.words[16] !== 0) dirty++;
  };
  // From as deep as it goes, back up: with a little more room each time.
  const deep = (): number => {
    let above = 0;
    try {
      above = deep();
    } catch {
      above = 0;
    }
    sequence++;
    if (above < 400) attempt();
    return above + 1;
  };
  for (let round = 0; round < 5; round++) deep();
  assert.ok(sequence > 1000 && tried >= 2000);
  assert.deepEqual([...thrown], ['RangeError: Maximum call stack size exceeded']);
  // Refused before anything was begun: undoing costs the others time.
  assert.deepEqual([held, dirty], [0, 0]);
  assert.equal(store.set('s', 'more', value(20, 1), 0, MANY), 0);
  check(arena);
});
