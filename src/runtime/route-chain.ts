import { PluginChain } from '../chain/chain.ts';
import type { ChainSource, FilterChain } from '../chain/types.ts';
import type { Log } from '../log.ts';
import type { LoadedPlugin } from '../plugin/types.ts';
import type { FilterSource } from './filter-source.ts';

/** The chain of a route whose filters come and go: built again when one of them was evicted. */
export class RouteChain implements ChainSource {
  readonly filters: readonly string[];
  readonly #sources: readonly FilterSource[];
  readonly #log: Log;
  /** The caches are smaller than the configuration: what is used must be known. */
  readonly #touches: boolean;
  #plugins: readonly LoadedPlugin[] = [];
  #chain: FilterChain | undefined;
  #loading: Promise<FilterChain> | undefined;

  constructor(sources: readonly FilterSource[], touches: boolean, log: Log) {
    this.filters = sources.map(source => source.config.name);
    this.#sources = sources;
    this.#touches = touches;
    this.#log = log;
  }

  ready(): FilterChain | Promise<FilterChain> {
    if (this.#chain !== undefined && !this.#stale()) {
      if (this.#touches) for (const source of this.#sources) source.touch();
      return this.#chain;
    }
    const loaded = this.#sources.map(source => source.plugin);
    if (loaded.every(plugin => plugin !== undefined)) return this.#build(loaded);
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  #stale(): boolean {
    for (const plugin of this.#plugins) if (plugin.retired) return true;
    return false;
  }

  #build(plugins: readonly LoadedPlugin[]): FilterChain {
    this.#plugins = plugins;
    this.#chain = new PluginChain(plugins, this.#log);
    return this.#chain;
  }

  async #load(): Promise<FilterChain> {
    return this.#build(await Promise.all(this.#sources.map(source => source.load())));
  }
}
