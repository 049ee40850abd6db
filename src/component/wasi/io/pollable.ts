import { WasiTrap } from '../trap.ts';
import type { WasiInstance } from './instance.ts';
import { type AskReady, Readiness } from './readiness.ts';

/** Most pollables in one call of `poll`. */
export const POLL_MAX = 1024;

/** Resource `wasi:io/poll.pollable` (wasi-io 0.2, wit/poll.wit). */
export class Pollable {
  readonly #instance: WasiInstance;
  readonly #readiness: Readiness;
  readonly #dropped: (() => void) | undefined;
  #open = true;

  /**
   * `ready`: a Readiness where several pollables tell of the same thing. `dropped` is called once, when the guest drops
   * it. Throws WasiTrap for one resource too many.
   */
  constructor(instance: WasiInstance, ready: Readiness | AskReady, dropped?: () => void) {
    instance.take();
    this.#instance = instance;
    this.#readiness = typeof ready === 'function' ? new Readiness(ready) : ready;
    this.#dropped = dropped;
  }

  get readiness(): Readiness {
    return this.#readiness;
  }

  get instance(): WasiInstance {
    return this.#instance;
  }

  /** `[method]pollable.ready` */
  ready(): boolean {
    return this.#readiness.now;
  }

  /** `[method]pollable.block`. Throws WouldWait in sync mode when it isn't ready. */
  block(): undefined | Promise<undefined> {
    const one = [this.#readiness];
    const done = this.#instance.until('wasi:io/poll#[method]pollable.block', one, () =>
      this.#readiness.now ? true : undefined,
    );
    return done === true ? undefined : Promise.resolve(done).then(() => undefined);
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#instance.release();
    this.#dropped?.();
  }
}

/**
 * `wasi:io/poll.poll`: indices of the pollables that are ready, at least one. Throws WasiTrap for none or more than
 * POLL_MAX, WouldWait in sync mode when none is ready.
 */
export function poll(pollables: readonly Pollable[]): Uint32Array | Promise<Uint32Array> {
  const first = pollables[0];
  if (first === undefined) throw new WasiTrap('poll of no pollables');
  if (pollables.length > POLL_MAX) throw new WasiTrap(`poll of more than ${POLL_MAX} pollables`);
  const things = pollables.map(pollable => pollable.readiness);
  return first.instance.until('wasi:io/poll#poll', things, () => {
    const ready: number[] = [];
    things.forEach((thing, i) => {
      if (thing.now) ready.push(i);
    });
    return ready.length > 0 ? Uint32Array.from(ready) : undefined;
  });
}
