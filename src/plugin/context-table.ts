import type { Context } from './context.ts';

/**
 * The contexts of a VM by id. No Map: when entries come and go, a Map makes a new table every few requests, and each
 * old table points to the next one. Once one of them is in V8's old space, all that were ever in any of them stay
 * until a full collection (RATIONALE: "What did the first filter cost?").
 */
export class ContextTable {
  /** A context with id n is at n modulo the length, which is a power of two. */
  #slots: (Context | undefined)[] = new Array<Context | undefined>(16).fill(undefined);
  #size = 0;
  #nextId = 1;

  get size(): number {
    return this.#size;
  }

  /** An id nobody has, and whose slot is free: 1 to 2^32-1, counting up, and round again. */
  nextId(): number {
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    const mask = this.#slots.length - 1;
    let id = this.#nextId;
    while (id === 0 || this.#slots[id & mask] !== undefined) id = (id + 1) >>> 0;
    this.#nextId = (id + 1) >>> 0;
    return id;
  }

  /** `context.id` comes from `nextId`. */
  add(context: Context): void {
    this.#slots[context.id & (this.#slots.length - 1)] = context;
    this.#size++;
  }

  get(id: number): Context | undefined {
    const context = this.#slots[id & (this.#slots.length - 1)];
    return context?.id === id ? context : undefined;
  }

  /** Nothing when it isn't there. */
  delete(context: Context): void {
    const slot = context.id & (this.#slots.length - 1);
    if (this.#slots[slot] !== context) return;
    this.#slots[slot] = undefined;
    this.#size--;
  }

  /** Empties the table; what was in it. */
  takeAll(): Context[] {
    const all = this.#slots.filter(context => context !== undefined);
    this.#slots.fill(undefined);
    this.#size = 0;
    return all;
  }

  /** Ids that differ modulo n differ modulo 2n. */
  #grow(): void {
    const old = this.#slots;
    this.#slots = new Array<Context | undefined>(old.length * 2).fill(undefined);
    for (const context of old) {
      if (context !== undefined) this.#slots[context.id & (this.#slots.length - 1)] = context;
    }
  }
}
