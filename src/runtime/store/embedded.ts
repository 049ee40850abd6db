import { Status } from '../../abi/types.ts';
import type { NO_ROOM, QueueReceiver, SharedStore, SharedValue, StoreStatus } from '../../plugin/services.ts';
import { Arena, type ArenaLayout, MAX_BYTES } from './arena.ts';
import { Bell, ring } from './bell.ts';
import { SharedData } from './data.ts';
import { MAX_QUEUES, SharedQueues } from './queues.ts';
import { Registrations } from './registrations.ts';
import { DATA, SCOPE, Scopes } from './scopes.ts';
import { indexOf, MAIN_TOKEN, MAX_THREADS, Threads } from './threads.ts';
import { Values } from './values.ts';

/** No limit but the store's own. */
const UNBOUNDED = Number.MAX_SAFE_INTEGER;
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
const MIN_BYTES = 64 * 1024;
/** Words from one bell to the next: a cache line. */
const BELL = 16;
/** ms that the thread which recovers others waits for the lock at a time, and until it tries again. */
const RECOVER = 20;

const layoutOf = (maxBytes: number): ArenaLayout => ({ maxBytes, ownWords: MAX_QUEUES + MAX_THREADS * BELL });

/** For `open` in another thread; can be posted. */
export interface StoreHandle {
  readonly buffer: SharedArrayBuffer;
  readonly maxBytes: number;
  readonly token: number;
}

/** What a store has in use. */
export interface StoreUsage {
  /** Bytes of blocks that hold something, and of all. */
  readonly bytes: number;
  readonly capacity: number;
  /** Keys of shared data. */
  readonly keys: number;
  readonly queues: number;
  /** Values in all queues. */
  readonly values: number;
}

/**
 * Shared data and shared queues in memory that the threads of one process share. One thread makes it (`create`), gives
 * others a handle each (`handle`), and tells it when one of them has ended (`recover`). Nothing keeps a thread alive.
 *
 * What is left of a thread that died in the middle of an operation: before its commit nothing, afterwards all of it. An
 * operation that finds the lock taken by a dead thread waits until it is recovered, or answers INTERNAL_FAILURE after a
 * second.
 */
export class EmbeddedStore implements SharedStore {
  /** Under all of it; for tests. */
  readonly arena: Arena;
  readonly #buffer: SharedArrayBuffer;
  readonly #maxBytes: number;
  readonly #threads: Threads | undefined;
  readonly #scopes: Scopes;
  readonly #data: SharedData;
  readonly #queues: SharedQueues;
  readonly #registrations: Registrations;
  readonly #bell: Bell;
  /** Tokens of dead threads that may still have registrations. */
  readonly #lost: number[] = [];
  #closed = false;

  private constructor({ buffer, maxBytes, token }: StoreHandle, threads: Threads | undefined) {
    this.#buffer = buffer;
    this.#maxBytes = maxBytes;
    this.#threads = threads;
    const arena = new Arena(buffer, layoutOf(maxBytes), token, (entries, visit) =>
      this.#restore(entries, visit),
    );
    this.arena = arena;
    const values = new Values(arena);
    this.#scopes = new Scopes(arena);
    this.#data = new SharedData(arena, this.#scopes, values);
    this.#queues = new SharedQueues(arena, this.#scopes, values, this.#wake);
    this.#registrations = new Registrations(arena, this.#queues, token);
    this.#bell = new Bell(arena.words, this.#bellOf(indexOf(token)), () => this.#registrations.look());
  }

  /**
   * `maxBytes`: of keys, values and what is needed to find them, 64 KiB to 1 GiB; memory is taken only as it is used.
   * @throws RangeError when it is out of range.
   */
  static create({ maxBytes = DEFAULT_MAX_BYTES }: { maxBytes?: number } = {}): EmbeddedStore {
    if (!(maxBytes >= MIN_BYTES && maxBytes <= MAX_BYTES)) {
      throw new RangeError(`maxBytes ${maxBytes}: ${MIN_BYTES} to ${MAX_BYTES} are possible`);
    }
    const capacity = Math.floor(maxBytes / 16) * 16;
    const buffer = Arena.make(layoutOf(capacity));
    return new EmbeddedStore({ buffer, maxBytes: capacity, token: MAIN_TOKEN }, new Threads());
  }

  /** In the thread that the handle was made for. */
  static open(handle: StoreHandle): EmbeddedStore {
    return new EmbeddedStore(handle, undefined);
  }

  /**
   * For a thread; `threadIndex` is 0 to 254, the same again only after `recover`.
   * @throws RangeError when it is out of range or taken.
   */
  handle(threadIndex: number): StoreHandle {
    const token = this.#maker.join(threadIndex);
    return { buffer: this.#buffer, maxBytes: this.#maxBytes, token };
  }

  /** The thread with that index has ended, whatever it was doing; not before its `exit` event. */
  recover(threadIndex: number): void {
    const token = this.#maker.lose(threadIndex);
    if (token === undefined) return;
    this.arena.lock.releaseOf(token);
    this.#lost.push(token);
    this.#seeToLost();
  }

  get usage(): StoreUsage {
    return {
      bytes: this.arena.heap.used,
      capacity: this.#maxBytes,
      keys: this.#data.keys,
      queues: this.#queues.queues,
      values: this.#queues.values,
    };
  }

  /** This thread's receivers hear nothing more, and its operations fail; others go on. */
  close(): void {
    if (this.#closed) return;
    this.#registrations.leaveAll();
    this.#closed = true;
    this.#bell.close();
  }

  get(scope: string, key: string): SharedValue | Status {
    return this.#closed ? Status.INTERNAL_FAILURE : this.#data.get(scope, key);
  }

  set(scope: string, key: string, value: Uint8Array, cas: number, maxBytes: number): StoreStatus {
    return this.#closed ? Status.INTERNAL_FAILURE : this.#data.set(scope, key, value, cas, maxBytes);
  }

  registerQueue(scope: string, name: string, receiver: QueueReceiver, maxBytes = UNBOUNDED): number {
    const owner = this.#closed ? 0 : this.#scopes.make(scope);
    if (owner <= 0) return 0;
    const queue = this.#registrations.add(owner, name, receiver, maxBytes);
    // Something may be owed already.
    if (queue > 0) this.#bell.arm(true);
    return queue;
  }

  resolveQueue(scope: string, name: string): number {
    const owner = this.#closed ? 0 : this.#scopes.find(scope);
    return owner <= 0 ? 0 : this.#queues.resolve(owner, name);
  }

  enqueue(
    queue: number,
    value: Uint8Array,
    maxLength: number,
    maxBytes = UNBOUNDED,
  ): StoreStatus | typeof NO_ROOM {
    return this.#closed ? Status.INTERNAL_FAILURE : this.#queues.enqueue(queue, value, maxLength, maxBytes);
  }

  dequeue(queue: number): Uint8Array | Status {
    return this.#closed ? Status.INTERNAL_FAILURE : this.#queues.dequeue(queue);
  }

  leaveQueues(receiver: QueueReceiver, died = false): void {
    if (!this.#registrations.leave(receiver, died)) this.#bell.arm(true);
  }

  get #maker(): Threads {
    if (this.#threads === undefined) throw new Error('only the thread that made the store does that');
    return this.#threads;
  }

  #restore(entries: Iterable<number>, visit: (block: number) => void): void {
    this.#scopes.forget();
    this.#data.forget();
    this.#queues.forget();
    for (const entry of entries) {
      visit(entry);
      const kind = this.arena.kind(entry);
      if (kind === SCOPE) this.#scopes.restore(entry, 0);
      else if (kind === DATA) this.#data.restore(entry, visit);
      else this.#queues.restore(entry, visit);
    }
    this.#scopes.settle();
  }

  #bellOf(index: number): number {
    return this.arena.own + MAX_QUEUES + index * BELL;
  }

  readonly #wake = (token: number): void => ring(this.arena.words, this.#bellOf(indexOf(token)));

  #seeToLost(): void {
    for (let token = this.#lost[0]; token !== undefined && !this.#closed; token = this.#lost[0]) {
      // Another one may have died with the lock: it is recovered when this thread hears of it.
      if (!this.#queues.lose(token, RECOVER)) {
        setTimeout(() => this.#seeToLost(), RECOVER).unref();
        return;
      }
      this.#lost.shift();
    }
    // It may have owed others a ring.
    for (let index = 0; index < MAX_THREADS; index++) this.#wake(index);
  }
}
