import type { HostcallTable } from '../abi/guest.ts';
import { type Linkage, link } from '../abi/link.ts';
import { type CompiledModule, sha256 } from '../engine/compile.ts';
import { PluginError } from '../errors.ts';
import type { Log } from '../log.ts';
import { WASI_PREVIEW1 } from '../wasi/index.ts';
import { phasesOf } from './callbacks.ts';
import { HttpContext } from './http-context.ts';
import { RootContext } from './root-context.ts';
import type { FilterContext, HttpStream, Phases, Plugin } from './types.ts';
import { Vm, type VmSpec } from './vm.ts';
import { reportGuestError } from './vm-context.ts';

/** A filter's configuration, as far as its plugin goes. */
export interface PluginOptions {
  readonly name: string;
  readonly config: Buffer;
  readonly vmConfig: Buffer;
  readonly vmId: string;
  readonly rootId: string;
  readonly env: Readonly<Record<string, string>>;
  readonly allowOnHeadersStopIteration: boolean;
  readonly limits: { readonly bufferedBody: number; readonly pauseTime: number };
}

/** After a VM died, a new one is tried at once, then ever less often: milliseconds, doubling up to the maximum. */
const RESTART_FIRST = 100;
const RESTART_MAX = 10_000;

/** When the next restart may be: the first at once. */
class BackOff {
  #delay = 0;
  #notBefore = 0;

  /** @throws PluginError while restarts are held back */
  next(name: string): void {
    const now = performance.now();
    if (now < this.#notBefore) {
      throw new PluginError('PLUGIN_START_FAILED', `the VM of filter ${name} died; a new one starts shortly`);
    }
    // What fails only now and then starts again at once each time.
    if (now > this.#notBefore + RESTART_MAX) this.#delay = 0;
    this.#delay = Math.min(RESTART_MAX, this.#delay === 0 ? RESTART_FIRST : this.#delay * 2);
    this.#notBefore = now + this.#delay;
  }
}

/** The VM that plugins of the same vm id, module, VM configuration and environment share; replaced when it dies. */
class VmSlot {
  readonly #spec: VmSpec;
  readonly #log: Log;
  #vm: Vm | undefined;
  readonly #backOff = new BackOff();

  constructor(spec: VmSpec, log: Log) {
    this.#spec = spec;
    this.#log = log;
  }

  /** The VM that lives. @throws GuestError, PluginError while restarts are held back */
  vm(name: string): Vm {
    if (this.#vm !== undefined && this.#vm.death === undefined) return this.#vm;
    if (this.#vm !== undefined) this.#backOff.next(name);
    this.#vm = new Vm(this.#spec, name, this.#log);
    return this.#vm;
  }
}

/** The VMs of a process: plugins whose VM is the same share it, as in Envoy. */
export class VmRegistry {
  readonly #slots = new Map<string, VmSlot>();
  readonly #linkages = new Map<string, Linkage>();
  readonly #log: Log;
  readonly #wasi: HostcallTable;

  /** `wasi`: what modules may import beside the hostcalls of `env`. */
  constructor(log: Log, wasi: HostcallTable = WASI_PREVIEW1) {
    this.#log = log;
    this.#wasi = wasi;
  }

  /**
   * Links a module, starts its VM (or takes the one that is there) and the plugin on it.
   * @throws ModuleError when the module is no filter; PluginError or GuestError when it doesn't start
   */
  start(compiled: CompiledModule, options: PluginOptions): Plugin {
    let linkage = this.#linkages.get(compiled.sha256);
    if (linkage === undefined) {
      linkage = link(compiled.module, this.#wasi);
      this.#linkages.set(compiled.sha256, linkage);
    }
    const environment = Object.entries(options.env).map(([name, value]) => Buffer.from(`${name}=${value}\0`));
    const key = JSON.stringify([compiled.sha256, options.vmId, sha256(options.vmConfig), options.env]);
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      const { vmId, vmConfig } = options;
      slot = new VmSlot({ module: compiled.module, linkage, vmId, vmConfig, environment }, this.#log);
      this.#slots.set(key, slot);
    }
    const plugin = new ProxyWasmPlugin(slot, linkage, options, this.#log);
    plugin.start();
    return plugin;
  }
}

/** A configured Proxy-Wasm module. */
class ProxyWasmPlugin implements Plugin {
  readonly name: string;
  readonly phases: Phases;
  readonly seenChanging: [boolean, boolean] = [false, false];
  readonly bufferedBody: number;
  readonly pauseTime: number;
  readonly #slot: VmSlot;
  readonly #options: PluginOptions;
  readonly #log: Log;
  readonly #backOff = new BackOff();
  #root: RootContext | undefined;

  constructor(slot: VmSlot, linkage: Linkage, options: PluginOptions, log: Log) {
    this.name = options.name;
    this.phases = phasesOf(linkage.callbacks, linkage.changesBodies);
    this.bufferedBody = options.limits.bufferedBody;
    this.pauseTime = options.limits.pauseTime;
    this.#slot = slot;
    this.#options = options;
    this.#log = log;
  }

  /** Creates the root context and lets the guest start and configure itself. @throws PluginError, GuestError */
  start(): RootContext {
    const vm = this.#slot.vm(this.name);
    vm.lastError = '';
    const root = new RootContext(vm, this.#options, this.#log);
    const started = root.start();
    if (!started || !root.configure(this.#options.config)) {
      const callback = started ? 'proxy_on_configure' : 'proxy_on_vm_start';
      // What a guest logs may have any characters; the error is one line.
      const logged = vm.lastError.replace(/\p{Cc}+/gu, ' ').trim();
      const reason = logged === '' ? 'it logged no reason' : `it logged: ${logged}`;
      vm.contexts.delete(root.id);
      throw new PluginError(
        started ? 'PLUGIN_CONFIGURE_FAILED' : 'PLUGIN_START_FAILED',
        `${callback} returned false: the filter refuses its configuration (${reason})`,
      );
    }
    this.#root = root;
    return root;
  }

  open(stream: HttpStream): FilterContext {
    let root = this.#root;
    if (root === undefined || root.vm.death !== undefined) root = this.#restart();
    return new HttpContext(root, stream, this.#options, this.#log);
  }

  #restart(): RootContext {
    // Of its own, too: a guest that refuses its configuration now would be asked again on every request.
    this.#backOff.next(this.name);
    const root = this.start();
    this.#log.warn({ filter: this.name }, 'started a new VM in place of one that died');
    return root;
  }

  close(): void {
    try {
      this.#root?.finish();
    } catch (error) {
      reportGuestError(this.#log, error);
    }
    this.#root = undefined;
  }
}
