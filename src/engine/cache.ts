import { readFile, stat } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import { ModuleError } from '../errors.ts';
import { type Artefacts, KeptArtefacts } from './artefacts.ts';
import {
  type CompiledCode,
  type CompiledModule,
  compile,
  compileKept,
  type EngineLimits,
  moduleKey,
  sha256,
} from './compile.ts';

export interface ModuleCacheOptions<C extends CompiledCode> {
  /** Makes code from bytes. Default: core modules only. */
  readonly compile?: Compile<C>;
  /** What makes code again from what is kept of it in memory; undefined: nothing is. Default: core modules. */
  readonly again?: Again<C>;
  /** Modules kept at the most. */
  readonly maxModules: number;
  /** Bytes of WebAssembly kept at the most, all modules together. */
  readonly maxBytes: number;
  /** Where rewritten modules are kept between runs. */
  readonly disk?: Artefacts | undefined;
  /** A module left the cache: what was made of it should end. */
  onEvict?(module: C): void;
}

/** What a compilation needs. */
export interface Source {
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes in hex. */
  readonly hash: string;
  readonly limits: EngineLimits;
  /** Components whose exports are handed to this one's imports. */
  readonly plugs: readonly Plug[];
  /** Tells its result apart from others. */
  readonly key: string;
}

/** A component that is plugged into another one. */
export interface Plug {
  /** As the configuration names it, for messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** @throws ModuleError */
export type Compile<C extends CompiledCode> = (
  source: Source,
  artefacts: Artefacts | undefined,
) => Promise<C>;

/** @throws ModuleError */
export type Again<C extends CompiledCode> = (
  hash: string,
  limits: EngineLimits,
  kept: KeptArtefacts,
) => (() => Promise<C>) | undefined;

async function compileModule(
  { bytes, hash, limits }: Source,
  artefacts: Artefacts | undefined,
): Promise<CompiledModule> {
  return compile(bytes, hash, limits, artefacts);
}

/** The bytes of a file that has `most` at the most. @throws ModuleError MODULE_NOT_FOUND, MODULE_LIMIT */
export async function readModule(path: string, most = Number.POSITIVE_INFINITY): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size <= most) return await readFile(path);
    throw new ModuleError(
      'MODULE_LIMIT',
      `${path} has ${size} bytes, limits.moduleSize is ${most} (strip it, for example with wasm-tools strip, or raise the limit)`,
    );
  } catch (error) {
    if (error instanceof ModuleError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new ModuleError('MODULE_NOT_FOUND', `can't read the module ${path} (${code})`, { cause: error });
  }
}

/** What a cache did since it was made; who waits for another's compilation hits. */
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
export class ModuleCache<C extends CompiledCode = CompiledModule> {
  readonly #cache: LRUCache<string, C, () => Promise<C>>;
  readonly #make: Compile<C>;
  readonly #maxBytes: number;
  readonly #again: Again<C>;
  readonly #artefacts: KeptArtefacts;
  readonly stats: ModuleCacheStats = { hits: 0, misses: 0, evictions: 0, compileTime: 0 };

  constructor(options: ModuleCacheOptions<C>) {
    // Without an own one it holds core modules: the default of the type.
    this.#make = options.compile ?? (compileModule as unknown as Compile<C>);
    this.#maxBytes = options.maxBytes;
    this.#again = options.again ?? (compileKept as unknown as Again<C>);
    this.#artefacts = new KeptArtefacts(options.disk);
    this.#cache = new LRUCache<string, C, () => Promise<C>>({
      max: options.maxModules,
      maxSize: options.maxBytes,
      sizeCalculation: entry => entry.size,
      // An entry that others push out while it is compiled is still what its callers wait for.
      ignoreFetchAbort: true,
      fetchMethod: (_key, _stale, { context }) => this.#timed(context),
      disposeAfter: (module, _key, reason) => {
        if (reason !== 'evict') return;
        this.stats.evictions++;
        this.#artefacts.begin(options.maxBytes);
        options.onEvict?.(module);
      },
    });
  }

  /** Modules now in the cache. */
  get size(): number {
    return this.#cache.size;
  }

  /** Bytes of WebAssembly now in the cache, compiled or kept to be compiled again. */
  get bytes(): number {
    return this.#cache.calculatedSize + this.#artefacts.bytes;
  }

  /** The module is in use: others are evicted before it. False when it is not in the cache any more. */
  touch(module: CompiledCode): boolean {
    return this.#cache.get(module.key) === module;
  }

  /** The compiled module for these bytes. @throws ModuleError from `compile` */
  async get(bytes: Uint8Array, limits: EngineLimits, plugs: readonly Plug[] = []): Promise<C> {
    const hash = sha256(bytes);
    const key = [moduleKey(hash, limits), ...plugs.map(plug => sha256(plug.bytes))].join('+');
    const kept = this.#cache.get(key);
    if (kept !== undefined) {
      this.stats.hits++;
      return kept;
    }
    const source: Source = { bytes, hash, limits, plugs, key };
    return this.#fetch(key, () => this.#make(source, this.#artefacts));
  }

  async #fetch(key: string, make: () => Promise<C>): Promise<C> {
    let made = false;
    const context = () => {
      made = true;
      this.stats.misses++;
      return make();
    };
    const fetched = this.#cache.fetch(key, { context });
    // Another caller's compilation is under way.
    if (!made) this.stats.hits++;
    const module = (await fetched) ?? (await this.#timed(make));
    // What is kept of modules that aren't compiled now has the room that the compiled ones leave.
    this.#artefacts.trim(this.#maxBytes - this.#cache.calculatedSize);
    return module;
  }

  async #timed(make: () => Promise<C>): Promise<C> {
    const start = performance.now();
    const module = await make();
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
  async load(path: string, expected: string, limits: EngineLimits, plugs: readonly Plug[] = []): Promise<C> {
    return this.checked(await readModule(path, limits.moduleSize), expected, limits, plugs);
  }

  /** What was loaded from bytes with this hash before, as far as it is still in memory. @throws ModuleError */
  again(hash: string, limits: EngineLimits): Promise<C> | undefined {
    const key = moduleKey(hash, limits);
    const known = this.#cache.get(key);
    if (known !== undefined) {
      this.stats.hits++;
      return Promise.resolve(known);
    }
    const make = this.#again(hash, limits, this.#artefacts);
    if (make === undefined) return undefined;
    return this.#fetch(key, make);
  }

  /**
   * Compiles bytes. `expected`: their SHA-256 in hex, or empty.
   * @throws ModuleError MODULE_HASH_MISMATCH and those of `compile`
   */
  async checked(
    bytes: Uint8Array,
    expected: string,
    limits: EngineLimits,
    plugs: readonly Plug[] = [],
  ): Promise<C> {
    if (expected !== '') {
      const actual = sha256(bytes);
      if (actual !== expected.toLowerCase()) {
        throw new ModuleError(
          'MODULE_HASH_MISMATCH',
          `the module's sha256 is ${actual}, the configuration demands ${expected}`,
        );
      }
    }
    return this.get(bytes, limits, plugs);
  }
}
