import type { FilterConfig, WeirConfig } from '../config/types.ts';

/**
 * The filters that a thread starts, in the order of the configuration: those of routes, TCP listeners and services. `singletons`:
 * services of which there is one in the process run in this thread; otherwise they are loaded when their turn comes.
 */
export function filtersInUse(
  { listeners, filters, services }: WeirConfig,
  singletons: boolean,
): FilterConfig[] {
  const chains = listeners.flatMap(listener =>
    listener.protocol === 'tcp' ? [listener.filters] : listener.routes.map(route => route.filters),
  );
  const routes = new Set(chains.flat());
  const preload = new Map(
    services.map(({ filter, singleton }) => [filter, !singleton || singletons || routes.has(filter)]),
  );
  return [...filters.values()]
    .filter(({ name }) => routes.has(name) || preload.has(name))
    .map(filter => (preload.has(filter.name) ? { ...filter, preload: preload.get(filter.name)! } : filter));
}

/** Names of the services of which there is one in the process. */
export function singletonsOf({ services }: WeirConfig): string[] {
  return services.filter(({ singleton }) => singleton).map(({ filter }) => filter);
}
