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

  /** `[method]pollable.ready` */
  ready(): boolean {
    return this.#readiness.now;
  }

  /** `[method]pollable.block`. Throws WouldWait in sync mode when it isn't ready. */
  block(): undefined | Promise<undefined> {
    const ready = waiting(
      this.#instance,
      'wasi:io/poll#[method]pollable.block',
      [this.#readiness],
      () => (this.#readiness.now ? true : undefined),
      true,
    );
    return ready === true ? undefined : ready.then(() => undefined);
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
export function poll(
  instance: WasiInstance,
  pollables: readonly Pollable[],
): Uint32Array | Promise<Uint32Array> {
  const name = 'wasi:io/poll#poll';
  const things: Readiness[] = [];
  return waiting(
    instance,
    name,
    things,
    () => {
      if (pollables.length === 0 || pollables.length > POLL_MAX) {
        throw new WasiTrap(`${name} of ${pollables.length} pollables: 1 to ${POLL_MAX}`);
      }
      if (things.length === 0) things.push(...pollables.map(pollable => pollable.readiness));
      const ready: number[] = [];
      things.forEach((thing, i) => {
        if (thing.now) ready.push(i);
      });
      return ready.length > 0 ? Uint32Array.from(ready) : undefined;
    },
    new Uint32Array(0),
  );
}

/**
 * Asks until there is an answer. What fails is told to the instance: jco's glue loses it, see guard, and the guest would
 * be suspended for ever. Where `unwinds` says so, it gets `lost` instead.
 */
function waiting<T>(
  instance: WasiInstance,
  name: string,
  things: readonly Readiness[],
  attempt: () => T | undefined,
  lost: T,
): T | Promise<T> {
  const failed = (error: unknown): T => {
    instance.fail(error);
    if (!instance.unwinds) throw error;
    return lost;
  };
  try {
    const value = instance.until(name, things, attempt);
    return value instanceof Promise ? value.catch(failed) : value;
  } catch (error) {
    return failed(error);
  }
}
