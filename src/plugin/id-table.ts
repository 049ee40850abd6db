/**
 * What a VM has by id: its contexts, its calls. No Map: when entries come and go, a Map makes a new table every few requests, and each
 * old table points to the next one. Once one of them is in V8's old space, all that were ever in any of them stay
 * until a full collection (RATIONALE: "What did the first filter cost?").
 */
export class IdTable<T extends { readonly id: number }> {
  /** What has id n is at n modulo the length, which is a power of two. */
  #slots: (T | undefined)[] = new Array<T | undefined>(16).fill(undefined);
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

  /** `item.id` comes from `nextId`. */
  add(item: T): void {
    this.#slots[item.id & (this.#slots.length - 1)] = item;
    this.#size++;
  }

  get(id: number): T | undefined {
    const item = this.#slots[id & (this.#slots.length - 1)];
    return item?.id === id ? item : undefined;
  }

  /** Nothing when it isn't there. */
  delete(item: T): void {
    const slot = item.id & (this.#slots.length - 1);
    if (this.#slots[slot] !== item) return;
    this.#slots[slot] = undefined;
    this.#size--;
  }

  /** What is in it now. */
  all(): T[] {
    return this.#slots.filter(item => item !== undefined);
  }

  /** Empties the table; what was in it. */
  takeAll(): T[] {
    const all = this.all();
    this.#slots.fill(undefined);
    this.#size = 0;
    return all;
  }

  /** Ids that differ modulo n differ modulo 2n. */
  #grow(): void {
    const old = this.#slots;
    this.#slots = new Array<T | undefined>(old.length * 2).fill(undefined);
    for (const item of old) {
      if (item !== undefined) this.#slots[item.id & (this.#slots.length - 1)] = item;
    }
  }
}
