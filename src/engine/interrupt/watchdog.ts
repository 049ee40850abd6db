import { ASLEEP, AWAKE, BELL, QUIET, TICK } from './protocol.ts';
import type { Watch } from './watch.ts';

/** Looks at every guest thread in turn; sleeps until a callback when there are none. */
export class Watchdog {
  readonly #bell: Int32Array;
  readonly #watches: readonly Watch[];
  readonly #quiet: number;

  constructor(bell: SharedArrayBuffer, watches: readonly Watch[], quiet = QUIET) {
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
