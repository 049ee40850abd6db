/** Undefined: ready. Otherwise a promise that settles when that may have changed; then it is asked again. */
export type AskReady = () => Promise<void> | undefined;

/**
 * One thing that becomes ready. However many wait for it, however often, its promise has one reaction: a guest that
 * polls in a loop would otherwise pile them up on a promise that lives long.
 */
export class Readiness {
  readonly #ask: AskReady;
  readonly #waiters = new Set<() => void>();
  #armed = false;

  constructor(ask: AskReady) {
    this.#ask = ask;
  }

  get now(): boolean {
    return this.#ask() === undefined;
  }

  /** Calls `waiter` once when it may have become ready, never before this returns. Returns how to give up waiting. */
  when(waiter: () => void): () => void {
    this.#waiters.add(waiter);
    this.#arm();
    return () => this.#waiters.delete(waiter);
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    const wake = () => {
      this.#armed = false;
      const waiters = [...this.#waiters];
      this.#waiters.clear();
      for (const waiter of waiters) waiter();
    };
    // Waited for although ready: what waits would otherwise ask again and again without letting anything else happen.
    const ready = this.#ask() ?? new Promise<void>(resolve => setImmediate(resolve));
    // A failure is for the operation to tell.
    ready.then(wake, wake);
  }
}
