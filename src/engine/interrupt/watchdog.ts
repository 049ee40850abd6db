import { ASLEEP, AWAKE, BELL, QUIET, TICK } from './protocol.ts';

/** What it looks at in its turn. */
export interface Looked {
  /** Returns the ms until the next look. */
  look(): number;
  /** ms for which nothing happened. */
  readonly quiet: number;
  /** Nothing has happened since the last look. */
  readonly unchanged: boolean;
}

/** Looks at every guest thread in turn; sleeps until a callback when there are none. */
export class Watchdog {
  readonly #bell: Int32Array;
  readonly #watches: readonly Looked[];
  readonly #quiet: number;

  /** `watches` may change between rounds, and in a look of its last one. */
  constructor(bell: SharedArrayBuffer, watches: readonly Looked[], quiet = QUIET) {
    this.#bell = new Int32Array(bell);
    this.#watches = watches;
    this.#quiet = quiet;
    // The one before may have died asleep.
    Atomics.store(this.#bell, BELL, AWAKE);
  }

  /** One look at each, and the wait until the next. */
  round(): void {
    let wait = TICK;
    let quiet = true;
    for (const watch of this.#watches) {
      wait = Math.min(wait, watch.look());
      quiet &&= watch.quiet >= this.#quiet;
    }
    if (quiet) this.#sleep();
    else Atomics.wait(this.#bell, BELL, AWAKE, wait);
  }

  #sleep(): void {
    Atomics.store(this.#bell, BELL, ASLEEP);
    // Whoever entered before it could see that: look again. Whoever enters now rings.
    if (this.#watches.every(watch => watch.unchanged)) Atomics.wait(this.#bell, BELL, ASLEEP);
    Atomics.store(this.#bell, BELL, AWAKE);
  }
}
