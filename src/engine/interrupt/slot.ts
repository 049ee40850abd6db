import { PluginError } from '../../errors.ts';
import {
  ASLEEP,
  AWAKE,
  BELL,
  BUDGET,
  CLAIMED,
  FLAG,
  FLAGGED,
  NEXT,
  PATIENCE,
  RUNNING,
  SLOT,
  STATE,
} from './protocol.ts';

const MAX_BUDGET = 0x7fffffff;

/** The side of the thread that runs guests (protocol.ts). Closed until somebody watches. */
export class Slot {
  readonly #words: Int32Array;
  readonly #bell: Int32Array;
  #depth = 0;
  /** What SLOT is while no callback runs: its sequence is the next one's. */
  #idle: number;
  #budget = 0;
  #watched = false;
  #open = false;

  constructor(page: SharedArrayBuffer, bell: SharedArrayBuffer) {
    this.#words = new Int32Array(page);
    this.#bell = new Int32Array(bell);
    this.#idle = Atomics.load(this.#words, SLOT);
  }

  /** @throws PluginError when nobody would interrupt the callback: then there is nothing to leave. */
  enter(budget: number): void {
    if (this.#depth > 0) {
      this.#depth++;
      return;
    }
    if (!this.#open) this.#reopen();
    this.#depth = 1;
    if (budget !== this.#budget) this.#setBudget(budget);
    Atomics.store(this.#words, SLOT, this.#idle + RUNNING);
    if (Atomics.load(this.#bell, BELL) === ASLEEP) this.#ring();
  }

  /** True when it was interrupted. */
  leave(): boolean {
    if (--this.#depth > 0) return false;
    const running = this.#idle + RUNNING;
    const next = (this.#idle + NEXT) | 0;
    if (Atomics.compareExchange(this.#words, SLOT, running, next) !== running) return this.#interrupted();
    this.#idle = next;
    return false;
  }

  /** A callback is running. */
  get running(): boolean {
    return this.#depth > 0;
  }

  /** A watchdog is there: the first one, or another one after `lost`. */
  watched(): void {
    this.#clear();
    this.#watched = true;
    this.#open = true;
  }

  /** The watchdog has ended; it will touch nothing any more. */
  lost(): void {
    this.#watched = false;
    this.#open = false;
  }

  #interrupted(): true {
    const claimed = this.#idle + CLAIMED;
    for (;;) {
      const word = Atomics.load(this.#words, SLOT);
      if (word === this.#idle + FLAGGED) break;
      if (word !== claimed) {
        this.#depth = 0;
        throw new Error('leave without enter');
      }
      // It is about to set the flag: nanoseconds, unless it was descheduled or died just there.
      if (Atomics.wait(this.#words, SLOT, claimed, PATIENCE) === 'timed-out') {
        this.#open = false;
        return true;
      }
    }
    this.#clear();
    return true;
  }

  #clear(): void {
    this.#idle = (this.#idle + NEXT) | 0;
    Atomics.store(this.#words, FLAG, 0);
    Atomics.store(this.#words, SLOT, this.#idle);
  }

  #reopen(): void {
    if (!this.#watched || (Atomics.load(this.#words, SLOT) & STATE) !== FLAGGED) {
      throw new PluginError(
        'PLUGIN_DOWN',
        'no callback can run now: the watchdog that would end it is being started again',
      );
    }
    this.#clear();
    this.#open = true;
  }

  #setBudget(budget: number): void {
    this.#budget = budget;
    Atomics.store(this.#words, BUDGET, Math.min(budget * 1000, MAX_BUDGET));
  }

  #ring(): void {
    Atomics.store(this.#bell, BELL, AWAKE);
    Atomics.notify(this.#bell, BELL);
  }
}
