/** What a target tells the benchmark once it listens, and when asked. */
export interface TargetMessage {
  readonly url?: string;
  /** Microseconds of CPU (user and system, all threads) since the process started. */
  readonly cpu?: number;
  /** Bytes resident. */
  readonly rss?: number;
}

/** Tells the parent where this process listens, answers its questions, and ends with it. */
export function serveBenchmark(url: string): void {
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpu: user + system, rss: process.memoryUsage.rss() } satisfies TargetMessage);
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ url } satisfies TargetMessage);
}
