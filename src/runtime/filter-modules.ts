import type { FilterConfig } from '../config/types.ts';
import { type ModuleCache, type ModuleCacheStats, type Plug, readModule } from '../engine/cache.ts';
import type { CompiledCode } from '../engine/compile.ts';
import { ModuleError } from '../errors.ts';
import type { CompiledFilter } from '../plugin/compile.ts';

/** Where filters get what they are made of, compiled: from the thread's own cache, or from another thread's. */
export interface FilterModules {
  /** Of a filter's module and its plugs. @throws ModuleError */
  compile(filter: FilterConfig): Promise<CompiledFilter>;
  /** It is in use: others are evicted before it. False when it isn't kept any more. */
  touch(compiled: CompiledCode): boolean;
  /** Of WebAssembly, that are kept now. */
  readonly bytes: number;
}

/** What is known of what a filter was first made of. */
interface Origin {
  /** SHA-256 of the bytes in hex: other ones need a restart. */
  sha256: string;
  /** Plugs included; empty until it was made. */
  key: string;
}

/** The modules of a configuration, read and compiled in this thread, and again after they were evicted. */
export class CompiledModules implements FilterModules {
  readonly #cache: ModuleCache<CompiledFilter>;
  readonly #bytes: ReadonlyMap<string, Uint8Array>;
  /** By the filter's name. */
  readonly #origins = new Map<string, Origin>();

  /** `bytes`: modules that aren't to be read from their files, by the filter's name. */
  constructor(cache: ModuleCache<CompiledFilter>, bytes: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#cache = cache;
    this.#bytes = bytes;
  }

  get bytes(): number {
    return this.#cache.bytes;
  }

  /** Compiled modules that are kept now. */
  get size(): number {
    return this.#cache.size;
  }

  get stats(): Readonly<ModuleCacheStats> {
    return this.#cache.stats;
  }

  touch(compiled: CompiledCode): boolean {
    return this.#cache.touch(compiled);
  }

  async compile(filter: FilterConfig): Promise<CompiledFilter> {
    const { limits, plugs: named } = filter;
    const origin = this.#originOf(filter);
    const plugs = await Promise.all(
      named.map(async plug => ({
        name: plug.moduleText,
        bytes: await readModule(plug.module, limits.moduleSize),
      })),
    );
    const compiled = await this.#compiled(filter, origin, plugs);
    if (origin.key !== '' && origin.key !== compiled.key) {
      const names = named.map(plug => plug.module).join(', ');
      throw changed(named.length === 1 ? names : `one of its plugs (${names})`);
    }
    origin.sha256 = compiled.sha256;
    origin.key = compiled.key;
    return compiled;
  }

  #originOf({ name, sha256 }: FilterConfig): Origin {
    let origin = this.#origins.get(name);
    if (origin === undefined) {
      origin = { sha256, key: '' };
      this.#origins.set(name, origin);
    }
    return origin;
  }

  async #compiled(
    { name, module, limits, sha256 }: FilterConfig,
    origin: Origin,
    plugs: readonly Plug[],
  ): Promise<CompiledFilter> {
    const cache = this.#cache;
    const bytes = this.#bytes.get(name);
    try {
      // Only what was loaded from its own file before: another filter's bytes say nothing about that.
      const kept = origin.key === '' || plugs.length > 0 ? undefined : cache.again(origin.sha256, limits);
      if (kept !== undefined) return await kept;
      return await (bytes === undefined
        ? cache.load(module, origin.sha256, limits, plugs)
        : cache.checked(bytes, origin.sha256, limits, plugs));
    } catch (error) {
      const isChanged =
        error instanceof ModuleError && error.code === 'MODULE_HASH_MISMATCH' && sha256 === '';
      throw isChanged ? changed(module) : error;
    }
  }
}

function changed(what: string): ModuleError {
  return new ModuleError(
    'MODULE_HASH_MISMATCH',
    `${what} was changed since it was first loaded: restart Weir`,
  );
}
