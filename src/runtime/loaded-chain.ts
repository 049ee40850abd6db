import type { LoadedPlugin } from '../plugin/types.ts';
import type { FilterSource } from './filter-source.ts';

/** The chain of a route or TCP listener whose filters come and go: built again when one of them was evicted. */
export class LoadedChain<Chain> {
  readonly filters: readonly string[];
  readonly #sources: readonly FilterSource[];
  readonly #make: (plugins: readonly LoadedPlugin[]) => Chain;
  /** The caches are smaller than the configuration: what is used must be known. */
  readonly #touches: boolean;
  #plugins: readonly LoadedPlugin[] = [];
  #chain: Chain | undefined;
  #loading: Promise<Chain> | undefined;

  constructor(
    sources: readonly FilterSource[],
    touches: boolean,
    make: (plugins: readonly LoadedPlugin[]) => Chain,
  ) {
    this.filters = sources.map(source => source.config.name);
    this.#sources = sources;
    this.#touches = touches;
    this.#make = make;
  }

  ready(): Chain | Promise<Chain> {
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

  #build(plugins: readonly LoadedPlugin[]): Chain {
    this.#plugins = plugins;
    this.#chain = this.#make(plugins);
    return this.#chain;
  }

  async #load(): Promise<Chain> {
    return this.#build(await Promise.all(this.#sources.map(source => source.load())));
  }
}
