import type { WeirConfig } from '../config/types.ts';
import type { Log } from '../log.ts';
import type { BoundAddress } from '../proxy/listener.ts';
import { workerCount } from './workers/count.ts';

/** A proxy that serves. */
export interface RunningWeir {
  /** Where it listens, in the order of the configuration; `url` for example `http://127.0.0.1:8080`, or `tcp://…`. */
  readonly addresses: readonly { readonly listener: string; readonly url: string }[];
  /** Of the admin listener; undefined without. */
  readonly admin: string | undefined;
  /** Worker threads that there are; 0 with `workers: 1`, and when all have ended. */
  readonly threads: number;
  /** Weir's metrics in the text format of Prometheus, as the admin listener serves them; of all workers in sum. */
  metrics(): Promise<string>;
  /**
   * Stops: no new connections; requests in flight get `shutdown.drain` to end; then the filters' contexts end.
   * Resolves when all is closed; calls after the first wait for the same end.
   */
  close(): Promise<void>;
}

export function urlOf({ host, port, protocol }: BoundAddress): string {
  return `${protocol}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Loads and starts every filter that a route uses, then listens: a process never serves with half its filters.
 * @throws StartError with every filter's fault; WeirError LISTEN_FAILED, WORKER_FAILED. Nothing stays open then.
 */
export async function startWeir(config: WeirConfig, log: Log): Promise<RunningWeir> {
  const count = await workerCount(config.workers, log);
  // What serves isn't loaded where others serve.
  if (count > 1) {
    const { startWorkers } = await import('./workers/workers.ts');
    return startWorkers(config, log, { count });
  }
  const { startAlone } = await import('./alone.ts');
  return startAlone(config, log);
}
