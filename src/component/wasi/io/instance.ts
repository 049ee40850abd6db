import { InstanceClosed, WasiTrap, WouldWait } from '../trap.ts';
import type { Readiness } from './readiness.ts';

/** sync: nothing may wait. jspi: functions of ASYNC_IMPORTS may return promises. */
export type WaitMode = 'sync' | 'jspi';

/** Most resources (streams, pollables, errors, descriptors, …) one instance holds: each costs the host memory. */
export const RESOURCES_MAX = 4096;

/** What all WASI resources of one component instance share: whether they may wait, how many there are, its end. */
export class WasiInstance {
  readonly mode: WaitMode;
  /** Whoever runs the guest lets it go on no more once `failed` is true: it traps where it is resumed. */
  unwinds = false;
  /**
   * In jspi mode, asked before anything that waits; it goes on when the promise settles. Things that are ready only cost
   * microtasks: a guest that asks for nothing else would let nobody else run.
   */
  pace: (() => Promise<void> | undefined) | undefined;
  readonly #waiting = new Set<(reason: InstanceClosed) => void>();
  readonly #atClose = new Set<() => void>();
  readonly #calls = new Set<(reason: unknown) => void>();
  #resources = 0;
  #closed = false;
  #failure: unknown;

  constructor(mode: WaitMode) {
    this.mode = mode;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Why the guest must not run on: it was to wait in sync mode, exited, took too much, or is closed. To be asked after a
   * call that seems to have gone well: a guest with exception handling can catch what an import throws.
   */
  get failure(): unknown {
    return this.#failure;
  }

  /** Throws InstanceClosed after close: nothing that has to be freed may be made then. */
  check(): void {
    if (this.#closed) throw new InstanceClosed();
  }

  /** It was closed, or something failed that jco loses: its guest must not go on. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Counts a new resource. Throws WasiTrap over RESOURCES_MAX, InstanceClosed after close. */
  take(): void {
    this.check();
    if (this.#resources >= RESOURCES_MAX) {
      throw this.fail(new WasiTrap(`more than ${RESOURCES_MAX} WASI resources`));
    }
    this.#resources++;
  }

  /** How many there are. */
  get resources(): number {
    return this.#resources;
  }

  /** A resource was dropped. */
  release(): void {
    this.#resources--;
  }

  /** Runs `release` when the instance ends, unless it is taken back with the function this returns. */
  onClose(release: () => void): () => void {
    this.#atClose.add(release);
    return () => this.#atClose.delete(release);
  }

  /** Ends all waiting with InstanceClosed and frees what was registered with onClose. Can be called again. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const fail of [...this.#waiting]) fail(new InstanceClosed());
    this.fail(new InstanceClosed());
    for (const release of [...this.#atClose]) release();
    this.#atClose.clear();
  }

  /**
   * What a call of an export gives, or why the instance ended meanwhile. Every such call has to go through it in jspi
   * mode: jco never settles one whose guest is in `poll` or `block` when those fail.
   */
  guard<T>(call: T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = () => this.#calls.delete(reject);
      if (this.#failure === undefined) this.#calls.add(reject);
      else reject(this.#failure);
      Promise.resolve(call).finally(done).then(resolve, reject);
    });
  }

  /** Ends the calls in `guard`, those to come included; the first reason stays. Returns this one, to be thrown. */
  fail<T>(reason: T): T {
    this.#failure ??= reason;
    for (const reject of this.#calls) reject(reason);
    this.#calls.clear();
    return reason;
  }

  /**
   * Resolves when one of `things` may have become ready. Throws WouldWait in sync mode; rejects with InstanceClosed.
   * `what`: the WIT function that waits, for the message.
   */
  wait(what: string, things: readonly Readiness[]): Promise<void> {
    if (this.mode === 'sync') throw this.fail(new WouldWait(what));
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new InstanceClosed());
      const done = () => {
        this.#waiting.delete(fail);
        for (const forget of forgets) forget();
      };
      const fail = (reason: InstanceClosed) => {
        done();
        reject(reason);
      };
      const wake = () => {
        done();
        resolve();
      };
      this.#waiting.add(fail);
      const forgets = things.map(thing => thing.when(wake));
    });
  }

  /**
   * Asks `attempt` until it gives a value, waiting in between. At once if the first attempt does; otherwise throws
   * WouldWait in sync mode.
   */
  until<T>(what: string, things: readonly Readiness[], attempt: () => T | undefined): T | Promise<T> {
    const pause = this.pace?.();
    if (pause !== undefined) return this.#again(what, things, attempt, pause);
    const first = attempt();
    if (first !== undefined) return first;
    return this.#again(what, things, attempt, this.wait(what, things));
  }

  async #again<T>(
    what: string,
    things: readonly Readiness[],
    attempt: () => T | undefined,
    waited: Promise<void>,
  ): Promise<T> {
    await waited;
    for (;;) {
      const value = attempt();
      if (value !== undefined) return value;
      await this.wait(what, things);
    }
  }
}
