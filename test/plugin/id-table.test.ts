import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Context } from '../../src/plugin/context.ts';
import { IdTable } from '../../src/plugin/id-table.ts';

const context = (id: number) => ({ id, payload: new Array(500).fill(id) }) as unknown as Context;

/** Adds one under a new id. */
function open(table: IdTable<Context>): Context {
  const made = context(table.nextId());
  table.add(made);
  return made;
}

test('ids count up from 1, and each finds its context', () => {
  const table = new IdTable<Context>();
  const all = Array.from({ length: 100 }, () => open(table));
  assert.deepEqual(
    all.map(({ id }) => id),
    Array.from({ length: 100 }, (_, i) => i + 1),
  );
  for (const one of all) assert.equal(table.get(one.id), one);
  assert.equal(table.size, 100);
});

test('an id that nobody has, or had, finds nothing, even where another one is at its place', () => {
  const table = new IdTable<Context>();
  const first = open(table);
  for (const id of [0, 2, 17, 33, 65_537, 0xffff_ffff, -1]) assert.equal(table.get(id), undefined);
  table.delete(first);
  assert.equal(table.get(first.id), undefined);
  table.delete(first);
  assert.equal(table.size, 0);
});

test('contexts that live long keep their ids while many come and go', () => {
  const table = new IdTable<Context>();
  const old = [open(table), open(table), open(table)];
  const seen = new Set(old.map(({ id }) => id));
  for (let i = 0; i < 10_000; i++) {
    const one = open(table);
    assert.ok(!seen.has(one.id));
    seen.add(one.id);
    assert.equal(table.get(one.id), one);
    table.delete(one);
  }
  for (const one of old) assert.equal(table.get(one.id), one);
  assert.equal(table.size, 3);
});

test('all can be taken at once; what is deleted afterwards is not missed', () => {
  const table = new IdTable<Context>();
  const all = Array.from({ length: 40 }, () => open(table));
  assert.deepEqual(new Set(table.takeAll()), new Set(all));
  for (const one of all) table.delete(one);
  assert.equal(table.size, 0);
  assert.deepEqual(table.takeAll(), []);
});

test('contexts that are gone need no full collection', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: { type: 'minor' }) => void;
  const table = new IdTable<Context>();
  const live: Context[] = [];
  gc({ type: 'minor' });
  const before = process.memoryUsage().heapUsed;
  // 20 MB: too little for V8 to begin a full collection by itself.
  for (let i = 0; i < 5000; i++) {
    live.push(open(table));
    if (live.length > 32) table.delete(live.shift()!);
    // The first two make old what is reachable then.
    if (i === 100 || i % 500 === 101) gc({ type: 'minor' });
  }
  gc({ type: 'minor' });
  const grown = process.memoryUsage().heapUsed - before;
  // A Map in its place keeps 13 MB of these 20.
  assert.ok(grown < 4e6, `${grown} bytes`);
});
