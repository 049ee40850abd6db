import type { Arena } from './arena.ts';

/** Indices of words in a block that holds a value; the first one is the user's: a version, or the next block. */
const LENGTH = 1;
const BYTES = 8;
/** Up to that many bytes a loop is faster than a view and a copy. */
const FEW = 48;
const ROOM = 16 * 1024;

/** Values in shared memory, in and out. */
export class Values {
  readonly #arena: Arena;
  /** Values are copied into here under the lock: nothing is allocated while others wait. */
  readonly #room = new Uint8Array(ROOM);
  #into = this.#room;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Bytes of a value. */
  length(block: number): number {
    return this.#arena.words[(block >> 2) + LENGTH]!;
  }

  /** A block with the value and that first word; 0: no room. */
  put(value: Uint8Array, first: number): number {
    const { length } = value;
    const block = this.#arena.heap.alloc(BYTES + length);
    if (block === 0) return 0;
    const { words, bytes } = this.#arena;
    words[block >> 2] = first;
    words[(block >> 2) + LENGTH] = length;
    const start = block + BYTES;
    if (length > FEW) bytes.set(value, start);
    else for (let i = 0; i < length; i++) bytes[start + i] = value[i]!;
    return block;
  }

  /** Under the lock: takes a copy, which `taken` hands out; false: `makeRoom` for it outside, and try again. */
  take(block: number): boolean {
    const length = this.length(block);
    const into = this.#into;
    if (length > into.length) return false;
    const { bytes } = this.#arena;
    const start = block + BYTES;
    if (length > FEW) into.set(bytes.subarray(start, start + length));
    else for (let i = 0; i < length; i++) into[i] = bytes[start + i]!;
    return true;
  }

  makeRoom(length: number): void {
    this.#into = new Uint8Array(length);
  }

  /** The copy, which is the caller's. */
  taken(length: number): Uint8Array {
    const into = this.#into;
    if (into === this.#room) return into.slice(0, length);
    this.#into = this.#room;
    return into.length === length ? into : into.slice(0, length);
  }
}
