import type { Log } from '../log.ts';
import type { FilterCounters } from './counters.ts';

const SECOND = 1000;

/** Lets a filter log so many lines a second; what it wrote beyond is counted and told in one line. */
export class LogLimit {
  readonly #filter: string;
  readonly #perSecond: number;
  readonly #log: Log;
  readonly #counters: FilterCounters;
  #since = 0;
  #lines = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(filter: string, perSecond: number, log: Log, counters: FilterCounters) {
    this.#filter = filter;
    this.#perSecond = perSecond;
    this.#log = log;
    this.#counters = counters;
  }

  /** True: the line may be written. */
  admit(): boolean {
    const now = performance.now();
    if (now - this.#since >= SECOND) {
      this.flush();
      this.#since = now;
      this.#lines = 0;
    }
    if (this.#lines < this.#perSecond) {
      this.#lines++;
      return true;
    }
    this.#dropped++;
    // A filter may never log again.
    this.#timer ??= setTimeout(() => this.flush(), SECOND).unref();
    this.#counters.limitHits.logLines++;
    return false;
  }

  /** Tells what was dropped, if anything was. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#log.warn(
      { filter: this.#filter, dropped },
      `${dropped} log lines dropped: more than limits.logLines (${this.#perSecond} per second)`,
    );
  }
}
