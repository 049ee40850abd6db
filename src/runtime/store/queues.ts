import { Status } from '../../abi/types.ts';
import { ENTRY_COST, FULL, NO_ROOM, type StoreStatus } from '../../plugin/services.ts';
import { type Arena, COUNTERS, FIELDS, LOCK } from './arena.ts';
import { WANTED } from './lock.ts';
import { QUEUE, type Scopes } from './scopes.ts';
import type { Values } from './values.ts';

/** Queues of all scopes. */
export const MAX_QUEUES = 65_536;

/** Fields of a queue's entry: its first and last value, how many there are, its id, its last registration. */
const HEAD = FIELDS;
const TAIL = FIELDS + 1;
const COUNT = FIELDS + 2;
const ID = FIELDS + 3;
const LAST = FIELDS + 4;
/** Not 0: nobody is registered since the last one left or died. */
const ORPHANED = FIELDS + 5;

/** Of the arena. */
const QUEUES = COUNTERS + 1;
const VALUES = COUNTERS + 2;

/** Indices of words in a registration: the one before it, its thread's token, calls that are owed to it. */
const BEFORE = 0;
const TOKEN = 1;
const OWED = 2;
const REGISTRATION = 12;

/**
 * The queues in shared memory, and who is registered: a stack for each queue. The last one is owed a call for each value;
 * `wake` is told whose thread has to look. The arena's own words hold the queues' entries, by id.
 */
export class SharedQueues {
  readonly #arena: Arena;
  readonly #scopes: Scopes;
  readonly #values: Values;
  readonly #wake: (token: number) => void;

  constructor(arena: Arena, scopes: Scopes, values: Values, wake: (token: number) => void) {
    this.#arena = arena;
    this.#scopes = scopes;
    this.#values = values;
    this.#wake = wake;
  }

  get queues(): number {
    return this.#arena.words[QUEUES]!;
  }

  /** In all queues. */
  get values(): number {
    return this.#arena.words[VALUES]!;
  }

  /** Its id; 0: nobody registered it, or the lock can't be had. */
  resolve(owner: number, name: string): number {
    const arena = this.#arena;
    const hashed = arena.hash(QUEUE, owner, name);
    if (!arena.enter()) return 0;
    try {
      const entry = arena.find(QUEUE, owner, name, hashed);
      return entry === 0 ? 0 : arena.words[(entry >> 2) + ID]!;
    } finally {
      if ((Atomics.exchange(arena.words, LOCK, 0) & WANTED) !== 0) Atomics.notify(arena.words, LOCK, 1);
    }
  }

  /** Under the lock, between `change` and `changed`: its id; 0: no room; FULL: none in `maxBytes` of its scope. */
  open(owner: number, name: string, hashed: number, maxBytes: number): number {
    const arena = this.#arena;
    const { words } = arena;
    const found = arena.find(QUEUE, owner, name, hashed);
    if (found !== 0) return words[(found >> 2) + ID]!;
    if (this.#scopes.count(owner) + name.length + ENTRY_COST > maxBytes) return FULL;
    if (this.queues >= MAX_QUEUES) return 0;
    const entry = arena.make(QUEUE, owner, name, hashed);
    if (entry === 0) return 0;
    const id = this.queues + 1;
    words[(entry >> 2) + ID] = id;
    arena.publish(entry);
    words[arena.own + id - 1] = entry;
    words[QUEUES] = id;
    this.#scopes.add(owner, name.length + ENTRY_COST);
    return id;
  }

  enqueue(
    queue: number,
    value: Uint8Array,
    maxLength: number,
    maxBytes: number,
  ): StoreStatus | typeof NO_ROOM {
    const arena = this.#arena;
    const { words } = arena;
    if (!arena.enter()) return Status.INTERNAL_FAILURE;
    let token = 0;
    try {
      const entry = this.#entry(queue);
      if (entry === 0) return Status.NOT_FOUND;
      const at = entry >> 2;
      const count = words[at + COUNT]!;
      if (count >= maxLength) return FULL;
      const scope = arena.owner(entry);
      const more = value.length + ENTRY_COST;
      if (this.#scopes.queued(scope) + more > maxBytes) return NO_ROOM;
      arena.change();
      const block = this.#values.put(value, 0);
      if (block === 0) {
        arena.changed();
        return NO_ROOM;
      }
      const last = words[at + LAST]!;
      if (last !== 0) {
        // Before the value is there: a call too many does no harm if this thread dies here, one too few would.
        Atomics.add(words, (last >> 2) + OWED, 1);
        token = words[(last >> 2) + TOKEN]!;
      }
      const tail = words[at + TAIL]!;
      arena.commit(tail === 0 ? at + HEAD : tail >> 2, block);
      words[at + TAIL] = block;
      words[at + COUNT] = count + 1;
      words[VALUES] = words[VALUES]! + 1;
      this.#scopes.addQueued(scope, more);
      arena.changed();
    } finally {
      if ((Atomics.exchange(arena.words, LOCK, 0) & WANTED) !== 0) Atomics.notify(arena.words, LOCK, 1);
    }
    if (token !== 0) this.#wake(token);
    return Status.OK;
  }

  dequeue(queue: number): Uint8Array | Status {
    const arena = this.#arena;
    for (;;) {
      if (!arena.enter()) return Status.INTERNAL_FAILURE;
      let length = 0;
      let taken = false;
      try {
        const entry = this.#entry(queue);
        if (entry === 0) return Status.NOT_FOUND;
        const block = arena.words[(entry >> 2) + HEAD]!;
        if (block === 0) return Status.EMPTY;
        length = this.#values.length(block);
        taken = this.#values.take(block);
        if (taken) this.#remove(entry, block);
      } finally {
        if ((Atomics.exchange(arena.words, LOCK, 0) & WANTED) !== 0) Atomics.notify(arena.words, LOCK, 1);
      }
      if (taken) return this.#values.taken(length);
      this.#values.makeRoom(length);
    }
  }

  /** Under the lock, between `change` and `changed`: a registration, not yet one of the queue's; 0: no room. */
  makeRegistration(token: number): number {
    const block = this.#arena.heap.alloc(REGISTRATION);
    if (block === 0) return 0;
    const { words } = this.#arena;
    words[(block >> 2) + TOKEN] = token;
    words[(block >> 2) + OWED] = 0;
    return block;
  }

  freeRegistration(block: number): void {
    this.#arena.heap.free(block);
  }

  /** Under the lock, between `change` and `changed`: it is the last one from now on. */
  push(queue: number, block: number): void {
    const { words } = this.#arena;
    const at = this.#entry(queue) >> 2;
    words[(block >> 2) + BEFORE] = words[at + LAST]!;
    // What is left of others: nobody else would hear of it.
    if (words[at + ORPHANED] !== 0) Atomics.add(words, (block >> 2) + OWED, words[at + COUNT]!);
    words[at + ORPHANED] = 0;
    this.#arena.commit(at + LAST, block);
  }

  /** Under the lock, between `change` and `changed`: out of the queue's stack; it stays allocated. */
  unlink(queue: number, block: number): void {
    const { words } = this.#arena;
    let at = (this.#entry(queue) >> 2) + LAST;
    while (words[at] !== 0 && words[at] !== block) at = (words[at]! >> 2) + BEFORE;
    if (words[at] === block) this.#arena.commit(at, words[(block >> 2) + BEFORE]!);
  }

  /** Calls that are owed to a registration; none are from now on. */
  takeOwed(block: number): number {
    return Atomics.exchange(this.#arena.words, (block >> 2) + OWED, 0);
  }

  /**
   * Under the lock: calls that somebody left behind are owed to the last registration there is. Without any, whoever
   * registers next is called for all values there are: a guest whose VM died has nobody else to tell it.
   */
  passOn(queue: number, calls: number): void {
    const { words } = this.#arena;
    const at = this.#entry(queue) >> 2;
    const last = words[at + LAST]!;
    if (last === 0) words[at + ORPHANED] = 1;
    if (last === 0 || calls === 0) return;
    Atomics.add(words, (last >> 2) + OWED, calls);
    this.#wake(words[(last >> 2) + TOKEN]!);
  }

  /** Under the lock: who was last has died; values that it heard of may not have been seen to. */
  bereave(queue: number): void {
    const { words } = this.#arena;
    const at = this.#entry(queue) >> 2;
    const next = words[at + LAST]!;
    if (next === 0) words[at + ORPHANED] = 1;
    else this.passOn(queue, Math.max(this.takeOwed(next), words[at + COUNT]!));
  }

  isLast(queue: number, block: number): boolean {
    return this.#arena.words[(this.#entry(queue) >> 2) + LAST] === block;
  }

  /** A thread has died. False: the lock can't be had now. */
  lose(token: number, patience: number): boolean {
    const arena = this.#arena;
    if (!arena.enter(patience)) return false;
    try {
      arena.change();
      for (let id = 1; id <= this.queues; id++) this.#loseIn(id, token);
      arena.changed();
    } finally {
      if ((Atomics.exchange(arena.words, LOCK, 0) & WANTED) !== 0) Atomics.notify(arena.words, LOCK, 1);
    }
    return true;
  }

  /** Counting begins at nothing. */
  forget(): void {
    this.#arena.words[QUEUES] = 0;
    this.#arena.words[VALUES] = 0;
  }

  /** One of its entries is there. */
  restore(entry: number, visit: (block: number) => void): void {
    const { words, own } = this.#arena;
    const at = entry >> 2;
    let tail = 0;
    let count = 0;
    let queued = 0;
    for (let block = words[at + HEAD]!; block !== 0; block = words[block >> 2]!) {
      visit(block);
      tail = block;
      count++;
      queued += this.#values.length(block) + ENTRY_COST;
    }
    this.#scopes.restore(this.#arena.owner(entry), this.#arena.nameLength(entry) + ENTRY_COST, queued);
    words[at + TAIL] = tail;
    words[at + COUNT] = count;
    for (let block = words[at + LAST]!; block !== 0; block = words[(block >> 2) + BEFORE]!) visit(block);
    words[own + words[at + ID]! - 1] = entry;
    words[QUEUES] = words[QUEUES]! + 1;
    words[VALUES] = words[VALUES]! + count;
  }

  /** Under the lock: what guests give for an id may be anything. */
  #entry(queue: number): number {
    const { words, own } = this.#arena;
    return queue >= 1 && queue <= this.queues ? (words[own + queue - 1] ?? 0) : 0;
  }

  #remove(entry: number, block: number): void {
    const arena = this.#arena;
    const { words } = arena;
    const at = entry >> 2;
    const next = words[block >> 2]!;
    arena.change();
    arena.commit(at + HEAD, next);
    if (next === 0) words[at + TAIL] = 0;
    words[at + COUNT] = words[at + COUNT]! - 1;
    words[VALUES] = words[VALUES]! - 1;
    this.#scopes.addQueued(arena.owner(entry), -this.#values.length(block) - ENTRY_COST);
    arena.heap.free(block);
    arena.changed();
  }

  /** Values that the dead one heard of may not have been seen to: who comes next is called for all that are there. */
  #loseIn(queue: number, token: number): void {
    const { words } = this.#arena;
    const at = this.#entry(queue) >> 2;
    const last = words[at + LAST]!;
    let owed = 0;
    let found = false;
    for (let block = last; block !== 0; ) {
      const before = words[(block >> 2) + BEFORE]!;
      if (words[(block >> 2) + TOKEN] === token) {
        found = true;
        owed += this.takeOwed(block);
        this.unlink(queue, block);
        this.freeRegistration(block);
      }
      block = before;
    }
    if (!found) return;
    if (words[at + LAST] === last) this.passOn(queue, owed);
    else this.bereave(queue);
  }
}
