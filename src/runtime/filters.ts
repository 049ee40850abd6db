import { setTimeout as sleep } from 'node:timers/promises';
import { PluginChain } from '../chain/chain.ts';
import { TcpPluginChain } from '../chain/tcp-chain.ts';
import type { TcpChainSource, TcpFilterChain } from '../chain/tcp-types.ts';
import type { ChainSource, FilterChain } from '../chain/types.ts';
import type { FilterConfig, ModulesConfig } from '../config/types.ts';
import { Interrupter } from '../engine/interrupt/interrupter.ts';
import type { WeirError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { CompiledFilter } from '../plugin/compile.ts';
import { VmRegistry } from '../plugin/registry.ts';
import type { Services } from '../plugin/services.ts';
import type { LoadedPlugin } from '../plugin/types.ts';
import type { FilterModules } from './filter-modules.ts';
import { FilterSource, type Loader } from './filter-source.ts';
import { LoadedChain } from './loaded-chain.ts';
import { openModules } from './open-modules.ts';
import { placed } from './start-error.ts';

/** The filters of a configuration, ready to be put into chains. */
export class FilterSet {
  readonly #sources: ReadonlyMap<string, FilterSource>;
  readonly #touches: boolean;
  /** How many filters the caches hold at the most. */
  readonly #room: number;
  readonly loader: Loader;

  constructor(sources: ReadonlyMap<string, FilterSource>, modules: ModulesConfig, loader: Loader) {
    this.#sources = sources;
    this.#room = Math.min(modules.cache.maxModules, modules.cache.maxVms);
    this.#touches =
      [...sources.values()].some(source => !source.config.preload) ||
      sources.size > this.#room ||
      loader.modules.bytes > modules.cache.maxBytes / 2;
    this.loader = loader;
  }

  /** In the order of the configuration. */
  get sources(): readonly FilterSource[] {
    return [...this.#sources.values()];
  }

  /** A chain of these filters, in request order. */
  chain(names: readonly string[]): ChainSource {
    const { log } = this.loader;
    const make = (plugins: readonly LoadedPlugin[]): FilterChain => new PluginChain(plugins, log);
    return new LoadedChain(this.#sourcesOf(names), this.#touches, make);
  }

  /** The same for TCP streams, in the order of what comes from downstream. */
  tcpChain(names: readonly string[]): TcpChainSource {
    const { log } = this.loader;
    const make = (plugins: readonly LoadedPlugin[]): TcpFilterChain => new TcpPluginChain(plugins, log);
    return new LoadedChain(this.#sourcesOf(names), this.#touches, make);
  }

  #sourcesOf(names: readonly string[]): FilterSource[] {
    const sources = names.map(name => {
      const source = this.#sources.get(name);
      if (source === undefined) throw new Error(`no filter ${name} was loaded`);
      return source;
    });
    const modules = new Set(sources.map(({ config }) => config.module)).size;
    if (modules > this.#room) {
      const text = `a chain has ${modules} filters, and modules.cache (maxModules, maxVms) keeps ${this.#room}: each request loads them again`;
      this.loader.log.warn({ filters: names }, text);
    }
    return sources;
  }

  /** Starts that filter, if it hasn't been. One that can't be loaded is logged, and tried again when somebody asks. */
  async load(name: string): Promise<void> {
    await this.#sources.get(name)?.load();
  }

  /**
   * Ends the filters' root contexts; those that answer false to proxy_on_done get `limit` ms, and answers of their calls,
   * until they call proxy_done. Streams must have ended before.
   */
  async end(limit: number): Promise<void> {
    const plugins = this.sources.map(source => source.plugin).filter(plugin => plugin !== undefined);
    for (const plugin of plugins) plugin.finish();
    const end = performance.now() + limit;
    while (plugins.some(({ finishing }) => finishing) && performance.now() < end) await sleep(5);
    this.close();
  }

  /** Ends the filters' root contexts now. Streams must have ended before. */
  close(): void {
    for (const source of this.#sources.values()) source.close();
  }
}

/** What became of loading filters: those that started, and why the others did not. */
export interface LoadedFilters {
  readonly filters: FilterSet;
  readonly errors: readonly WeirError[];
}

/** `onEvict` is to be called when a module isn't kept any more: what was made of it should end. */
export type ModulesOf = (onEvict: (module: CompiledFilter) => void) => FilterModules | Promise<FilterModules>;

/** What `loadFilters` may be told. */
export interface LoadOptions {
  /** Modules that are at hand, by filter name: their files aren't read. */
  readonly bytes?: ReadonlyMap<string, Uint8Array>;
  /** What filters reach beyond their streams. Default: nothing. */
  readonly services?: Services | undefined;
  /** Modules that are compiled at the same time. Default: 16. */
  readonly atOnce?: number;
  /** Makes what modules come from. Default: `openModules`. */
  readonly modulesOf?: ModulesOf;
}

/**
 * Compiles (in parallel) and starts (in order) each filter once, but for those with `preload: false`. Never throws
 * for a filter's fault.
 */
export async function loadFilters(
  configs: readonly FilterConfig[],
  config: ModulesConfig,
  log: Log,
  options: LoadOptions = {},
): Promise<LoadedFilters> {
  const { services, bytes, atOnce = AT_ONCE } = options;
  const modulesOf = options.modulesOf ?? (onEvict => openModules(config, log, { bytes, onEvict }));
  let registry: VmRegistry | undefined;
  const [interrupter, modules] = await Promise.all([
    Interrupter.ofThread(),
    modulesOf(module => registry?.evict(module)),
  ]);
  registry = new VmRegistry({ log, interrupter, maxVms: config.cache.maxVms, ...(services && { services }) });
  const loader: Loader = { modules, registry, log };
  const sources = new Map(configs.map(c => [c.name, new FilterSource(c, loader)]));
  const errors: WeirError[] = [];
  const eager = [...sources.values()].filter(source => source.config.preload);
  for (let i = 0; i < eager.length; i += atOnce) errors.push(...(await startAll(eager.slice(i, i + atOnce))));
  return { filters: new FilterSet(sources, config, loader), errors };
}

/** More would only hold more memory. */
const AT_ONCE = 16;

/** Compiles in parallel, starts in order. */
async function startAll(sources: readonly FilterSource[]): Promise<WeirError[]> {
  const errors: WeirError[] = [];
  const compiled = await Promise.allSettled(sources.map(source => source.compile()));
  sources.forEach((source, i) => {
    const result = compiled[i] as PromiseSettledResult<CompiledFilter>;
    try {
      if (result.status === 'rejected') throw result.reason;
      source.start(result.value);
    } catch (error) {
      errors.push(placed(source.config, error));
    }
  });
  return errors;
}
