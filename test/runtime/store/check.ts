import assert from 'node:assert/strict';
import { type Arena, COUNTERS, FIELDS, LOCK } from '../../../src/runtime/store/arena.ts';
import { AFTER_FREE, FREE, HEADER, listOf, SIZE, UNIT } from '../../../src/runtime/store/heap.ts';

/** All that can be counted again: counters, and the fields of entries. */
function counted({ words, entries }: { words: Int32Array; entries: readonly number[] }): number[] {
  return [
    ...words.subarray(COUNTERS, COUNTERS + 4),
    ...entries.flatMap(entry => [...words.subarray((entry >> 2) + FIELDS, (entry >> 2) + FIELDS + 6)]),
  ];
}

/** All that is in use, in order. */
export function blocks(arena: Arena): number[] {
  const marks = arena.reachable();
  const found: number[] = [];
  for (let unit = 0; unit < marks.length * 32; unit++) {
    if (((marks[unit >> 5]! >> (unit & 31)) & 1) === 1) found.push(arena.heap.start + unit * UNIT + HEADER);
  }
  return found;
}

/** Fails when anything in the arena doesn't fit together, or a block is reached twice. Nobody else may be using it. */
export function check(arena: Arena): void {
  assert.ok(arena.enter());
  try {
    const { words, heap } = arena;
    const entries = [...arena.entries()];
    const before = counted({ words, entries });
    const reachable = blocks(arena);
    assert.deepEqual(counted({ words, entries }), before, 'what was counted is right');

    const used: number[] = [];
    const free = new Map<number, number>();
    let bytes = 0;
    let afterFree = false;
    let at = heap.start;
    while (at < heap.end) {
      const header = words[at >> 2]!;
      const size = header & SIZE;
      assert.ok(size >= 16 && at + size <= heap.end, 'a block of sane size');
      assert.equal((header & AFTER_FREE) !== 0, afterFree, 'knows of a free one before it');
      if ((header & FREE) === 0) {
        used.push(at + HEADER);
        bytes += size;
      } else {
        assert.ok(!afterFree, 'free neighbours are one');
        assert.equal(words[((at + size) >> 2) - 1], at, 'footer');
        free.set(at, listOf(size));
      }
      afterFree = (header & FREE) !== 0;
      at += size;
    }
    assert.equal(at, heap.end);
    assert.equal((words[heap.end >> 2]! & AFTER_FREE) !== 0, afterFree);
    assert.deepEqual(used, reachable, 'what is reachable is used, and nothing else');
    assert.equal(heap.used, bytes);

    const listed = new Map<number, number>();
    for (const [list, first] of [...heap.lists()].entries()) {
      let previous = 0;
      for (let block = first; block !== 0; block = words[(block >> 2) + 1]!) {
        assert.equal(words[(block >> 2) + 2], previous);
        listed.set(block, list);
        previous = block;
      }
    }
    const sort = (map: Map<number, number>) => [...map].sort(([a], [b]) => a - b);
    assert.deepEqual(sort(listed), sort(free), 'free blocks are in their lists');
  } finally {
    Atomics.store(arena.words, LOCK, 0);
  }
}
