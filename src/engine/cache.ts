import { readFile } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import { ModuleError } from '../errors.ts';
import { type CompiledModule, compile, type EngineLimits, moduleKey, sha256 } from './compile.ts';
import type { DiskCache } from './disk-cache.ts';

export interface ModuleCacheOptions {
  /** Modules kept at the most. */
  readonly maxModules: number;
  /** Bytes of WebAssembly kept at the most, all modules together. */
  readonly maxBytes: number;
  /** Where rewritten modules are kept between runs. */
  readonly disk?: DiskCache | undefined;
  /** A module left the cache: what was made of it should end. */
  onEvict?(module: CompiledModule): void;
}

/** What a compilation needs. */
interface Source {
  readonly bytes: Uint8Array;
  readonly hash: string;
  readonly limits: EngineLimits;
}

/** What a cache did since it was made. */
export interface ModuleCacheStats {
  hits: number;
  misses: number;
  evictions: number;
  /** Milliseconds from bytes to compiled module, summed. */
  compileTime: number;
}

/**
 * Compiled modules by the hash of their bytes and their limits, least recently used out first. Filters that share
 * bytes share one compiled module, and callers that ask at the same time share one compilation.
 */
export class ModuleCache {
  readonly #cache: LRUCache<string, CompiledModule, Source>;
  readonly #maxBytes: number;
  readonly #disk: DiskCache | undefined;
  readonly stats: ModuleCacheStats = { hits: 0, misses: 0, evictions: 0, compileTime: 0 };

  constructor(options: ModuleCacheOptions) {
    this.#maxBytes = options.maxBytes;
    this.#disk = options.disk;
    this.#cache = new LRUCache<string, CompiledModule, Source>({
      max: options.maxModules,
      maxSize: options.maxBytes,
      sizeCalculation: entry => entry.size,
      // An entry that others push out while it is compiled is still what its callers wait for.
      ignoreFetchAbort: true,
      fetchMethod: (_key, _stale, { context }) => this.#compile(context),
      disposeAfter: (module, _key, reason) => {
        if (reason !== 'evict') return;
        this.stats.evictions++;
        options.onEvict?.(module);
      },
    });
  }

  /** Modules now in the cache. */
  get size(): number {
    return this.#cache.size;
  }

  /** Bytes of WebAssembly now in the cache. */
  get bytes(): number {
    return this.#cache.calculatedSize;
  }

  /** The module is in use: others are evicted before it. False when it is not in the cache any more. */
  touch(module: CompiledModule): boolean {
    return this.#cache.get(module.key) === module;
  }

  /** The compiled module for these bytes. @throws ModuleError from `compile` */
  async get(bytes: Uint8Array, limits: EngineLimits): Promise<CompiledModule> {
    const hash = sha256(bytes);
    const key = moduleKey(hash, limits);
    const kept = this.#cache.get(key);
    if (kept !== undefined) {
      this.stats.hits++;
      return kept;
    }
    this.stats.misses++;
    const source: Source = { bytes, hash, limits };
    return (await this.#cache.fetch(key, { context: source })) ?? this.#compile(source);
  }

  async #compile({ bytes, hash, limits }: Source): Promise<CompiledModule> {
    const start = performance.now();
    const module = await compile(bytes, hash, limits, this.#disk);
    this.stats.compileTime += performance.now() - start;
    if (module.size > this.#maxBytes) {
      throw new ModuleError(
        'MODULE_LIMIT',
        `the module has ${module.size} bytes of code, modules.cache.maxBytes is ${this.#maxBytes}`,
      );
    }
    return module;
  }

  /**
   * Reads a file and compiles it. `expected`: its SHA-256 in hex, or empty.
   * @throws ModuleError MODULE_NOT_FOUND, MODULE_HASH_MISMATCH and those of `compile`
   */
  async load(path: string, expected: string, limits: EngineLimits): Promise<CompiledModule> {
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      throw new ModuleError('MODULE_NOT_FOUND', `can't read the module ${path} (${code})`, { cause: error });
    }
    return this.checked(bytes, expected, limits);
  }

  /**
   * Compiles bytes. `expected`: their SHA-256 in hex, or empty.
   * @throws ModuleError MODULE_HASH_MISMATCH and those of `compile`
   */
  async checked(bytes: Uint8Array, expected: string, limits: EngineLimits): Promise<CompiledModule> {
    if (expected !== '') {
      const actual = sha256(bytes);
      if (actual !== expected.toLowerCase()) {
        throw new ModuleError(
          'MODULE_HASH_MISMATCH',
          `the module's sha256 is ${actual}, the configuration demands ${expected}`,
        );
      }
    }
    return this.get(bytes, limits);
  }
}
