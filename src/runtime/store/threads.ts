import { MAX_TOKEN } from './lock.ts';

/** Threads at a time, the one that made the store included: an index has 8 bits. */
export const MAX_THREADS = 256;
/** The index of the one that made it. */
const MAIN = MAX_THREADS - 1;
const GENERATION = MAX_THREADS;

/** The token of the thread that makes a store. */
export const MAIN_TOKEN = GENERATION + MAIN;

export const indexOf = (token: number) => token & (MAX_THREADS - 1);

/**
 * Tokens of the threads that share something: an index, which is given again when its thread has died, and a generation,
 * which isn't.
 */
export class Threads {
  readonly #live = new Map<number, number>();
  #generation = GENERATION;

  /** @throws RangeError when the index is out of range, or its last thread has not been recovered. */
  join(index: number): number {
    if (!Number.isInteger(index) || index < 0 || index >= MAIN) {
      throw new RangeError(`thread index ${index}: 0 to ${MAIN - 1} are possible`);
    }
    if (this.#live.has(index)) throw new RangeError(`thread index ${index} is taken: recover it first`);
    this.#generation += GENERATION;
    if (this.#generation + MAIN > MAX_TOKEN) this.#generation = 2 * GENERATION;
    this.#live.set(index, this.#generation + index);
    return this.#generation + index;
  }

  /** The token of a thread that died; undefined: there was none with that index. */
  lose(index: number): number | undefined {
    const token = this.#live.get(index);
    this.#live.delete(index);
    return token;
  }
}
