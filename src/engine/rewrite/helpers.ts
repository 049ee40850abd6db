import { type Appended, copyFunction, fillFunction, growFunction, shortCopy, shortFill } from './bulk.ts';
import type { Counts } from './immediates.ts';

/** The functions appended for memory.fill, memory.copy and memory.grow: one per memory, one per pair, made when first used. */
export class Helpers {
  readonly #byKey = new Map<string, number>();
  readonly all: Appended[] = [];
  readonly #counts: Counts;
  readonly #wide: readonly boolean[];
  readonly #check: Uint8Array;

  /** @param wide which memories have 64-bit addresses */
  constructor(counts: Counts, wide: readonly boolean[], check: Uint8Array) {
    this.#counts = counts;
    this.#wide = wide;
    this.#check = check;
  }

  /** Index of the function that does memory.fill. */
  fill(memory: number): number {
    const wide = this.#wide[memory]!;
    const long = this.#get(`long ${memory}`, () => fillFunction(memory, wide, this.#check));
    return this.#get(`${memory}`, () => shortFill(memory, wide, long));
  }

  /** Index of the function that does memory.copy. */
  copy(to: number, from: number): number {
    const wide = [this.#wide[to]!, this.#wide[from]!] as const;
    const long = this.#get(`long ${to} ${from}`, () => copyFunction([to, from], wide, this.#check));
    return this.#get(`${to} ${from}`, () => shortCopy([to, from], wide, long));
  }

  /** Index of the function that does memory.grow. */
  grow(memory: number): number {
    const flag = this.#counts.memories;
    return this.#get(`grow ${memory}`, () => growFunction(memory, this.#wide[memory]!, flag, this.#check));
  }

  #get(key: string, make: () => Appended): number {
    let index = this.#byKey.get(key);
    if (index === undefined) {
      index = this.#counts.functions + this.all.length;
      this.all.push(make());
      this.#byKey.set(key, index);
    }
    return index;
  }
}
