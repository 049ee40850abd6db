import type { FilterConfig } from '../config/types.ts';
import { type ModuleCache, type Plug, readModule } from '../engine/cache.ts';
import { ModuleError, type WeirError } from '../errors.ts';
import type { Log } from '../log.ts';
import { BrokenPlugin } from '../plugin/broken-plugin.ts';
import type { CompiledFilter } from '../plugin/compile.ts';
import type { RegisteredPlugin, VmRegistry } from '../plugin/registry.ts';
import type { LoadedPlugin } from '../plugin/types.ts';
import { placed } from './start-error.ts';

/** What filters are loaded with. */
export interface Loader {
  readonly cache: ModuleCache<CompiledFilter>;
  readonly registry: VmRegistry;
  readonly log: Log;
}

/** A configured filter, loaded or not: loads it when it is wanted, and again when it was evicted. */
export class FilterSource {
  readonly config: FilterConfig;
  readonly #loader: Loader;
  readonly #bytes: Uint8Array | undefined;
  #plugin: RegisteredPlugin | undefined;
  #broken: BrokenPlugin | undefined;
  #loading: Promise<LoadedPlugin> | undefined;
  #closed = false;
  /** Milliseconds that reading and compiling took last, and starting after that. */
  readonly times = { load: 0, start: 0 };
  /** SHA-256 of the bytes it was first made of: other ones need a restart. */
  #sha256: string;
  /** Of what it was first made of, plugs included; empty until then. */
  #key = '';

  /** `bytes`: the module, when it is not to be read from its file. */
  constructor(config: FilterConfig, loader: Loader, bytes: Uint8Array | undefined) {
    this.config = config;
    this.#loader = loader;
    this.#bytes = bytes;
    this.#sha256 = config.sha256;
  }

  /** The plugin, if one is there that takes streams. */
  get plugin(): RegisteredPlugin | undefined {
    return this.#plugin?.retired === false ? this.#plugin : undefined;
  }

  /** It is used: others are evicted before it. */
  touch(): void {
    if (this.#plugin === undefined) return;
    this.#loader.cache.touch(this.#plugin.compiled);
    this.#loader.registry.touch(this.#plugin);
  }

  /** Compiles the module. @throws ModuleError */
  async compile(): Promise<CompiledFilter> {
    const begun = performance.now();
    const { limits, plugs: named } = this.config;
    const plugs = await Promise.all(
      named.map(async plug => ({
        name: plug.moduleText,
        bytes: await readModule(plug.module, limits.moduleSize),
      })),
    );
    const compiled = await this.#compiled(plugs);
    this.times.load = performance.now() - begun;
    if (this.#key === '' || this.#key === compiled.key) return compiled;
    const names = named.map(plug => plug.module).join(', ');
    throw changed(named.length === 1 ? names : `one of its plugs (${names})`);
  }

  async #compiled(plugs: readonly Plug[]): Promise<CompiledFilter> {
    const { module, limits, sha256 } = this.config;
    const { cache } = this.#loader;
    try {
      // Only what was loaded from its own file before: another filter's bytes say nothing about that.
      const kept = this.#key === '' || plugs.length > 0 ? undefined : cache.again(this.#sha256, limits);
      if (kept !== undefined) return await kept;
      return await (this.#bytes === undefined
        ? cache.load(module, this.#sha256, limits, plugs)
        : cache.checked(this.#bytes, this.#sha256, limits, plugs));
    } catch (error) {
      const isChanged =
        error instanceof ModuleError && error.code === 'MODULE_HASH_MISMATCH' && sha256 === '';
      throw isChanged ? changed(module) : error;
    }
  }

  /** Starts the plugin on the compiled module. @throws ModuleError, PluginError, GuestError */
  start(compiled: CompiledFilter): LoadedPlugin {
    this.#sha256 = compiled.sha256;
    this.#key = compiled.key;
    const { cache, registry } = this.#loader;
    const begun = performance.now();
    this.#plugin = registry.start(compiled, this.config);
    this.times.start = performance.now() - begun;
    registry.state(this.config).used = () => this.touch();
    // Others pushed the module out while it was waiting to be started.
    if (!cache.touch(compiled)) this.#plugin.retire();
    return this.#plugin;
  }

  /**
   * The plugin, loaded if it has to be. Never rejects: one that can't be loaded is one that fails its streams, until
   * it is time to try again.
   */
  load(): Promise<LoadedPlugin> {
    if (this.plugin !== undefined) return Promise.resolve(this.plugin);
    if (this.#broken !== undefined && !this.#broken.retired) return Promise.resolve(this.#broken);
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(): Promise<LoadedPlugin> {
    try {
      const plugin = this.start(await this.compile());
      if (this.#closed) this.close();
      this.#loader.log.debug({ filter: this.config.name }, 'filter loaded');
      return plugin;
    } catch (error) {
      const { message } = placed(this.config, error);
      this.#loader.log.error({ filter: this.config.name, code: (error as WeirError).code }, message);
      const { counters, backOff } = this.#loader.registry.state(this.config);
      backOff.failed();
      counters.startFailures++;
      this.#broken = new BrokenPlugin(this.config, counters, message, performance.now() + backOff.wait());
      return this.#broken;
    }
  }

  close(): void {
    this.#closed = true;
    this.#plugin?.close();
    this.#plugin = undefined;
  }
}

function changed(what: string): ModuleError {
  return new ModuleError(
    'MODULE_HASH_MISMATCH',
    `${what} was changed since it was first loaded: restart Weir`,
  );
}
