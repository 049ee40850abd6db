import { homedir } from 'node:os';
import type { ChainSource } from '../chain/types.ts';
import type { FilterConfig, ModulesConfig } from '../config/types.ts';
import { ModuleCache } from '../engine/cache.ts';
import { DiskCache, defaultCacheDirectory } from '../engine/disk-cache.ts';
import { Interrupter } from '../engine/interrupt/interrupter.ts';
import type { WeirError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type CompiledFilter, compileFilter } from '../plugin/compile.ts';
import { VmRegistry } from '../plugin/registry.ts';
import type { Services } from '../plugin/services.ts';
import { FilterSource, type Loader } from './filter-source.ts';
import { RouteChain } from './route-chain.ts';
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
      loader.cache.bytes > modules.cache.maxBytes / 2;
    this.loader = loader;
  }

  /** In the order of the configuration. */
  get sources(): readonly FilterSource[] {
    return [...this.#sources.values()];
  }

  /** A chain of these filters, in request order. */
  chain(names: readonly string[]): ChainSource {
    const sources = names.map(name => {
      const source = this.#sources.get(name);
      if (source === undefined) throw new Error(`no filter ${name} was loaded`);
      return source;
    });
    const modules = new Set(sources.map(({ config }) => config.module)).size;
    if (modules > this.#room) {
      const text = `a route has ${modules} filters, and modules.cache (maxModules, maxVms) keeps ${this.#room}: each request loads them again`;
      this.loader.log.warn({ filters: names }, text);
    }
    return new RouteChain(sources, this.#touches, this.loader.log);
  }

  /** Ends the filters' root contexts. Streams must have ended before. */
  close(): void {
    for (const source of this.#sources.values()) source.close();
  }
}

/** What became of loading filters: those that started, and why the others did not. */
export interface LoadedFilters {
  readonly filters: FilterSet;
  readonly errors: readonly WeirError[];
}

async function openDisk({ directory }: ModulesConfig, log: Log): Promise<DiskCache | undefined> {
  const path = directory ?? defaultCacheDirectory(process.env, process.platform, homedir());
  return path === undefined || path === '' ? undefined : DiskCache.open(path, log);
}

/**
 * Compiles (in parallel) and starts (in order) each filter once, but for those with `preload: false`. Never throws
 * for a filter's fault. `bytes`: modules that are at hand, by filter name; their files aren't read. `atOnce`: modules
 * that are compiled at the same time.
 */
export async function loadFilters(
  configs: readonly FilterConfig[],
  modules: ModulesConfig,
  log: Log,
  bytes: ReadonlyMap<string, Uint8Array> = new Map(),
  services?: Services,
  atOnce = AT_ONCE,
): Promise<LoadedFilters> {
  const [interrupter, disk] = await Promise.all([Interrupter.ofThread(), openDisk(modules, log)]);
  const { maxVms } = modules.cache;
  const registry = new VmRegistry({ log, interrupter, maxVms, ...(services && { services }) });
  const cache = new ModuleCache<CompiledFilter>({
    ...modules.cache,
    compile: compileFilter,
    disk,
    onEvict: module => registry.evict(module),
  });
  const loader: Loader = { cache, registry, log };
  const sources = new Map(configs.map(c => [c.name, new FilterSource(c, loader, bytes.get(c.name))]));
  const errors: WeirError[] = [];
  const eager = [...sources.values()].filter(source => source.config.preload);
  for (let i = 0; i < eager.length; i += atOnce) errors.push(...(await startAll(eager.slice(i, i + atOnce))));
  return { filters: new FilterSet(sources, modules, loader), errors };
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
