import { LRUCache } from 'lru-cache';
import type { HostcallTable } from '../abi/guest.ts';
import { type Linkage, link } from '../abi/link.ts';
import type { CompiledCode, CompiledModule } from '../engine/compile.ts';
import type { Interrupter } from '../engine/interrupt/interrupter.ts';
import type { Log } from '../log.ts';
import { WASI_PREVIEW1 } from '../wasi/index.ts';
import { WASI_TYPES } from '../wasi/signatures.ts';
import { checkDenied, checkModuleGrants } from './capabilities.ts';
import type { CompiledFilter } from './compile.ts';
import type { FilterCounters } from './counters.ts';
import { ModuleSpec } from './module-vm.ts';
import { NO_SERVICES } from './no-services.ts';
import type { PluginOptions, ProxyWasmPlugin } from './plugin.ts';
import { RequestPlugin } from './request-plugin.ts';
import type { Services } from './services.ts';
import { SharedPlugin } from './shared-plugin.ts';
import { PluginState } from './state.ts';
import type { LoadedPlugin } from './types.ts';
import type { VmSpec } from './vm.ts';
import { VmSlot } from './vm-slot.ts';

export interface VmRegistryOptions {
  readonly log: Log;
  readonly interrupter: Interrupter;
  /** Shared VMs kept at the most; least recently used ones end when their streams have. Default: 256. */
  readonly maxVms?: number;
  /** What modules may import beside the hostcalls of `env`. Default: WASI preview 1. */
  readonly wasi?: HostcallTable;
  /** False: no component's calls go past jco's glue: what is measured and tested against. Default: true. */
  readonly straight?: boolean;
  /** What filters reach beyond their streams. Default: nothing. */
  readonly services?: Services;
}

/** A plugin that a registry keeps. */
export interface RegisteredPlugin extends LoadedPlugin {
  /** What it is made of; with its key. */
  readonly compiled: CompiledCode;
  readonly counters: FilterCounters;
  /** Undefined: it shares its VMs with no other. */
  readonly vmSlot: VmSlot | undefined;
  /** Called once, when it has ended. */
  onEnd: (() => void) | undefined;
  /** Starts for the first time. @throws GuestError, PluginError, ModuleError */
  start(): void;
  /** It takes no new streams and ends with the last that it has. */
  retire(): void;
  /** Lets the guest end its root context: proxy_on_done. `close` follows. */
  finish(): void;
  /** The guest is not done yet. */
  readonly finishing: boolean;
  /** VMs that wait for streams or are shared by them: for metrics. */
  vms(): readonly Usage[];
  /** It has ticks or queues: were it evicted, no stream would bring it back. */
  readonly worksAlone: boolean;
}

/** What a VM takes. */
export interface Usage {
  /** Bytes of linear memory, now. */
  readonly memorySize: number;
}

/** The plugins of a thread and their VMs: plugins whose VM is the same share it, as in Envoy. */
export class VmRegistry {
  readonly #slots: LRUCache<string, VmSlot>;
  readonly #keys = new WeakMap<VmSlot, string>();
  readonly #linkages = new WeakMap<CompiledModule, Linkage>();
  /** Counters and the like outlive the VMs of a filter: by its name. */
  readonly #states = new Map<string, PluginState>();
  readonly #plugins = new Set<RegisteredPlugin>();
  readonly #log: Log;
  readonly #interrupter: Interrupter;
  readonly #wasi: HostcallTable;
  readonly #straight: boolean;
  readonly #services: Services;

  constructor(options: VmRegistryOptions) {
    const { log, interrupter, maxVms = 256, wasi = WASI_PREVIEW1, straight = true } = options;
    this.#services = options.services ?? NO_SERVICES;
    this.#log = log;
    this.#interrupter = interrupter;
    this.#wasi = wasi;
    this.#straight = straight;
    this.#slots = new LRUCache<string, VmSlot>({
      max: maxVms,
      disposeAfter: (slot, _key, reason) => {
        if (reason === 'evict') this.#retire(plugin => plugin.vmSlot === slot);
      },
    });
  }

  /** By filter name, for metrics. */
  get states(): ReadonlyMap<string, PluginState> {
    return this.#states;
  }

  /**
   * Links a module, starts its VM (or takes the one that is there) and the plugin on it.
   * @throws ModuleError when the module is no filter; PluginError or GuestError when it doesn't start
   */
  start(compiled: CompiledModule, options: PluginOptions): ProxyWasmPlugin;
  start(compiled: CompiledFilter, options: PluginOptions): RegisteredPlugin;
  start(compiled: CompiledFilter, options: PluginOptions): RegisteredPlugin {
    const plugin = this.#plugin(compiled, options);
    plugin.onEnd = () => this.#plugins.delete(plugin);
    this.#plugins.add(plugin);
    try {
      plugin.start();
    } catch (error) {
      plugin.close();
      throw error;
    }
    return plugin;
  }

  /** @throws ModuleError */
  #plugin(compiled: CompiledFilter, options: PluginOptions): RegisteredPlugin {
    const state = this.state(options);
    if ('host' in compiled && compiled.world.kind === 'http') {
      return compiled.host.handler(compiled, options, state, this.#interrupter, this.#services.upstreams);
    }
    const spec = this.#spec(compiled, options);
    if (options.isolation === 'request') {
      return new RequestPlugin(new VmSlot(spec, this.#interrupter), options, state);
    }
    const { key } = spec;
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = new VmSlot(spec, this.#interrupter, () => {
        if (this.#slots.peek(key) === slot) this.#slots.delete(key);
      });
      this.#slots.set(key, slot);
      this.#keys.set(slot, key);
    }
    return new SharedPlugin(slot, options, state);
  }

  /** @throws ModuleError */
  #spec(compiled: CompiledFilter, options: PluginOptions): VmSpec {
    checkDenied(options.capabilities);
    if ('host' in compiled) return compiled.host.spec(compiled, options, this.#straight);
    checkModuleGrants(options.capabilities);
    let linkage = this.#linkages.get(compiled);
    if (linkage === undefined) {
      linkage = link(compiled, { table: this.#wasi, types: WASI_TYPES });
      this.#linkages.set(compiled, linkage);
    }
    return new ModuleSpec(compiled, linkage, options);
  }

  /** What outlives the VMs of a filter. */
  state(options: PluginOptions): PluginState {
    let state = this.#states.get(options.name);
    if (state === undefined) {
      state = new PluginState(options, this.#log, this.#services);
      this.#states.set(options.name, state);
    }
    return state;
  }

  /** Plugins made of that module end when their streams have; but for those that work alone. */
  evict(module: CompiledFilter): void {
    this.#retire(plugin => plugin.compiled.key === module.key);
  }

  /** The plugin's VM is in use: others end before it. */
  touch({ vmSlot }: RegisteredPlugin): void {
    const key = vmSlot && this.#keys.get(vmSlot);
    if (key !== undefined) this.#slots.get(key);
  }

  /** Those that have work of their own: others are to be evicted before them. */
  workingAlone(): readonly RegisteredPlugin[] {
    return [...this.#plugins].filter(plugin => plugin.worksAlone);
  }

  /** A number from the VMs of each filter that has any: for metrics. */
  *usage(read: (vms: readonly Usage[]) => number): Iterable<[labels: [filter: string], value: number]> {
    for (const plugin of this.#plugins) yield [[plugin.name], read(plugin.vms())];
  }

  #retire(which: (plugin: RegisteredPlugin) => boolean): void {
    for (const plugin of [...this.#plugins]) if (which(plugin) && !plugin.worksAlone) plugin.retire();
  }
}
