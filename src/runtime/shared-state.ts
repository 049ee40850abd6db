import type { FilterConfig, RedisConfig, SharedDataConfig } from '../config/types.ts';
import type { Log } from '../log.ts';
import { NO_SERVICES } from '../plugin/no-services.ts';
import type { ForeignFunction, GuestMetrics, Services, SharedStore } from '../plugin/services.ts';
import { FOREIGN_FUNCTIONS } from './foreign-functions.ts';
import { EmbeddedStore, type StoreHandle } from './store/embedded.ts';
import { type MetricsHandle, SharedMetrics } from './store/metrics.ts';

export type { ForeignCaller, ForeignFunction } from '../plugin/services.ts';

/** What guests of all threads share, as one thread has it. */
export interface ThreadState {
  readonly store: SharedStore;
  readonly metrics: GuestMetrics;
  /** Its receivers hear nothing more. */
  close(): Promise<void>;
}

/** For `openState` in another thread; can be posted. */
export interface StateHandle {
  readonly redis: RedisConfig | undefined;
  readonly store: StoreHandle | undefined;
  readonly metrics: MetricsHandle;
}

/**
 * What guests of all threads share, in the thread that makes it: shared data, queues, and metrics. It has no store of its
 * own: a thread that serves opens one, with a handle.
 */
export class SharedState {
  readonly metrics = SharedMetrics.create();
  readonly #embedded: EmbeddedStore | undefined;
  readonly #redis: RedisConfig | undefined;

  /** `filters`: those that will run. Without one that may have shared data there is no store. */
  constructor({ maxBytes, redis }: SharedDataConfig, filters: Iterable<FilterConfig>) {
    const wanted = [...filters].some(({ capabilities }) => capabilities.sharedData);
    this.#redis = wanted ? redis : undefined;
    this.#embedded = wanted && redis === undefined ? EmbeddedStore.create({ maxBytes }) : undefined;
  }

  /** For a thread; `threadIndex` is 0 to 254, the same again only after `recover`. */
  handle(threadIndex: number): StateHandle {
    return {
      redis: this.#redis,
      store: this.#embedded?.handle(threadIndex),
      metrics: this.metrics.handle(threadIndex),
    };
  }

  /** The thread with that index has ended, whatever it was doing. */
  recover(threadIndex: number): void {
    this.#embedded?.recover(threadIndex);
    this.metrics.recover(threadIndex);
  }
}

/** In the thread that the handle was made for. A Redis that isn't there now is tried again. */
export async function openState({ redis, store, metrics }: StateHandle, log: Log): Promise<ThreadState> {
  const opened = store && EmbeddedStore.open(store);
  const remote = redis && (await openRedis(redis, log));
  return {
    store: remote ?? opened ?? NO_SERVICES.store,
    metrics: SharedMetrics.open(metrics),
    close: async () => {
      opened?.close();
      await remote?.close();
    },
  };
}

async function openRedis({ url, passwordEnv, prefix, timeout }: RedisConfig, log: Log) {
  const { RedisStore } = await import('./store/redis.ts');
  const address = new URL(url);
  const password = passwordEnv === '' ? undefined : process.env[passwordEnv];
  if (passwordEnv !== '' && password === undefined)
    log.warn({}, `sharedData.redis.passwordEnv: the variable ${passwordEnv} is not set`);
  if (password !== undefined) address.password = encodeURIComponent(password);
  return RedisStore.start({ url: address.href, prefix, timeout, log });
}

/** As filters reach it. `own`: foreign functions beside those that come with Weir, or in their place. */
export function stateServices(
  { store, metrics }: ThreadState,
  own: ReadonlyMap<string, ForeignFunction> = new Map(),
): Pick<Services, 'store' | 'metrics' | 'foreignFunctions'> {
  return { store, metrics, foreignFunctions: new Map([...FOREIGN_FUNCTIONS, ...own]) };
}
