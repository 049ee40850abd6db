/** What autocannon 9 keeps of the rate of a connection (lib/httpClient.js); its types don't know it. */
export interface PacedClient {
  rateInterval: NodeJS.Timeout | undefined;
  reqsMadeThisSecond: number;
  paused: boolean;
  _doRequest(): void;
}

/**
 * Spreads requests over time. autocannon sends all of a second's at its beginning, one after the other: the rest of the
 * second nothing is asked, and what the proxy does then nobody sees. Here each connection may send one request every
 * `interval` ms, the connections one after the other. Times are absolute: what comes late doesn't move what follows.
 */
export class Pacer {
  readonly #interval: number;
  readonly #gap: number;
  readonly #clients: PacedClient[] = [];
  /** When the next one may send, and which one that is. */
  #due = performance.now();
  #next = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(interval: number, connections: number) {
    this.#interval = interval;
    this.#gap = interval / connections;
  }

  /** All of them are added before the first turn of the event loop. */
  add(client: PacedClient): void {
    this.#clients.push(client);
    if (this.#clients.length > 1) return;
    setImmediate(() => {
      // autocannon's own timers: one request for each connection in a second.
      for (const client of this.#clients) clearInterval(client.rateInterval);
      // The first requests were sent at once.
      this.#due = performance.now() + this.#interval;
      this.#turn();
    });
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#next = Number.POSITIVE_INFINITY;
  }

  #turn(): void {
    for (const now = performance.now(); this.#next < this.#clients.length && this.#due <= now; ) {
      const client = this.#clients[this.#next]!;
      this.#next = (this.#next + 1) % this.#clients.length;
      this.#due += this.#gap;
      client.reqsMadeThisSecond = 0;
      if (client.paused) {
        client.paused = false;
        client._doRequest();
      }
    }
    if (this.#next === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#turn(), Math.max(0, this.#due - performance.now()));
  }
}
