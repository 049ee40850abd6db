import type { FilterConfig } from '../config/types.ts';
import type { WeirError } from '../errors.ts';
import type { Log } from '../log.ts';
import { BrokenPlugin } from '../plugin/broken-plugin.ts';
import type { CompiledFilter } from '../plugin/compile.ts';
import type { RegisteredPlugin, VmRegistry } from '../plugin/registry.ts';
import type { LoadedPlugin } from '../plugin/types.ts';
import type { FilterModules } from './filter-modules.ts';
import { placed } from './start-error.ts';

/** What filters are loaded with. */
export interface Loader {
  readonly modules: FilterModules;
  readonly registry: VmRegistry;
  readonly log: Log;
}

/** A configured filter, loaded or not: loads it when it is wanted, and again when it was evicted. */
export class FilterSource {
  readonly config: FilterConfig;
  readonly #loader: Loader;
  #plugin: RegisteredPlugin | undefined;
  #broken: BrokenPlugin | undefined;
  #loading: Promise<LoadedPlugin> | undefined;
  #closed = false;
  /** Milliseconds that reading and compiling took last, and starting after that. */
  readonly times = { load: 0, start: 0 };

  constructor(config: FilterConfig, loader: Loader) {
    this.config = config;
    this.#loader = loader;
  }

  /** The plugin, if one is there that takes streams. */
  get plugin(): RegisteredPlugin | undefined {
    return this.#plugin?.retired === false ? this.#plugin : undefined;
  }

  /** It is used: others are evicted before it. */
  touch(): void {
    if (this.#plugin === undefined) return;
    this.#loader.modules.touch(this.#plugin.compiled);
    this.#loader.registry.touch(this.#plugin);
  }

  /** Compiles the module. @throws ModuleError */
  async compile(): Promise<CompiledFilter> {
    const begun = performance.now();
    const compiled = await this.#loader.modules.compile(this.config);
    this.times.load = performance.now() - begun;
    return compiled;
  }

  /** Starts the plugin on the compiled module. @throws ModuleError, PluginError, GuestError */
  start(compiled: CompiledFilter): LoadedPlugin {
    const { modules, registry } = this.#loader;
    const begun = performance.now();
    this.#plugin = registry.start(compiled, this.config);
    this.times.start = performance.now() - begun;
    registry.state(this.config).used = () => this.touch();
    // Others pushed the module out while it was waiting to be started.
    if (!modules.touch(compiled) && !this.#plugin.worksAlone) this.#plugin.retire();
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
    const { modules, registry } = this.#loader;
    // What this pushes out must not be what works between its ticks.
    for (const plugin of registry.workingAlone()) {
      modules.touch(plugin.compiled);
      registry.touch(plugin);
    }
    try {
      const plugin = this.start(await this.compile());
      if (this.#closed) this.close();
      this.#loader.log.debug({ filter: this.config.name }, 'filter loaded');
      return plugin;
    } catch (error) {
      const { message } = placed(this.config, error);
      this.#loader.log.error({ filter: this.config.name, code: (error as WeirError).code }, message);
      const { counters, backOff } = registry.state(this.config);
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
