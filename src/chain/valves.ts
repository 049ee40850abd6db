import { type Direction, REQUEST } from '../plugin/types.ts';
import type { Exchange } from './types.ts';

/** Who wants a source paused, or has a sink full: bits. */
export const By = {
  /** Filters next to it. */
  FILTERS: 1,
  /** The exchange; or, as seen from outside, what is inside. */
  FAR: 2,
  /** The filter between. */
  OWN: 4,
} as const;

/** Of a filter between two halves: which of its sources wait, and which of its sinks take no more, and for whom. */
export class Valves {
  readonly #exchange: Exchange;
  readonly #sources: [request: number, response: number] = [0, 0];
  readonly #sinks: [request: number, response: number] = [0, 0];
  /** Nothing of the exchange may be paused any more. */
  over = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Pauses the far source of that direction as long as anybody wants it. */
  source(direction: Direction, by: number, paused: boolean): void {
    const was = this.#sources[direction];
    const now = paused ? was | by : was & ~by;
    this.#sources[direction] = now;
    if (this.over || (was === 0) === (now === 0)) return;
    if (direction === REQUEST) this.#exchange.pauseRequest(now !== 0);
    else this.#exchange.pauseResponse(now !== 0);
  }

  full(direction: Direction): boolean {
    return this.#sinks[direction] !== 0;
  }

  /** True: it was full, and drains now. */
  sink(direction: Direction, by: number, full: boolean): boolean {
    const was = this.#sinks[direction];
    const now = full ? was | by : was & ~by;
    this.#sinks[direction] = now;
    return was !== 0 && now === 0;
  }
}
