import type { WeirConfig } from '../config/types.ts';
import type { Log } from '../log.ts';
import type { Services } from '../plugin/services.ts';
import type { Binding, BoundAddress } from '../proxy/listener.ts';
import { ReverseProxy } from '../proxy/proxy.ts';
import { type FilterSet, type LoadedFilters, loadFilters, type ModulesOf } from './filters.ts';
import { filtersInUse, singletonsOf } from './filters-in-use.ts';
import { loadFunctions } from './load-functions.ts';
import { type Reading, readConnections, readFilters, readRequests } from './reading.ts';
import { stateServices, type ThreadState } from './shared-state.ts';
import { StartError } from './start-error.ts';
import { tcpFaults } from './tcp-faults.ts';
import { type Calls, openCalls, ProxyUpstreams } from './upstreams.ts';

/** ms that root contexts get to end, unless the drain time is shorter. */
const LAST_WORDS = 1000;

/** What one thread serves with that others have a part in. */
export interface Shared {
  /** Where modules come from; undefined: from a cache of its own. */
  readonly modulesOf?: ModulesOf;
  readonly state: ThreadState;
  /** It runs the services of which there is one in the process. */
  readonly singletons: boolean;
}

/**
 * All that a thread needs to serve a configuration: its own VMs, listeners and connections to upstreams. The main thread
 * has one with `workers: 1`, each worker has one otherwise.
 */
export class ServingThread {
  readonly filters: FilterSet;
  readonly #proxy: ReverseProxy;
  readonly #calls: Calls;
  readonly #state: ThreadState;
  readonly #singletons: readonly string[];

  private constructor(
    filters: FilterSet,
    proxy: ReverseProxy,
    calls: Calls,
    state: ThreadState,
    singletons: readonly string[],
  ) {
    this.filters = filters;
    this.#proxy = proxy;
    this.#calls = calls;
    this.#state = state;
    this.#singletons = singletons;
  }

  /**
   * Loads and starts every filter that a route, TCP listener or service uses. It closes `shared.state` when it ends.
   * @throws StartError with every filter's fault; WeirError FUNCTIONS_INVALID. Nothing is left then
   */
  static async start(config: WeirConfig, log: Log, shared: Shared): Promise<ServingThread> {
    const { listeners, server } = config;
    const { state, modulesOf, singletons } = shared;
    let calls: Calls | undefined;
    let loaded: LoadedFilters | undefined;
    try {
      const functions = await loadFunctions(config.foreignFunctions);
      // Before the filters: these may call while they start.
      calls = await openCalls(config);
      const { upstreams, grpc } = calls;
      const services: Services = {
        upstreams: new ProxyUpstreams(upstreams),
        grpc,
        ...stateServices(state, functions),
      };
      const used = filtersInUse(config, singletons);
      loaded = await loadFilters(used, config.modules, log, { services, ...(modulesOf && { modulesOf }) });
      const { filters } = loaded;
      const errors = [...loaded.errors, ...tcpFaults(config, filters.sources, log)];
      if (errors.length > 0) throw new StartError(errors);
      const proxy = new ReverseProxy({
        listeners,
        upstreams,
        server,
        log,
        chainOf: route => filters.chain(route.filters),
        tcpChainOf: listener => filters.tcpChain(listener.filters),
      });
      return new ServingThread(filters, proxy, calls, state, singletonsOf(config));
    } catch (error) {
      loaded?.filters.close();
      await calls?.close();
      await state.close();
      throw error;
    }
  }

  /** From here on the services run in it of which there is one in the process: another thread had them. */
  async takeSingletons(): Promise<void> {
    for (const name of this.#singletons) await this.filters.load(name);
  }

  /** From here on it serves. `bindings` in the order of the listeners. @throws WeirError LISTEN_FAILED */
  listen(bindings?: readonly Binding[]): Promise<readonly BoundAddress[]> {
    return this.#proxy.listen(bindings);
  }

  /** What happened in it. */
  reading(): Reading {
    return {
      ...readRequests(this.#proxy),
      ...readConnections(this.#proxy),
      ...readFilters(this.filters.loader.registry),
    };
  }

  /**
   * No new connections; requests in flight get `drain` ms to end; then the filters' root contexts end, which get the rest
   * of that (a second at the least) when they have something left to do.
   */
  async close(drain: number): Promise<void> {
    const begun = performance.now();
    await this.#proxy.close({ drain });
    const left = drain - (performance.now() - begun);
    await this.filters.end(Math.max(left, Math.min(drain, LAST_WORDS)));
    await this.#state.close();
    await this.#calls.close();
  }
}
