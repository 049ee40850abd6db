import { readFile } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import { ModuleError } from '../errors.ts';
import { type CompiledModule, compile, sha256 } from './compile.ts';

export interface ModuleCacheOptions {
  /** Modules kept at the most. */
  readonly maxModules: number;
  /** Bytes of WebAssembly kept at the most, all modules together. */
  readonly maxBytes: number;
}

/**
 * Compiled modules by the hash of their bytes, least recently used out first. Filters that share bytes share one
 * compiled module, and callers that ask at the same time share one compilation.
 */
export class ModuleCache {
  readonly #cache: LRUCache<string, CompiledModule, Uint8Array>;

  constructor(options: ModuleCacheOptions) {
    this.#cache = new LRUCache<string, CompiledModule, Uint8Array>({
      max: options.maxModules,
      maxSize: options.maxBytes,
      sizeCalculation: entry => entry.size,
      // An entry that others push out while it is compiled is still what its callers wait for.
      ignoreFetchAbort: true,
      fetchMethod: (hash, _stale, { context }) => compile(context, hash),
    });
  }

  /** Modules now in the cache. */
  get size(): number {
    return this.#cache.size;
  }

  /** The compiled module for these bytes. @throws ModuleError from `compile` */
  async get(bytes: Uint8Array): Promise<CompiledModule> {
    const hash = sha256(bytes);
    // A module larger than the whole cache is compiled all the same; lru-cache just doesn't keep it.
    return (await this.#cache.fetch(hash, { context: bytes })) ?? compile(bytes, hash);
  }

  /**
   * Reads a file and compiles it. `expected`: its SHA-256 in hex, or empty.
   * @throws ModuleError MODULE_NOT_FOUND, MODULE_HASH_MISMATCH and those of `compile`
   */
  async load(path: string, expected: string): Promise<CompiledModule> {
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      throw new ModuleError('MODULE_NOT_FOUND', `can't read the module ${path} (${code})`, { cause: error });
    }
    return this.checked(bytes, expected);
  }

  /**
   * Compiles bytes. `expected`: their SHA-256 in hex, or empty.
   * @throws ModuleError MODULE_HASH_MISMATCH and those of `compile`
   */
  async checked(bytes: Uint8Array, expected: string): Promise<CompiledModule> {
    if (expected !== '') {
      const actual = sha256(bytes);
      if (actual !== expected.toLowerCase()) {
        throw new ModuleError(
          'MODULE_HASH_MISMATCH',
          `the module's sha256 is ${actual}, the configuration demands ${expected}`,
        );
      }
    }
    return this.get(bytes);
  }
}
