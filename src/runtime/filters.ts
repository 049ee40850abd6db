import { PluginChain } from '../chain/chain.ts';
import type { FilterChain } from '../chain/types.ts';
import type { FilterConfig, ModuleCacheLimits } from '../config/types.ts';
import { ModuleCache } from '../engine/cache.ts';
import type { CompiledModule } from '../engine/compile.ts';
import { formatIssue, WeirError } from '../errors.ts';
import type { Log } from '../log.ts';
import { VmRegistry } from '../plugin/plugin.ts';
import type { Plugin } from '../plugin/types.ts';

/** Filters that were loaded and started, ready to be put into chains. */
export class FilterSet {
  readonly #plugins: ReadonlyMap<string, Plugin>;
  readonly #log: Log;

  constructor(plugins: ReadonlyMap<string, Plugin>, log: Log) {
    this.#plugins = plugins;
    this.#log = log;
  }

  /** A chain of these filters, in request order. */
  chain(names: readonly string[]): FilterChain {
    const plugins = names.map(name => {
      const plugin = this.#plugins.get(name);
      if (plugin === undefined) throw new Error(`no filter ${name} was loaded`);
      return plugin;
    });
    return new PluginChain(plugins, this.#log);
  }

  /** Ends the filters' root contexts. Streams must have ended before. */
  close(): void {
    for (const plugin of this.#plugins.values()) plugin.close();
  }
}

/** Several things went wrong at start; the message has a line for each. */
export class StartError extends WeirError {
  readonly errors: readonly WeirError[];

  constructor(errors: readonly WeirError[]) {
    super(errors[0]!.code, errors.map(e => e.message).join('\n'));
    this.errors = errors;
  }
}

/** What became of loading filters: those that started, and why the others did not. */
export interface LoadedFilters {
  readonly filters: FilterSet;
  readonly errors: readonly WeirError[];
}

/** The same error, with the place in the configuration and the filter's name in front. */
function placed(filter: FilterConfig, error: unknown): WeirError {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof WeirError ? error.code : 'PLUGIN_START_FAILED';
  const issue = { ...filter.place, path: `filters.${filter.name}`, message, remedy: '' };
  return new WeirError(code, formatIssue(issue), { cause: error });
}

/**
 * Compiles (in parallel) and starts (in order) each filter once. Never throws for a filter's fault.
 * `bytes`: modules that are at hand, by filter name; their files aren't read.
 */
export async function loadFilters(
  configs: readonly FilterConfig[],
  limits: ModuleCacheLimits,
  log: Log,
  bytes: ReadonlyMap<string, Uint8Array> = new Map(),
): Promise<LoadedFilters> {
  const cache = new ModuleCache(limits);
  const registry = new VmRegistry(log);
  const plugins = new Map<string, Plugin>();
  const errors: WeirError[] = [];
  const compile = ({ name, module, sha256 }: FilterConfig) => {
    const given = bytes.get(name);
    return given === undefined ? cache.load(module, sha256) : cache.checked(given, sha256);
  };
  const modules = await Promise.allSettled(configs.map(compile));
  configs.forEach((config, i) => {
    const result = modules[i] as PromiseSettledResult<CompiledModule>;
    try {
      if (result.status === 'rejected') throw result.reason;
      plugins.set(config.name, registry.start(result.value, config));
    } catch (error) {
      errors.push(placed(config, error));
    }
  });
  return { filters: new FilterSet(plugins, log), errors };
}
