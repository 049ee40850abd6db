/** Blocks are multiples of that, at multiples of it; what is handed out begins HEADER bytes into a block. */
export const UNIT = 16;
export const HEADER = 4;
/** In a block's first word, beside its size: it is free; the one before it is. */
export const FREE = 1;
export const AFTER_FREE = 2;
export const SIZE = ~(UNIT - 1);

/** Sizes to 128 bytes have a list each, those above eight for each power of two. */
const LINEAR = 128;
const LISTS = 25 * 8;
/** Blocks of its own list that are tried when no list has blocks that surely fit. */
const TRIES = 32;

/** Words of control data, among them bitmaps of lists that aren't empty, and the lists' first blocks. */
export const HEAP_WORDS = 3 + 25 + LISTS;
const USED = 0;
const LEVELS = 1;
/** Where blocks that stay begin. */
const TOP = 2;
const LISTED = 3;
const FIRST = LISTED + 25;

/** The list of blocks of that size. */
export function listOf(size: number): number {
  if (size < LINEAR) return size >> 4;
  const log = 31 - Math.clz32(size);
  return ((log - 6) << 3) | ((size >> (log - 3)) & 7);
}

/**
 * Two-level segregated fit in shared memory: constant time, neighbours that are free are one block. Offsets are bytes
 * from the buffer's begin. Whoever calls has the lock. All of it but the sizes of used blocks can be made anew from what
 * is in use (`rebuild`), so that a thread may die anywhere in here.
 *
 *     used    header, content
 *     free    header, next and previous of its list, …, own offset in the last word
 */
export class SharedHeap {
  readonly start: number;
  /** Of what can be handed out. */
  readonly end: number;
  readonly #words: Int32Array;
  readonly #control: number;

  /** `control`: index of its HEAP_WORDS words. `start`, `end`: multiples of UNIT. */
  constructor(words: Int32Array, control: number, start: number, end: number) {
    this.#words = words;
    this.#control = control;
    this.start = start;
    // The last unit is a used block of size 0: nothing has to ask whether there is a next one.
    this.end = end - UNIT;
  }

  /** Bytes in blocks that are used. */
  get used(): number {
    return this.#words[this.#control + USED]!;
  }

  /** At least that many bytes, at a multiple of 4, not zeroed; 0: there is no such piece. */
  alloc(bytes: number): number {
    if (bytes > this.end - this.start) return 0;
    const size = Math.max(UNIT, (bytes + HEADER + UNIT - 1) & SIZE);
    const block = this.#find(size);
    if (block === 0) return 0;
    this.#unlist(block);
    const words = this.#words;
    const whole = words[block >> 2]! & SIZE;
    const next = block + whole;
    words[block >> 2] = size;
    if (whole > size) this.#list(block + size, whole - size, next);
    else words[next >> 2] = words[next >> 2]! & ~AFTER_FREE;
    words[this.#control + USED] = words[this.#control + USED]! + size;
    return block + HEADER;
  }

  /** The same for what is never freed: from the heap's other end, so that what is freed isn't kept apart by it. */
  allocLasting(bytes: number): number {
    const words = this.#words;
    const top = words[this.#control + TOP]!;
    if (bytes > this.end - this.start || (words[top >> 2]! & AFTER_FREE) === 0) return this.alloc(bytes);
    const size = Math.max(UNIT, (bytes + HEADER + UNIT - 1) & SIZE);
    const before = words[(top >> 2) - 1]!;
    const block = top - size;
    if (block < before) return this.alloc(bytes);
    this.#unlist(before);
    words[top >> 2] = words[top >> 2]! & ~AFTER_FREE;
    words[block >> 2] = size;
    if (block > before) this.#list(before, block - before, block);
    words[this.#control + TOP] = block;
    words[this.#control + USED] = words[this.#control + USED]! + size;
    return block + HEADER;
  }

  free(content: number): void {
    const words = this.#words;
    let block = content - HEADER;
    const header = words[block >> 2]!;
    let size = header & SIZE;
    words[this.#control + USED] = words[this.#control + USED]! - size;
    let next = block + size;
    if ((words[next >> 2]! & FREE) !== 0) {
      this.#unlist(next);
      size += words[next >> 2]! & SIZE;
      next = block + size;
    }
    if ((header & AFTER_FREE) !== 0) {
      const before = words[(block >> 2) - 1]!;
      this.#unlist(before);
      size += block - before;
      block = before;
    }
    this.#list(block, size, next);
  }

  /** A bit for each unit; none is marked. */
  marks(): Int32Array {
    return new Int32Array(Math.ceil((this.end - this.start) / UNIT / 32));
  }

  /** Something that `alloc` gave is in use. */
  mark(marks: Int32Array, content: number): void {
    const unit = (content - HEADER - this.start) / UNIT;
    const bit = 1 << (unit & 31);
    // Twice, or none at all: two lists have become one.
    if (((marks[unit >> 5] ?? bit) & bit) !== 0) throw new Error('the shared store is corrupt');
    marks[unit >> 5] = marks[unit >> 5]! | bit;
  }

  /** Everything that isn't marked is free. */
  rebuild(marks: Int32Array): void {
    const words = this.#words;
    words.fill(0, this.#control, this.#control + HEAP_WORDS);
    words[this.end >> 2] = 0;
    let at = this.start;
    let top = at;
    let sum = 0;
    for (let i = 0; i < marks.length; i++) {
      for (let bits = marks[i]!; bits !== 0; bits &= bits - 1) {
        const block = this.start + ((i << 5) + 31 - Math.clz32(bits & -bits)) * UNIT;
        const size = words[block >> 2]! & SIZE;
        if (block < at || block + size > this.end) throw new Error('the shared store is corrupt');
        words[block >> 2] = size;
        if (block > at) {
          this.#list(at, block - at, block);
          top = block;
        }
        at = block + size;
        sum += size;
      }
    }
    if (at < this.end) {
      this.#list(at, this.end - at, this.end);
      top = this.end;
    }
    words[this.#control + TOP] = top;
    words[this.#control + USED] = sum;
  }

  /** First blocks of all lists, by list; a free block's second word is the next one. For tests. */
  *lists(): Generator<number> {
    for (let list = 0; list < LISTS; list++) yield this.#words[this.#control + FIRST + list]!;
  }

  #find(size: number): number {
    const words = this.#words;
    const control = this.#control;
    // Every block of this list is big enough.
    const list = listOf(size < LINEAR ? size : size + (1 << (28 - Math.clz32(size))) - 1);
    let level = list >> 3;
    let bits = level < 25 ? words[control + LISTED + level]! & (-1 << (list & 7)) : 0;
    if (bits === 0) {
      const levels = words[control + LEVELS]! & (-2 << level);
      if (levels === 0) return this.#search(size);
      level = 31 - Math.clz32(levels & -levels);
      bits = words[control + LISTED + level]!;
    }
    return words[control + FIRST + (level << 3) + 31 - Math.clz32(bits & -bits)]!;
  }

  /** Among blocks of about that size. */
  #search(size: number): number {
    const words = this.#words;
    let block = words[this.#control + FIRST + listOf(size)]!;
    for (let i = 0; i < TRIES && block !== 0; i++) {
      if ((words[block >> 2]! & SIZE) >= size) return block;
      block = words[(block >> 2) + 1]!;
    }
    return 0;
  }

  /** Makes it a free block; `next` is the one behind it. */
  #list(block: number, size: number, next: number): void {
    const words = this.#words;
    const list = listOf(size);
    const first = this.#control + FIRST + list;
    const second = words[first]!;
    const at = block >> 2;
    words[at] = size | FREE;
    words[at + 1] = second;
    words[at + 2] = 0;
    words[(next >> 2) - 1] = block;
    words[next >> 2] = words[next >> 2]! | AFTER_FREE;
    if (second !== 0) words[(second >> 2) + 2] = block;
    words[first] = block;
    const listed = this.#control + LISTED + (list >> 3);
    words[listed] = words[listed]! | (1 << (list & 7));
    words[this.#control + LEVELS] = words[this.#control + LEVELS]! | (1 << (list >> 3));
  }

  #unlist(block: number): void {
    const words = this.#words;
    const next = words[(block >> 2) + 1]!;
    const previous = words[(block >> 2) + 2]!;
    if (next !== 0) words[(next >> 2) + 2] = previous;
    if (previous !== 0) {
      words[(previous >> 2) + 1] = next;
      return;
    }
    const list = listOf(words[block >> 2]! & SIZE);
    words[this.#control + FIRST + list] = next;
    if (next !== 0) return;
    const listed = this.#control + LISTED + (list >> 3);
    words[listed] = words[listed]! & ~(1 << (list & 7));
    if (words[listed] === 0) {
      words[this.#control + LEVELS] = words[this.#control + LEVELS]! & ~(1 << (list >> 3));
    }
  }
}
