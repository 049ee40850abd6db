/** The load generator, in a process of its own: each message is a run, each answer its result. */
import autocannon from 'autocannon';

export interface LoadRequest {
  readonly url: string;
  readonly connections: number;
  /** Requests in all: every run is bounded. */
  readonly amount: number;
}

export interface LoadResult {
  /** Per second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly answers: number;
  /** Connection errors, timeouts and answers other than 2xx. */
  readonly errors: number;
}

process.on('message', async ({ url, connections, amount }: LoadRequest) => {
  const result = await autocannon({ url, connections, amount, timeout: 10 });
  process.send?.({
    rate: result.requests.total / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    answers: result['2xx'],
    errors: result.errors + result.timeouts + result.non2xx,
  } satisfies LoadResult);
});
process.on('disconnect', () => process.exit(0));
