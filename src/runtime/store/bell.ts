const RUNG = 1;

/** Wakes whoever waits on it, in any thread; a word of shared memory. */
export function ring(words: Int32Array, at: number): void {
  // Between a ring and the look that it causes there is nothing more to tell.
  if (Atomics.exchange(words, at, RUNG) !== RUNG) Atomics.notify(words, at);
}

/** A thread's side of its bell. It doesn't keep the thread alive. */
export class Bell {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #look: () => boolean;
  #armed = false;
  #closed = false;

  /** `look` is called on an empty stack after each ring, at least once; true: call it again soon. */
  constructor(words: Int32Array, at: number, look: () => boolean) {
    this.#words = words;
    this.#at = at;
    this.#look = look;
  }

  /** Listens from now on. `look`: there is something to look at already. */
  arm(look = false): void {
    if (look) ring(this.#words, this.#at);
    if (this.#armed || this.#closed) return;
    this.#armed = true;
    const waiting = Atomics.waitAsync(this.#words, this.#at, 0);
    if (waiting.async) void waiting.value.then(this.#rung);
    else this.#soon();
  }

  close(): void {
    this.#closed = true;
    // So that the system forgets who waited.
    if (this.#armed) ring(this.#words, this.#at);
  }

  /** There is work: unlike waiting for some, it may keep the thread a turn longer. */
  #soon(): void {
    setImmediate(this.#rung);
  }

  readonly #rung = (): void => {
    if (this.#closed) return;
    // First: what is put in behind the look rings again.
    Atomics.store(this.#words, this.#at, 0);
    let more = true;
    try {
      more = this.#look();
    } finally {
      if (more) this.#soon();
      else {
        this.#armed = false;
        this.arm();
      }
    }
  };
}
