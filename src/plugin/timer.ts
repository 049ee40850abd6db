import { Status } from '../abi/types.ts';
import type { PluginState } from './state.ts';

const PERIOD_MAX = 0x7fffffff;
/** After a tick a filter has none, in whatever VM, for so many times as long as it took. */
const REST = 4;

/** The ticks of a root context (specification, "Timers"): never two at once, and none is made up for. */
export class TickTimer {
  readonly #state: PluginState;
  readonly #tick: () => void;
  #period = 0;
  /** When the next one is due, by `performance.now`. */
  #due = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** `tick` must not throw. */
  constructor(state: PluginState, tick: () => void) {
    this.#state = state;
    this.#tick = tick;
  }

  /** Milliseconds; 0: no ticks. A period shorter than `limits.tickPeriod` becomes that. */
  set(period: number): Status {
    if (this.#stopped) return Status.OK;
    const { limits, counters } = this.#state;
    if (period > 0 && period < limits.tickPeriod) counters.limitHits.tickPeriod++;
    this.#period = period === 0 ? 0 : Math.min(Math.max(period, limits.tickPeriod), PERIOD_MAX);
    this.#due = performance.now() + this.#period;
    this.#arm();
    return Status.OK;
  }

  /** Ticks are to come. */
  get active(): boolean {
    return this.#period > 0;
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    this.#period = 0;
    clearTimeout(this.#timer);
  }

  get #next(): number {
    return Math.max(this.#due, this.#state.restUntil);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#period === 0) return;
    this.#timer = setTimeout(this.#fire, Math.max(1, this.#next - performance.now())).unref();
  }

  readonly #fire = () => {
    const now = performance.now();
    // Timers may fire a fraction early.
    if (now < this.#next - 1) {
      this.#arm();
      return;
    }
    // From when it was due, so that lateness doesn't add up; ticks that were missed altogether are left out.
    this.#due += this.#period;
    if (this.#due <= now) this.#due = now + this.#period;
    this.#tick();
    // Also when the guest has set another period.
    const end = performance.now();
    const rested = end + REST * (end - now);
    this.#state.restUntil = rested;
    // Other VMs of the filter have their turn before.
    if (rested > this.#due) this.#due = rested + this.#period;
    this.#arm();
  };
}
