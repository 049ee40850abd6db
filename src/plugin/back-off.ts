import type { RestartConfig } from '../config/types.ts';

const MINUTE = 60_000;

/**
 * When something that failed may be tried again: the first time at once, then after a wait that doubles with each
 * failure in a row (with jitter, so that many don't come back at the same moment), and not at all for the rest of
 * a minute with too many failures in it.
 */
export class BackOff {
  readonly #config: RestartConfig;
  readonly #random: () => number;
  #inARow = 0;
  #notBefore = 0;
  /** Times of the failures within the last minute. */
  #recent: number[] = [];

  constructor(config: RestartConfig, random: () => number = Math.random) {
    this.#config = config;
    this.#random = random;
  }

  /** It failed, at that time of `performance.now`. */
  failed(now = performance.now()): void {
    const { firstDelay, maxDelay, crashesPerMinute } = this.#config;
    // What held for a while is not failing in a row.
    if (now > this.#notBefore + maxDelay) this.#inARow = 0;
    this.#inARow++;
    const delay = this.#inARow === 1 ? 0 : Math.min(maxDelay, firstDelay * 2 ** (this.#inARow - 2));
    // Half of it is left to chance.
    this.#notBefore = now + delay * (0.5 + this.#random() / 2);
    this.#recent = this.#recent.filter(time => time > now - MINUTE);
    this.#recent.push(now);
    if (this.#recent.length > crashesPerMinute) {
      this.#notBefore = Math.max(this.#notBefore, this.#recent[0]! + MINUTE);
    }
  }

  /** Milliseconds until the next try; 0: now. */
  wait(): number {
    return Math.max(0, this.#notBefore - performance.now());
  }
}
