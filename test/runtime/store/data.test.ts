import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Status } from '../../../src/abi/types.ts';
import { ENTRY_COST, FULL } from '../../../src/plugin/services.ts';
import { FIELDS } from '../../../src/runtime/store/arena.ts';
import { EmbeddedStore } from '../../../src/runtime/store/embedded.ts';
import { DATA } from '../../../src/runtime/store/scopes.ts';
import { check } from './check.ts';

const MANY = 1 << 30;
const bytes = (...list: number[]) => Uint8Array.from(list);

/** The value; fails when there is none. */
function got(store: EmbeddedStore, scope: string, key: string) {
  const value = store.get(scope, key);
  if (typeof value === 'number') assert.fail(`status ${value}`);
  return { value: [...value.value], cas: value.cas };
}

test('a value is found with its version, which counts up', () => {
  const store = EmbeddedStore.create();
  assert.equal(store.get('a', 'k'), Status.NOT_FOUND);
  assert.equal(store.set('a', 'k', bytes(1, 2), 0, MANY), Status.OK);
  assert.deepEqual(got(store, 'a', 'k'), { value: [1, 2], cas: 1 });
  assert.equal(store.set('a', 'k', bytes(), 1, MANY), Status.OK);
  assert.deepEqual(got(store, 'a', 'k'), { value: [], cas: 2 });
  assert.equal(store.set('a', 'k', bytes(3), 0, MANY), Status.OK);
  assert.deepEqual(got(store, 'a', 'k'), { value: [3], cas: 3 });
  check(store.arena);
});

test('another version is a mismatch, and so is any version of a key that is not there', () => {
  const store = EmbeddedStore.create();
  assert.equal(store.set('a', 'k', bytes(1), 1, MANY), Status.CAS_MISMATCH);
  assert.equal(store.set('a', 'k', bytes(1), 0, MANY), Status.OK);
  assert.equal(store.set('a', 'other', bytes(1), 1, MANY), Status.CAS_MISMATCH);
  for (const cas of [2, 0xffffffff]) {
    assert.equal(store.set('a', 'k', bytes(2), cas, MANY), Status.CAS_MISMATCH);
  }
  assert.deepEqual(got(store, 'a', 'k'), { value: [1], cas: 1 });
  assert.equal(store.get('a', 'other'), Status.NOT_FOUND);
  assert.equal(store.usage.keys, 1);
});

test('version 2^32 - 1 is one, and after it comes 1: 0 never is', () => {
  const store = EmbeddedStore.create();
  store.set('a', 'k', bytes(1), 0, MANY);
  const { arena } = store;
  const entry = [...arena.entries()].find(e => arena.kind(e) === DATA)!;
  arena.words[arena.words[(entry >> 2) + FIELDS]! >> 2] = -1;
  assert.deepEqual(got(store, 'a', 'k'), { value: [1], cas: 0xffffffff });
  assert.equal(store.set('a', 'k', bytes(2), 0xffffffff, MANY), Status.OK);
  assert.deepEqual(got(store, 'a', 'k'), { value: [2], cas: 1 });
});

test('scopes have keys and limits of their own: bytes of keys and values, and 64 for each key', () => {
  const store = EmbeddedStore.create();
  assert.equal(store.set('a', 'key', bytes(1, 2), 0, 68), FULL);
  assert.equal(store.get('a', 'key'), Status.NOT_FOUND);
  assert.equal(store.set('a', 'key', bytes(1, 2), 0, 69), Status.OK);
  assert.equal(store.set('', 'key', bytes(9), 0, 69), Status.OK);
  assert.equal(store.set('a', '', bytes(), 0, 132), FULL);
  assert.equal(store.set('a', '', bytes(), 0, 133), Status.OK);
  assert.equal(store.set('a', '', bytes(7), 0, 133), FULL);
  assert.equal(store.set('a', 'key', bytes(1, 2, 3), 0, 133), FULL);
  assert.equal(store.set('a', 'key', bytes(3), 0, 133), Status.OK);
  assert.equal(store.set('a', '', bytes(7), 0, 133), Status.OK);
  assert.deepEqual(got(store, 'a', 'key'), { value: [3], cas: 2 });
  assert.deepEqual(got(store, '', 'key'), { value: [9], cas: 1 });
  assert.deepEqual(got(store, 'a', ''), { value: [7], cas: 2 });
  check(store.arena);
});

test('keys without bytes, and queues, are not free', () => {
  const store = EmbeddedStore.create();
  let keys = 0;
  while (store.set('a', String(keys), bytes(), 0, 1 << 20) === Status.OK) keys++;
  assert.ok(keys > 14_000 && keys < 16_384, String(keys));
  let queues = 0;
  const receiver = { onQueueReady() {} };
  while (store.registerQueue('b', String(queues), receiver, 100_000) > 0) queues++;
  assert.equal(store.registerQueue('b', 'one more', receiver, 100_000), FULL);
  assert.equal(store.registerQueue('b', '7', receiver, 100_000), 8, 'what is there stays');
  assert.ok(queues > 1400 && queues < 1563, String(queues));
  assert.equal(store.set('b', 'k', bytes(), 0, 100_000), FULL, 'they count with keys');
  check(store.arena);
});

test('keys are told apart by every byte, and may be of any size', () => {
  const store = EmbeddedStore.create();
  const keys = ['', '\0', '\0\0', ...Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1))];
  keys.push(...['ab', 'ba', 'a\0', 'x'.repeat(256), 'x'.repeat(512), 'y'.repeat(1 << 20)]);
  for (const [i, key] of keys.entries()) {
    assert.equal(store.set('s', key, bytes(i & 255, i >> 8), 0, MANY), Status.OK);
  }
  for (const [i, key] of keys.entries()) {
    assert.deepEqual(got(store, 's', key), { value: [i & 255, i >> 8], cas: 1 });
  }
  assert.equal(store.usage.keys, keys.length);
  check(store.arena);
});

test('values of any size come back whole, and are the receiver’s to keep', () => {
  const store = EmbeddedStore.create();
  for (const size of [0, 1, 47, 48, 49, 4096, 16384, 16385, 1 << 20, (5 << 20) + 3]) {
    const value = new Uint8Array(size).map((_, i) => i * 7);
    assert.equal(store.set('s', 'k', value, 0, MANY), Status.OK);
    const first = store.get('s', 'k');
    const second = store.get('s', 'k');
    assert.ok(typeof first === 'object' && typeof second === 'object');
    assert.ok(Buffer.from(value).equals(first.value));
    first.value.fill(255);
    value.fill(254);
    assert.equal(second.value.length, size);
    assert.ok(size < 2 || second.value[1] === 7);
    assert.ok(!(second.value.buffer instanceof SharedArrayBuffer));
  }
  check(store.arena);
});

test('a full store refuses, changes nothing, and goes on with what fits', () => {
  const store = EmbeddedStore.create({ maxBytes: 64 * 1024 });
  assert.equal(store.set('s', 'huge', new Uint8Array(64 * 1024), 0, MANY), FULL);
  assert.equal(store.set('s', 'k'.repeat(64 * 1024), bytes(), 0, MANY), FULL);
  let keys = 0;
  while (store.set('s', `k${keys}`, new Uint8Array(100).fill(keys), 0, MANY) === Status.OK) keys++;
  assert.ok(keys > 300, String(keys));
  check(store.arena);
  assert.equal(store.set('s', 'k0', new Uint8Array(2000), 0, MANY), FULL);
  for (let i = 0; i < keys; i++) {
    assert.deepEqual(got(store, 's', `k${i}`), { value: new Array(100).fill(i & 255), cas: 1 });
  }
  // What shrinks makes room for others.
  for (let i = 0; i < keys; i++) store.set('s', `k${i}`, bytes(), 0, MANY);
  assert.equal(store.set('s', 'k0', new Uint8Array(10_000), 0, MANY), Status.OK);
  assert.equal(store.usage.keys, keys);
  assert.ok(store.usage.bytes <= store.usage.capacity);
  check(store.arena);
});

test('sizes that make no sense are refused', () => {
  for (const maxBytes of [0, -1, Number.NaN, 1000, 2 ** 31]) {
    assert.throws(() => EmbeddedStore.create({ maxBytes }), RangeError);
  }
});

test('after close nothing is found, and nothing fails', () => {
  const store = EmbeddedStore.create();
  store.set('a', 'k', bytes(1), 0, MANY);
  store.close();
  store.close();
  assert.equal(store.get('a', 'k'), Status.INTERNAL_FAILURE);
  assert.equal(store.set('a', 'k', bytes(1), 0, MANY), Status.INTERNAL_FAILURE);
  assert.equal(store.registerQueue('a', 'q', { onQueueReady() {} }), 0);
  assert.equal(store.enqueue(1, bytes(), 1), Status.INTERNAL_FAILURE);
  assert.equal(store.dequeue(1), Status.INTERNAL_FAILURE);
});

test('any sequence of operations leaves what a plain map would have, and a whole structure', () => {
  const size = fc.oneof(fc.nat(40), fc.nat(3000), fc.constantFrom(0, 120, 124, 128, 9000));
  const operation = fc.record({
    scope: fc.constantFrom('', 'a', 'b'),
    key: fc.oneof(fc.nat(30).map(String), fc.constant('long'.repeat(300))),
    size,
    fill: fc.nat(255),
    cas: fc.constantFrom('none', 'right', 'wrong'),
    limit: fc.constantFrom(MANY, 5000),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), operations => {
      const store = EmbeddedStore.create({ maxBytes: 64 * 1024 });
      const model = new Map<string, { value: Uint8Array; cas: number }>();
      for (const { scope, key, size, fill, cas, limit } of operations) {
        const old = model.get(`${scope}/${key}`);
        const value = new Uint8Array(size).fill(fill);
        const version = cas === 'none' ? 0 : (old?.cas ?? 0) + (cas === 'right' && old ? 0 : 1);
        const status = store.set(scope, key, value, version, limit);
        let inScope = value.length + key.length + ENTRY_COST;
        for (const [name, { value }] of model) {
          const [otherScope, other] = name.split('/') as [string, string];
          if (otherScope === scope && other !== key) inScope += other.length + ENTRY_COST + value.length;
        }
        if (version !== 0 && version !== old?.cas) assert.equal(status, Status.CAS_MISMATCH);
        else if (inScope > limit) assert.equal(status, FULL);
        else if (status === FULL) assert.ok(store.usage.bytes + size > 32 * 1024, 'full too early');
        else {
          assert.equal(status, Status.OK);
          model.set(`${scope}/${key}`, { value, cas: (old?.cas ?? 0) + 1 });
        }
      }
      for (const [name, { value, cas }] of model) {
        const [scope, key] = name.split('/') as [string, string];
        assert.deepEqual(got(store, scope, key), { value: [...value], cas });
      }
      assert.equal(store.usage.keys, model.size);
      check(store.arena);
    }),
    { numRuns: 60 },
  );
});

test('scopes are told apart by every character, whatever their language', () => {
  const store = EmbeddedStore.create();
  const scopes = ['\u0101', '\x01', '\u8001', 'é', '\xc3\xa9', '客户', '客戶'];
  for (const [i, scope] of scopes.entries()) store.set(scope, 'k', bytes(i), 0, MANY);
  for (const [i, scope] of scopes.entries()) assert.deepEqual(got(store, scope, 'k'), { value: [i], cas: 1 });
  const queues = scopes.map(scope => store.registerQueue(scope, 'q', { onQueueReady() {} }));
  assert.equal(new Set(queues).size, scopes.length);
});
