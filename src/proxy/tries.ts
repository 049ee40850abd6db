import type { UpstreamError } from '../errors.ts';
import type { UpstreamTries } from '../message/info.ts';

/** How an exchange's upstream was asked: filters may read it. */
export class Tries implements UpstreamTries {
  count = 0;
  failure: UpstreamError | undefined;
  /** By `performance.now`; 0: not yet. */
  #begun = 0;
  #ended = 0;

  begin(): void {
    if (this.count++ === 0) this.#begun = performance.now();
    this.failure = undefined;
  }

  failed(error: UpstreamError): void {
    this.failure = error;
  }

  /** The last byte of the response has come. */
  end(): void {
    this.#ended = performance.now();
  }

  get latency(): number | undefined {
    return this.#ended === 0 ? undefined : this.#ended - this.#begun;
  }
}
