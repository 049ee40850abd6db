import { Histogram, REQUEST_BOUNDS } from '../histogram.ts';

const SWITCHING = 101;

/** Requests that have ended: plain numbers, read when metrics are asked for. */
export class RequestCounts {
  /** By the first digit of the status that went out; 0: none did. */
  readonly byClass = new Float64Array(6);
  readonly times = new Histogram(REQUEST_BOUNDS);

  /** `status` 0: no head went out. `ms`: from the request's head to the end; how long a tunnel lasts isn't counted. */
  ended(status: number, ms: number): void {
    this.refused(status);
    if (status !== SWITCHING && status !== 0) this.times.observe(ms);
  }

  /** It was answered before anything was done for it. */
  refused(status: number): void {
    this.byClass[(status / 100) | 0]!++;
  }
}
