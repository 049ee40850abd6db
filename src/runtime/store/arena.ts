import { randomFillSync } from 'node:crypto';
import { hash } from './hash.ts';
import { HEAP_WORDS, SharedHeap, UNIT } from './heap.ts';
import { Lock, WANTED } from './lock.ts';

/** Indices of words at the buffer's begin; the lock has a cache line to itself. */
export const LOCK = 0;
/** Not 0: somebody is changing things, or died doing so. */
const DIRTY = 16;
const SEED = 17;
/** Four counters, the owner's. */
export const COUNTERS = 19;
const HEAP = 32;
const OWN = HEAP + Math.ceil(HEAP_WORDS / 16) * 16;

/** Bytes of heap for each bucket. */
const PER_BUCKET = 256;
export const MAX_BYTES = 1 << 30;

/** Indices of words in an entry; what the FIELDS hold is its kind's. */
const NEXT = 0;
const HASH = 1;
const KIND = 2;
const OWNER = 3;
const LENGTH = 4;
export const FIELDS = 5;
const FIELD_COUNT = 6;
const NAME = FIELDS + FIELD_COUNT;

export interface ArenaLayout {
  /** Of the heap; a multiple of 16, at most MAX_BYTES. */
  readonly maxBytes: number;
  /** Words that the owner needs for itself. */
  readonly ownWords: number;
}

/** Visits all blocks that are reachable, entries and what hangs on them, and makes anew what is counted. */
export type Restore = (entries: Iterable<number>, visit: (content: number) => void) => void;

/** As many calls as surely need more stack than a section of ours. */
const FRAMES = 24;
function reach(frames: number): number {
  return frames === 0 ? 0 : reach(frames - 1) + 1;
}

const bucketsOf = (maxBytes: number) => 1 << (31 - Math.clz32(Math.max(16, maxBytes / PER_BUCKET)));
const heapStart = ({ maxBytes, ownWords }: ArenaLayout) =>
  Math.ceil(((OWN + ownWords + bucketsOf(maxBytes)) * 4) / UNIT) * UNIT;

/**
 * Shared memory with a lock, a heap and named entries, which are never taken out again. Between `enter` and the lock's release a
 * thread may read; to write, it calls `change` first. When it dies in between, or throws, whoever enters next finds the
 * mark, drops all that isn't reachable from the entries and counts again what is counted. So a change has to be one store
 * of one word (`commit`) behind everything else it needs.
 */
export class Arena {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly heap: SharedHeap;
  readonly lock: Lock;
  /** Index of the first of the owner's words. */
  readonly own = OWN;
  readonly #restore: Restore;
  readonly #buckets: number;
  readonly #mask: number;
  readonly #seed0: number;
  readonly #seed1: number;

  /** `token`: this thread's. */
  constructor(buffer: SharedArrayBuffer, layout: ArenaLayout, token: number, restore: Restore) {
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.lock = new Lock(this.words, LOCK, token);
    this.#restore = restore;
    this.#buckets = OWN + layout.ownWords;
    this.#mask = bucketsOf(layout.maxBytes) - 1;
    const start = heapStart(layout);
    this.heap = new SharedHeap(this.words, HEAP, start, start + layout.maxBytes);
    this.#seed0 = this.words[SEED]!;
    this.#seed1 = this.words[SEED + 1]!;
  }

  /** An empty one's memory; the system gives it pages only as they are written to. */
  static make(layout: ArenaLayout): SharedArrayBuffer {
    const start = heapStart(layout);
    const buffer = new SharedArrayBuffer(start + layout.maxBytes);
    const words = new Int32Array(buffer);
    const seed = randomFillSync(new Int32Array(2));
    words[SEED] = seed[0]!;
    words[SEED + 1] = seed[1]!;
    const heap = new SharedHeap(words, HEAP, start, start + layout.maxBytes);
    heap.rebuild(heap.marks());
    return buffer;
  }

  /**
   * False: the lock can't be had within `patience` ms. Whoever enters releases it, as lock.ts says.
   * @throws RangeError when the stack has no room for what may follow.
   */
  enter(patience?: number): boolean {
    // Half a change would have to be undone by the next one, at a price that guests should not be able to ask.
    reach(FRAMES);
    if (!this.lock.acquire(patience)) return false;
    const { words } = this;
    if (words[DIRTY] === 0) return true;
    try {
      this.#rebuild();
    } catch (error) {
      if ((Atomics.exchange(words, LOCK, 0) & WANTED) !== 0) Atomics.notify(words, LOCK, 1);
      throw error;
    }
    return true;
  }

  change(): void {
    Atomics.store(this.words, DIRTY, 1);
  }

  /** After a change. */
  changed(): void {
    Atomics.store(this.words, DIRTY, 0);
  }

  /** The one store that makes a change. `at`: index of a word. */
  commit(at: number, value: number): void {
    Atomics.store(this.words, at, value);
  }

  hash(kind: number, owner: number, name: string): number {
    return hash(this.#seed0, this.#seed1, (owner << 4) | kind, name);
  }

  /** The entry, an offset; 0: there is none. */
  find(kind: number, owner: number, name: string, hashed: number): number {
    const { words } = this;
    let entry = words[this.#buckets + (hashed & this.#mask)]!;
    while (entry !== 0) {
      const at = entry >> 2;
      if (
        words[at + HASH] === hashed &&
        words[at + KIND] === kind &&
        words[at + OWNER] === owner &&
        words[at + LENGTH] === name.length &&
        this.#isNamed(entry, name)
      ) {
        return entry;
      }
      entry = words[at + NEXT]!;
    }
    return 0;
  }

  /** An entry with all its fields 0, which nobody can find yet; 0: no room. */
  make(kind: number, owner: number, name: string, hashed: number): number {
    const { length } = name;
    const entry = this.heap.allocLasting(NAME * 4 + length);
    if (entry === 0) return 0;
    const { words, bytes } = this;
    const at = entry >> 2;
    words[at + HASH] = hashed;
    words[at + KIND] = kind;
    words[at + OWNER] = owner;
    words[at + LENGTH] = length;
    words.fill(0, at + FIELDS, at + NAME);
    const start = entry + NAME * 4;
    for (let i = 0; i < length; i++) bytes[start + i] = name.charCodeAt(i);
    return entry;
  }

  /** From now on `find` finds it. */
  publish(entry: number): void {
    const at = entry >> 2;
    const bucket = this.#buckets + (this.words[at + HASH]! & this.#mask);
    this.words[at + NEXT] = this.words[bucket]!;
    this.commit(bucket, entry);
  }

  kind(entry: number): number {
    return this.words[(entry >> 2) + KIND]!;
  }

  owner(entry: number): number {
    return this.words[(entry >> 2) + OWNER]!;
  }

  nameLength(entry: number): number {
    return this.words[(entry >> 2) + LENGTH]!;
  }

  name(entry: number): string {
    const start = entry + NAME * 4;
    return Buffer.from(this.bytes.slice(start, start + this.nameLength(entry))).toString('latin1');
  }

  *entries(): Generator<number> {
    for (let bucket = this.#buckets; bucket <= this.#buckets + this.#mask; bucket++) {
      for (let entry = this.words[bucket]!; entry !== 0; entry = this.words[(entry >> 2) + NEXT]!)
        yield entry;
    }
  }

  #isNamed(entry: number, name: string): boolean {
    const { bytes } = this;
    const start = entry + NAME * 4;
    for (let i = 0; i < name.length; i++) {
      if (bytes[start + i] !== (name.charCodeAt(i) & 0xff)) return false;
    }
    return true;
  }

  #rebuild(): void {
    this.heap.rebuild(this.reachable());
    this.changed();
  }

  /** What is in use, as `SharedHeap.rebuild` wants it; what is counted is counted again. */
  reachable(): Int32Array {
    const marks = this.heap.marks();
    this.#restore(this.entries(), content => this.heap.mark(marks, content));
    return marks;
  }
}
