import type { FilterConfig, WeirConfig } from '../config/types.ts';

/** The filters that some route uses, in the order of the configuration. */
export function filtersInUse({ listeners, filters }: WeirConfig): FilterConfig[] {
  const names = new Set(listeners.flatMap(({ routes }) => routes.flatMap(route => route.filters)));
  return [...filters.values()].filter(filter => names.has(filter.name));
}
