import type { WeirConfig } from '../config/types.ts';
import type { WeirError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { FilterSource } from './filter-source.ts';
import { loadFilters } from './filters.ts';
import { loadFunctions } from './load-functions.ts';
import { offline } from './offline.ts';
import { openState, SharedState, stateServices } from './shared-state.ts';
import { tcpFaults } from './tcp-faults.ts';

/**
 * Loads and starts every filter of a configuration once, in this thread, also those that no route uses. Empty: all is
 * well. `look` is called with all of them then, before they end.
 */
export async function checkFilters(
  config: WeirConfig,
  log: Log,
  look?: (filters: readonly FilterSource[]) => Promise<void>,
): Promise<readonly WeirError[]> {
  const all = [...config.filters.values()].map(filter => ({ ...filter, preload: true }));
  // One after the other: how long each takes is told.
  const functions = await loadFunctions(config.foreignFunctions);
  // Nothing that they do may be seen by those that serve.
  const shared = new SharedState({ ...config.sharedData, redis: undefined }, all);
  const state = await openState(shared.handle(0), log);
  const services = {
    ...offline('filters make no calls while they are checked'),
    ...stateServices(state, functions),
  };
  const { filters, errors: faults } = await loadFilters(all, config.modules, log, { atOnce: 1, services });
  const errors = [...faults, ...tcpFaults(config, filters.sources, log)];
  try {
    if (errors.length === 0) await look?.(filters.sources);
  } finally {
    filters.close();
    await state.close();
  }
  return errors;
}
