import { type Direction, REQUEST } from '../plugin/types.ts';
import type { Exchange } from './types.ts';

/** Pauses where the two directions come from, each as its flow asks. */
export class Sources {
  readonly #exchange: Exchange;
  // A bit a direction: its source is paused; it should be.
  #paused = 0;
  #mustPause = 0;
  #over = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  pause(direction: Direction, paused: boolean): void {
    const bit = 1 << direction;
    this.#mustPause = paused ? this.#mustPause | bit : this.#mustPause & ~bit;
    if (paused) this.#asAsked(direction);
    // A source may deliver more the moment it is let go: first, all that was held must have gone on.
    else queueMicrotask(() => this.#asAsked(direction));
  }

  /** Nothing more may happen. */
  end(): void {
    this.#over = true;
  }

  #asAsked(direction: Direction): void {
    const bit = 1 << direction;
    if (this.#over || ((this.#mustPause ^ this.#paused) & bit) === 0) return;
    this.#paused ^= bit;
    const paused = (this.#paused & bit) !== 0;
    if (direction === REQUEST) this.#exchange.pauseRequest(paused);
    else this.#exchange.pauseResponse(paused);
  }
}
