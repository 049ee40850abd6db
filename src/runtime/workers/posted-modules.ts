import { LRUCache } from 'lru-cache';
import type { FilterConfig, ModuleCacheLimits } from '../../config/types.ts';
import type { CompiledCode } from '../../engine/compile.ts';
import type { CompiledFilter } from '../../plugin/compile.ts';
import { type PostedFilter, received } from '../../plugin/posted.ts';
import type { FilterModules } from '../filter-modules.ts';

/** What a worker's filters are made of: the main thread compiles it, once for all workers, and it is kept here, too. */
export class PostedModules implements FilterModules {
  readonly #cache: LRUCache<string, CompiledFilter>;
  readonly #ask: (filter: string) => Promise<PostedFilter>;
  /** By the filter's name: the key of what it was made of. */
  readonly #keys = new Map<string, string>();

  /** `ask`: the main thread, by the filter's name. It throws ModuleError. */
  constructor(
    { maxModules, maxBytes }: ModuleCacheLimits,
    ask: (filter: string) => Promise<PostedFilter>,
    onEvict: (module: CompiledFilter) => void,
  ) {
    this.#ask = ask;
    this.#cache = new LRUCache<string, CompiledFilter>({
      max: maxModules,
      maxSize: maxBytes,
      sizeCalculation: ({ size }) => Math.max(size, 1),
      disposeAfter: (module, _key, reason) => {
        if (reason === 'evict') onEvict(module);
      },
    });
  }

  get bytes(): number {
    return this.#cache.calculatedSize;
  }

  touch(compiled: CompiledCode): boolean {
    return this.#cache.get(compiled.key) === compiled;
  }

  async compile({ name }: FilterConfig): Promise<CompiledFilter> {
    const known = this.#cache.get(this.#keys.get(name) ?? '');
    if (known !== undefined) return known;
    const compiled = await received(await this.#ask(name));
    this.#keys.set(name, compiled.key);
    // Another filter's module may have had the same bytes, and come first.
    const same = this.#cache.get(compiled.key);
    if (same !== undefined) return same;
    this.#cache.set(compiled.key, compiled);
    return compiled;
  }
}
