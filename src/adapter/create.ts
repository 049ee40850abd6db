import { pino } from 'pino';
import type { Log } from '../log.ts';
import { loadFilters } from '../runtime/filters.ts';
import { offline } from '../runtime/offline.ts';
import { openState, SharedState, stateServices } from '../runtime/shared-state.ts';
import { StartError } from '../runtime/start-error.ts';
import { type EmbeddedChain, NodeChain } from './embedded-chain.ts';
import { type FilterChainOptions, resolveOptions } from './options.ts';

/**
 * Loads and starts filters, as a chain for a server of your own.
 * @throws ConfigError for wrong options; StartError when filters can't be loaded or refuse to start. Both name every
 * fault: `issues` of the one, `errors` of the other (each with a `code` and the ModuleError or PluginError as `cause`).
 */
export async function createFilterChain(options: FilterChainOptions): Promise<EmbeddedChain> {
  const log = options.log ?? quietLog();
  const { filters, bytes, modules, sharedData } = resolveOptions(options);
  const state = await openState(new SharedState(sharedData, filters).handle(0), log);
  const own = new Map(Object.entries(options.foreignFunctions ?? {}));
  const services = { ...offline("a chain of one's own has no upstreams"), ...stateServices(state, own) };
  const loaded = await loadFilters(filters, modules, log, { bytes, services });
  const end = () => {
    loaded.filters.close();
    void state.close();
  };
  if (loaded.errors.length > 0) {
    end();
    throw new StartError(loaded.errors);
  }
  const chain = await loaded.filters.chain(filters.map(filter => filter.name)).ready();
  return new NodeChain(chain, log, end);
}

/** A library speaks up only when something is wrong. */
function quietLog(): Log {
  return pino({ level: 'warn', base: { name: 'weir' } }, pino.destination({ dest: 2, sync: true }));
}
