import { Status } from '../../abi/types.ts';
import { ENTRY_COST, FULL, type SharedValue, type StoreStatus } from '../../plugin/services.ts';
import { type Arena, COUNTERS, FIELDS, LOCK } from './arena.ts';
import { WANTED } from './lock.ts';
import type { Scopes } from './scopes.ts';
import { DATA } from './scopes.ts';
import type { Values } from './values.ts';

/** Of an entry. */
const VALUE = FIELDS;
const KEYS = COUNTERS;

const nextVersion = (version: number) => (version === 0xffffffff ? 1 : version + 1);

/** Shared data: a block for each value, of which the first word is its version. Blocks never change. */
export class SharedData {
  readonly #arena: Arena;
  readonly #scopes: Scopes;
  readonly #values: Values;

  constructor(arena: Arena, scopes: Scopes, values: Values) {
    this.#arena = arena;
    this.#scopes = scopes;
    this.#values = values;
  }

  get keys(): number {
    return this.#arena.words[KEYS]!;
  }

  get(scope: string, key: string): SharedValue | Status {
    const arena = this.#arena;
    const owner = this.#scopes.find(scope);
    if (owner <= 0) return owner === 0 ? Status.NOT_FOUND : Status.INTERNAL_FAILURE;
    const hashed = arena.hash(DATA, owner, key);
    for (;;) {
      if (!arena.enter()) return Status.INTERNAL_FAILURE;
      let length = 0;
      let cas = 0;
      let taken = false;
      try {
        const entry = arena.find(DATA, owner, key, hashed);
        if (entry === 0) return Status.NOT_FOUND;
        const block = arena.words[(entry >> 2) + VALUE]!;
        length = this.#values.length(block);
        cas = arena.words[block >> 2]! >>> 0;
        taken = this.#values.take(block);
      } finally {
        if ((Atomics.exchange(arena.words, LOCK, 0) & WANTED) !== 0) Atomics.notify(arena.words, LOCK, 1);
      }
      if (taken) return { value: this.#values.taken(length), cas };
      this.#values.makeRoom(length);
    }
  }

  set(scope: string, key: string, value: Uint8Array, cas: number, maxBytes: number): StoreStatus {
    const arena = this.#arena;
    const owner = cas === 0 ? this.#scopes.make(scope) : this.#scopes.find(scope);
    if (owner === 0) return cas === 0 ? FULL : Status.CAS_MISMATCH;
    if (owner < 0) return Status.INTERNAL_FAILURE;
    const hashed = arena.hash(DATA, owner, key);
    if (!arena.enter()) return Status.INTERNAL_FAILURE;
    try {
      return this.#set(owner, key, hashed, value, cas, maxBytes);
    } finally {
      if ((Atomics.exchange(arena.words, LOCK, 0) & WANTED) !== 0) Atomics.notify(arena.words, LOCK, 1);
    }
  }

  #set(
    owner: number,
    key: string,
    hashed: number,
    value: Uint8Array,
    cas: number,
    maxBytes: number,
  ): StoreStatus {
    const arena = this.#arena;
    const { words } = arena;
    const entry = arena.find(DATA, owner, key, hashed);
    const old = entry === 0 ? 0 : words[(entry >> 2) + VALUE]!;
    const version = old === 0 ? 0 : words[old >> 2]! >>> 0;
    if (cas !== 0 && cas !== version) return Status.CAS_MISMATCH;
    const more = value.length - (old === 0 ? -key.length - ENTRY_COST : this.#values.length(old));
    if (this.#scopes.count(owner) + more > maxBytes) return FULL;
    arena.change();
    const block = this.#values.put(value, nextVersion(version));
    if (block === 0) {
      arena.changed();
      return FULL;
    }
    if (entry !== 0) {
      arena.commit((entry >> 2) + VALUE, block);
      arena.heap.free(old);
    } else {
      const made = arena.make(DATA, owner, key, hashed);
      if (made === 0) {
        arena.heap.free(block);
        arena.changed();
        return FULL;
      }
      words[(made >> 2) + VALUE] = block;
      arena.publish(made);
      words[KEYS] = words[KEYS]! + 1;
    }
    this.#scopes.add(owner, more);
    arena.changed();
    return Status.OK;
  }

  /** Counting begins at nothing. */
  forget(): void {
    this.#arena.words[KEYS] = 0;
  }

  /** One of its entries is there. */
  restore(entry: number, visit: (block: number) => void): void {
    const arena = this.#arena;
    const block = arena.words[(entry >> 2) + VALUE]!;
    visit(block);
    arena.words[KEYS] = arena.words[KEYS]! + 1;
    const bytes = arena.nameLength(entry) + ENTRY_COST + this.#values.length(block);
    this.#scopes.restore(arena.owner(entry), bytes);
  }
}
