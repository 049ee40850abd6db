import { type Arena, FIELDS, LOCK } from './arena.ts';
import { WANTED } from './lock.ts';

/** Kinds of entries. */
export const SCOPE = 1;
export const DATA = 2;
export const QUEUE = 3;
export const METRIC = 4;

/** Of an entry: what is counted in that scope; bytes of values in its queues. */
const COUNT = FIELDS;
const QUEUED = FIELDS + 1;

/** Names of entries have a byte for each character, and people call scopes as they like: UTF-8 as a latin1 string. */
export const bytesOf = (scope: string): string => Buffer.from(scope).toString('latin1');

/** Scopes: entries that own others. They never go, so what was found once is remembered. */
export class Scopes {
  readonly #arena: Arena;
  readonly #known = new Map<string, number>();
  readonly #sums = new Map<number, number>();
  readonly #queuedSums = new Map<number, number>();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** The scope; 0: there is none; -1: the lock can't be had. */
  find(scope: string): number {
    return this.#known.get(scope) ?? this.#locked(scope, false);
  }

  /** The same, but made when it isn't there; 0: no room. */
  make(scope: string): number {
    return this.#known.get(scope) ?? this.#locked(scope, true);
  }

  /** Under the lock: what is counted in it, bytes or metrics. */
  count(scope: number): number {
    return this.#arena.words[(scope >> 2) + COUNT]!;
  }

  /** Under the lock. */
  add(scope: number, more: number): void {
    const at = (scope >> 2) + COUNT;
    this.#arena.words[at] = this.#arena.words[at]! + more;
  }

  /** Under the lock: bytes of values in its queues. */
  queued(scope: number): number {
    return this.#arena.words[(scope >> 2) + QUEUED]!;
  }

  /** Under the lock. */
  addQueued(scope: number, more: number): void {
    const at = (scope >> 2) + QUEUED;
    this.#arena.words[at] = this.#arena.words[at]! + more;
  }

  /** In a rebuild: of a scope that is there, or has something. `settle` puts the sums in place of what was counted. */
  restore(scope: number, more: number, queued = 0): void {
    this.#sums.set(scope, (this.#sums.get(scope) ?? 0) + more);
    this.#queuedSums.set(scope, (this.#queuedSums.get(scope) ?? 0) + queued);
  }

  settle(): void {
    const { words } = this.#arena;
    for (const [scope, sum] of this.#sums) words[(scope >> 2) + COUNT] = sum;
    for (const [scope, sum] of this.#queuedSums) words[(scope >> 2) + QUEUED] = sum;
  }

  /** Counting begins at nothing. */
  forget(): void {
    this.#sums.clear();
    this.#queuedSums.clear();
  }

  #locked(scope: string, make: boolean): number {
    const arena = this.#arena;
    const name = bytesOf(scope);
    const hashed = arena.hash(SCOPE, 0, name);
    if (!arena.enter()) return -1;
    try {
      let entry = arena.find(SCOPE, 0, name, hashed);
      if (entry === 0 && make) {
        arena.change();
        entry = arena.make(SCOPE, 0, name, hashed);
        if (entry !== 0) arena.publish(entry);
        arena.changed();
      }
      if (entry !== 0) this.#known.set(scope, entry);
      return entry;
    } finally {
      if ((Atomics.exchange(arena.words, LOCK, 0) & WANTED) !== 0) Atomics.notify(arena.words, LOCK, 1);
    }
  }
}
