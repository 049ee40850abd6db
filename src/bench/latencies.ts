import { createHistogram } from 'node:perf_hooks';
import type { Latency } from './types.ts';

/** Above this everything counts as this: µs. */
const HIGHEST = 600_000_000;
const PERCENTILES = [0, 10, 25, 50, 75, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.99, 100];

/** Latencies of one case, over all its rounds. */
export class Latencies {
  readonly #histogram = createHistogram({ lowest: 1, highest: HIGHEST, figures: 3 });

  /**
   * `interval`: ms between the requests of a connection, where their times are fixed; 0: they are not. A request that
   * takes longer kept the next ones from being sent in time: they are counted with the time they would have waited
   * (coordinated omission; what HdrHistogram calls an expected interval).
   */
  record(ms: number, interval: number): void {
    this.#add(ms);
    if (interval <= 0) return;
    for (let missed = ms - interval; missed >= interval; missed -= interval) this.#add(missed);
  }

  #add(ms: number): void {
    this.#histogram.record(Math.min(HIGHEST, Math.max(1, Math.round(ms * 1000))));
  }

  get summary(): Latency {
    const at = (percentile: number) => {
      if (this.#histogram.count === 0) return 0;
      return (percentile === 0 ? this.#histogram.min : this.#histogram.percentile(percentile)) / 1000;
    };
    return {
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      max: at(100),
      distribution: PERCENTILES.map(percentile => [percentile, at(percentile)]),
    };
  }
}
