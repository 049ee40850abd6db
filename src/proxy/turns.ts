/** How long an endpoint that refused a connection is tried only after all others, in ms. */
const AVOID_MS = 5000;

/** What has turns. */
export interface Avoidable {
  /** `performance.now()` until which others go first; 0: it is fine. */
  avoidUntil: number;
}

/** Endpoints in turn; those that refused a connection a moment ago come last. */
export class Turns<E extends Avoidable> {
  readonly #endpoints: readonly E[];
  #next = 0;
  #avoided = 0;

  constructor(endpoints: readonly E[]) {
    this.#endpoints = endpoints;
  }

  /** The endpoint whose turn it is, but for those in `tried`. Undefined when there is none left. */
  pick(tried?: readonly E[]): E | undefined {
    const endpoints = this.#endpoints;
    if (endpoints.length === 1) return tried === undefined ? endpoints[0] : undefined;
    const now = this.#avoided > 0 ? performance.now() : 0;
    let fallback: E | undefined;
    const start = this.#next;
    for (let i = 0; i < endpoints.length; i++) {
      const at = (start + i) % endpoints.length;
      const endpoint = endpoints[at]!;
      if (tried?.includes(endpoint)) continue;
      if (endpoint.avoidUntil > now) {
        fallback ??= endpoint;
        continue;
      }
      if (endpoint.avoidUntil !== 0) this.connected(endpoint);
      this.#next = at + 1;
      return endpoint;
    }
    return fallback;
  }

  /** An endpoint refused a connection. */
  refused(endpoint: E): void {
    if (endpoint.avoidUntil === 0) this.#avoided++;
    endpoint.avoidUntil = performance.now() + AVOID_MS;
  }

  /** An endpoint that was avoided has its turn again. */
  connected(endpoint: E): void {
    if (endpoint.avoidUntil === 0) return;
    endpoint.avoidUntil = 0;
    this.#avoided--;
  }
}
