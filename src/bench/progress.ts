/** ms between two lines where stderr is no terminal. */
const PAUSE = 15_000;
const BAR = 20;

/** Shows what is being done on stderr: one line that changes on a terminal, elsewhere a line now and then. */
export class Progress {
  readonly #begin = performance.now();
  #last = Number.NEGATIVE_INFINITY;

  /** `done`: 0 to 1. */
  show(text: string, done: number): void {
    const now = performance.now();
    const left = done > 0.02 ? `, ${duration(((now - this.#begin) / done) * (1 - done))} left` : '';
    const percent = `${Math.floor(done * 100)}%`.padStart(4);
    if (process.stderr.isTTY) {
      const bar = '#'.repeat(Math.round(done * BAR)).padEnd(BAR, '.');
      const line = `${bar} ${percent}${left}  ${text}`;
      process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    } else if (now - this.#last >= PAUSE) {
      this.#last = now;
      process.stderr.write(`${percent}${left}  ${text}\n`);
    }
  }

  /** Takes the line away. */
  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
