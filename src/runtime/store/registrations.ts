import type { QueueReceiver } from '../../plugin/services.ts';
import { type Arena, LOCK } from './arena.ts';
import { WANTED } from './lock.ts';
import type { SharedQueues } from './queues.ts';
import { QUEUE } from './scopes.ts';

/** Calls in one turn of the event loop, and ms after which it makes no more: each may run a guest. */
export const CALLS = 64;
export const SLICE = 2;

interface Registration {
  readonly queue: number;
  readonly receiver: QueueReceiver;
  /** In shared memory. */
  readonly block: number;
  /** Calls to make. */
  pending: number;
  left: boolean;
  died: boolean;
}

/** The registrations of this thread's receivers. */
export class Registrations {
  readonly #arena: Arena;
  readonly #queues: SharedQueues;
  readonly #token: number;
  readonly #of = new Map<QueueReceiver, Map<number, Registration>>();
  /** What has left, but couldn't yet be taken out. */
  #left: Registration[] = [];

  constructor(arena: Arena, queues: SharedQueues, token: number) {
    this.#arena = arena;
    this.#queues = queues;
    this.#token = token;
  }

  /** The queue's id; 0: no room, or the lock can't be had; FULL: none in `maxBytes` of its scope. */
  add(owner: number, name: string, receiver: QueueReceiver, maxBytes: number): number {
    const arena = this.#arena;
    const hashed = arena.hash(QUEUE, owner, name);
    if (!arena.enter()) return 0;
    try {
      arena.change();
      const queue = this.#add(owner, name, hashed, receiver, maxBytes);
      arena.changed();
      return queue;
    } finally {
      if ((Atomics.exchange(arena.words, LOCK, 0) & WANTED) !== 0) Atomics.notify(arena.words, LOCK, 1);
    }
  }

  /** False: the lock can't be had; `look` tries again. */
  leave(receiver: QueueReceiver, died = false): boolean {
    const registrations = this.#of.get(receiver);
    if (registrations === undefined) return true;
    this.#of.delete(receiver);
    for (const registration of registrations.values()) {
      registration.left = true;
      registration.died = died;
      this.#left.push(registration);
    }
    this.#takeOut();
    return this.#left.length === 0;
  }

  leaveAll(): void {
    for (const receiver of [...this.#of.keys()]) this.leave(receiver);
  }

  /** Makes calls that are owed; true: there is more to do. */
  look(): boolean {
    if (this.#left.length > 0) this.#takeOut();
    let calls = 0;
    let spent = false;
    const end = performance.now() + SLICE;
    let more = this.#left.length > 0;
    for (const registrations of this.#of.values()) {
      for (const registration of registrations.values()) {
        registration.pending += this.#queues.takeOwed(registration.block);
        const { receiver, queue } = registration;
        while (registration.pending > 0 && !registration.left && receiver.deaf !== true && !spent) {
          registration.pending--;
          receiver.onQueueReady(queue);
          spent = ++calls >= CALLS || performance.now() >= end;
        }
        more ||= registration.pending > 0 && !registration.left && receiver.deaf !== true;
      }
    }
    return more;
  }

  #add(owner: number, name: string, hashed: number, receiver: QueueReceiver, maxBytes: number): number {
    const queues = this.#queues;
    const block = queues.makeRegistration(this.#token);
    if (block === 0) return 0;
    const queue = queues.open(owner, name, hashed, maxBytes);
    let registrations = this.#of.get(receiver);
    const old = registrations?.get(queue);
    if (queue <= 0 || old !== undefined) queues.freeRegistration(block);
    if (queue <= 0) return queue;
    // Again: it is the last one now.
    if (old !== undefined) queues.unlink(queue, old.block);
    if (registrations === undefined) {
      registrations = new Map();
      this.#of.set(receiver, registrations);
    }
    if (old === undefined)
      registrations.set(queue, { queue, receiver, block, pending: 0, left: false, died: false });
    queues.push(queue, old?.block ?? block);
    return queue;
  }

  #takeOut(): void {
    const arena = this.#arena;
    if (!arena.enter()) return;
    try {
      arena.change();
      const left = this.#left;
      this.#left = [];
      for (const { queue, block, pending, died } of left) {
        const last = this.#queues.isLast(queue, block);
        this.#queues.unlink(queue, block);
        const owed = this.#queues.takeOwed(block) + pending;
        this.#queues.freeRegistration(block);
        if (died && last) this.#queues.bereave(queue);
        else this.#queues.passOn(queue, owed);
      }
      arena.changed();
    } finally {
      if ((Atomics.exchange(arena.words, LOCK, 0) & WANTED) !== 0) Atomics.notify(arena.words, LOCK, 1);
    }
  }
}
