import type { TestContext } from 'node:test';

/** Time stands still but for `pass`: `performance.now` and timers, until the test ends. */
export class GuestClock {
  now = 1_000_000;
  readonly #t: TestContext;

  constructor(t: TestContext) {
    this.#t = t;
    t.mock.timers.enable({ apis: ['setTimeout'] });
    t.mock.method(performance, 'now', () => this.now);
  }

  /** Milliseconds, one after the other. */
  pass(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.now++;
      this.#t.mock.timers.tick(1);
    }
  }

  /** Nothing ran for so long: timers come late. */
  stall(ms: number): void {
    this.now += ms;
    this.#t.mock.timers.tick(ms);
  }
}
