import type { FilterConfig, RouteConfig, WeirConfig } from '../config/types.ts';
import type { WeirError } from '../errors.ts';
import type { Log } from '../log.ts';
import { NO_SERVICES } from '../plugin/no-services.ts';
import { ReverseProxy } from '../proxy/proxy.ts';
import { AdminListener } from './admin.ts';
import type { FilterSource } from './filter-source.ts';
import { loadFilters } from './filters.ts';
import { GrpcJsUpstreams } from './grpc/upstreams.ts';
import { Metrics } from './metrics.ts';
import { StartError } from './start-error.ts';
import { ProxyUpstreams } from './upstreams.ts';

/** A proxy that serves. */
export interface RunningWeir {
  /** Where it listens, in the order of the configuration; `url` for example `http://127.0.0.1:8080`. */
  readonly addresses: readonly { readonly listener: string; readonly url: string }[];
  /** Of the admin listener; undefined without. */
  readonly admin: string | undefined;
  /** Weir's metrics in the text format of Prometheus, as the admin listener serves them. */
  metrics(): Promise<string>;
  /**
   * Stops: no new connections; requests in flight get `shutdown.drain` to end; then the filters' contexts end.
   * Resolves when all is closed; calls after the first wait for the same end.
   */
  close(): Promise<void>;
}

/** The filters that some route uses, in the order of the configuration. */
function filtersInUse(config: WeirConfig): FilterConfig[] {
  const routes: RouteConfig[] = config.listeners.flatMap(l => l.routes);
  const names = new Set(routes.flatMap(route => route.filters));
  return [...config.filters.values()].filter(filter => names.has(filter.name));
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Loads and starts every filter that a route uses, then listens: a process never serves with half its filters.
 * @throws StartError with every filter's fault; WeirError LISTEN_FAILED. Nothing stays open then.
 */
export async function startWeir(config: WeirConfig, log: Log): Promise<RunningWeir> {
  const own = new ProxyUpstreams();
  const grpc = new GrpcJsUpstreams(config.upstreams);
  const services = { ...NO_SERVICES, upstreams: own, grpc };
  const used = filtersInUse(config);
  const { filters, errors } = await loadFilters(used, config.modules, log, undefined, services);
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
  const metrics = new Metrics(filters.loader);
  const admin = config.admin === undefined ? undefined : new AdminListener(config.admin, metrics);
  try {
    const adminUrl = await admin?.listen();
    const bound = await proxy.listen();
    let closing: Promise<void> | undefined;
    const close = async () => {
      await proxy.close({ drain: config.shutdown.drain });
      filters.close();
      grpc.close();
      await admin?.close();
    };
    return {
      addresses: bound.map(({ listener, host, port }) => ({ listener, url: urlOf(host, port) })),
      admin: adminUrl,
      metrics: () => metrics.text(),
      close: () => {
        closing ??= close();
        return closing;
      },
    };
  } catch (error) {
    await admin?.close();
    filters.close();
    grpc.close();
    throw error;
  }
}

/**
 * Loads and starts every filter of a configuration once, also those that no route uses. Empty: all is well. `look` is
 * called with all of them then, before they end.
 */
export async function checkFilters(
  config: WeirConfig,
  log: Log,
  look?: (filters: readonly FilterSource[]) => Promise<void>,
): Promise<readonly WeirError[]> {
  const all = [...config.filters.values()].map(filter => ({ ...filter, preload: true }));
  // One after the other: how long each takes is told.
  const { filters, errors } = await loadFilters(all, config.modules, log, undefined, undefined, 1);
  try {
    if (errors.length === 0) await look?.(filters.sources);
  } finally {
    filters.close();
  }
  return errors;
}
