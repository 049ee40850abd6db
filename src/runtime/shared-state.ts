import type { FilterConfig, SharedDataConfig } from '../config/types.ts';
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
  close(): void;
}

/** As filters reach it. `own`: foreign functions beside those that come with Weir, or in their place. */
export function stateServices(
  { store, metrics }: ThreadState,
  own: ReadonlyMap<string, ForeignFunction> = new Map(),
): Pick<Services, 'store' | 'metrics' | 'foreignFunctions'> {
  return { store, metrics, foreignFunctions: new Map([...FOREIGN_FUNCTIONS, ...own]) };
}

/** For `openState` in another thread; can be posted. */
export interface StateHandle {
  readonly store: StoreHandle | undefined;
  readonly metrics: MetricsHandle;
}

/** What guests of all threads share, in the thread that makes it: shared data, queues, and metrics. */
export class SharedState implements ThreadState {
  readonly metrics: SharedMetrics;
  readonly #store: EmbeddedStore | undefined;

  /** `filters`: those that will run. Without one that may have shared data there is no store. */
  constructor({ maxBytes }: SharedDataConfig, filters: Iterable<FilterConfig>) {
    const wanted = [...filters].some(({ capabilities }) => capabilities.sharedData);
    this.#store = wanted ? EmbeddedStore.create({ maxBytes }) : undefined;
    this.metrics = SharedMetrics.create();
  }

  get store(): SharedStore {
    return this.#store ?? NO_SERVICES.store;
  }

  /** For a thread; `threadIndex` is 0 to 254, the same again only after `recover`. */
  handle(threadIndex: number): StateHandle {
    return { store: this.#store?.handle(threadIndex), metrics: this.metrics.handle(threadIndex) };
  }

  /** The thread with that index has ended, whatever it was doing. */
  recover(threadIndex: number): void {
    this.#store?.recover(threadIndex);
    this.metrics.recover(threadIndex);
  }

  close(): void {
    this.#store?.close();
  }
}

/** In the thread that the handle was made for. */
export function openState({ store, metrics }: StateHandle): ThreadState {
  const opened = store && EmbeddedStore.open(store);
  return {
    store: opened ?? NO_SERVICES.store,
    metrics: SharedMetrics.open(metrics),
    close: () => opened?.close(),
  };
}
