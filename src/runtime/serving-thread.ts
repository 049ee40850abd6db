import type { WeirConfig } from '../config/types.ts';
import type { Log } from '../log.ts';
import { NO_SERVICES } from '../plugin/no-services.ts';
import type { Services } from '../plugin/services.ts';
import type { Binding, BoundAddress } from '../proxy/listener.ts';
import { ReverseProxy } from '../proxy/proxy.ts';
import { type FilterSet, loadFilters, type ModulesOf } from './filters.ts';
import { filtersInUse } from './filters-in-use.ts';
import { GrpcJsUpstreams } from './grpc/upstreams.ts';
import { type Reading, readFilters, readRequests } from './reading.ts';
import { StartError } from './start-error.ts';
import { ProxyUpstreams } from './upstreams.ts';

/** What one thread serves with that others have a part in. */
export interface Shared {
  /** Where modules come from; undefined: from a cache of its own. */
  readonly modulesOf?: ModulesOf;
}

/**
 * All that a thread needs to serve a configuration: its own VMs, listeners and connections to upstreams. The main thread
 * has one with `workers: 1`, each worker has one otherwise.
 */
export class ServingThread {
  readonly filters: FilterSet;
  readonly #proxy: ReverseProxy;
  readonly #grpc: GrpcJsUpstreams;

  private constructor(filters: FilterSet, proxy: ReverseProxy, grpc: GrpcJsUpstreams) {
    this.filters = filters;
    this.#proxy = proxy;
    this.#grpc = grpc;
  }

  /** Loads and starts every filter that a route uses. @throws StartError with every filter's fault; nothing is left then */
  static async start(config: WeirConfig, log: Log, shared: Shared = {}): Promise<ServingThread> {
    const own = new ProxyUpstreams();
    const grpc = new GrpcJsUpstreams(config.upstreams);
    const services: Services = { ...NO_SERVICES, upstreams: own, grpc };
    const { filters, errors } = await loadFilters(filtersInUse(config), config.modules, log, {
      services,
      ...shared,
    });
    if (errors.length > 0) {
      filters.close();
      grpc.close();
      throw new StartError(errors);
    }
    const { listeners, upstreams, server } = config;
    const proxy = new ReverseProxy({
      listeners,
      upstreams,
      server,
      log,
      chainOf: route => filters.chain(route.filters),
    });
    own.use(proxy.upstreams);
    return new ServingThread(filters, proxy, grpc);
  }

  /** From here on it serves. `bindings` in the order of the listeners. @throws WeirError LISTEN_FAILED */
  listen(bindings?: readonly Binding[]): Promise<readonly BoundAddress[]> {
    return this.#proxy.listen(bindings);
  }

  /** What happened in it. */
  reading(): Reading {
    return { ...readRequests(this.#proxy), ...readFilters(this.filters.loader.registry) };
  }

  /** No new connections; requests in flight get `drain` ms to end; then the filters' contexts end. */
  async close(drain: number): Promise<void> {
    await this.#proxy.close({ drain });
    this.filters.close();
    this.#grpc.close();
  }
}
