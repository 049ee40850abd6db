import type { Guest, Hostcall } from '../abi/guest.ts';
import type { Linkage } from '../abi/link.ts';
import { type AbiVersion, Status } from '../abi/types.ts';
import type { Capabilities } from '../config/types.ts';
import { type CompiledModule, sha256 } from '../engine/compile.ts';
import { type Memories, makeMemories } from '../engine/instantiate.ts';
import type { Interrupter } from '../engine/interrupt/interrupter.ts';
import { GuestMemory, NO_MEMORY } from '../engine/memory.ts';
import { SpareMemories } from '../engine/spare-memories.ts';
import { type Callbacks, callbacksOf, type GuestFunction, phasesOf, tcpPhasesOf } from './callbacks.ts';
import { grantedEnv } from './capabilities.ts';
import { guarded } from './death.ts';
import type { PluginState } from './state.ts';
import type { TcpPhases } from './tcp.ts';
import type { Phases } from './types.ts';
import { Vm, type VmSpec } from './vm.ts';

/** What the VMs of a Proxy-Wasm module are made from. */
export class ModuleSpec implements VmSpec {
  readonly compiled: CompiledModule;
  readonly linkage: Linkage;
  readonly key: string;
  readonly phases: Phases;
  readonly warm = new Set<string>();
  readonly tcp: TcpPhases;
  readonly vmConfig: Buffer;
  /** `NAME=value` with a NUL after it, each. */
  readonly environment: readonly Buffer[];
  /** Of VMs that ended: where each stream has one of its own. No plugin has another's. */
  readonly spare: SpareMemories | undefined;
  /** Names of what the filter may not call, and isn't called with. */
  readonly denied: { readonly hostcalls: readonly string[]; readonly callbacks: readonly string[] };

  constructor(
    compiled: CompiledModule,
    linkage: Linkage,
    options: {
      readonly vmId: string;
      readonly vmConfig: Buffer;
      readonly env: Readonly<Record<string, string>>;
      readonly capabilities: Capabilities;
      readonly isolation: 'shared' | 'request';
    },
  ) {
    const { vmId, vmConfig, capabilities } = options;
    const env = grantedEnv(options.env, capabilities.env);
    this.denied = { hostcalls: capabilities.hostcalls.deny, callbacks: capabilities.callbacks.deny };
    this.compiled = compiled;
    this.linkage = linkage;
    this.key = JSON.stringify([compiled.key, vmId, sha256(vmConfig), env, capabilities]);
    this.phases = phasesOf(linkage.callbacks, linkage.changesBodies, this.denied.callbacks);
    this.tcp = tcpPhasesOf(linkage.callbacks, this.denied.callbacks);
    this.vmConfig = vmConfig;
    this.spare = options.isolation === 'request' ? new SpareMemories(compiled) : undefined;
    this.environment = Object.entries(env).map(([name, value]) => Buffer.from(`${name}=${value}\0`));
  }

  make(state: PluginState, interrupter: Interrupter): Vm {
    return new ModuleVm(this, state, interrupter);
  }
}

/** An instance of a Proxy-Wasm module. */
export class ModuleVm extends Vm implements Guest {
  readonly abi: AbiVersion;
  memory: GuestMemory;
  readonly environment: readonly Buffer[];
  readonly callbacks: Callbacks;
  readonly #allocate: GuestFunction;
  readonly #spare: SpareMemories | undefined;

  /**
   * Instantiates the module and runs its start functions (specification, "Integration"), each within
   * `limits.startTime`.
   * @throws GuestError when that fails; ModuleError when there is no room for its memory
   */
  constructor(spec: ModuleSpec, state: PluginState, interrupter: Interrupter) {
    super(spec, state, interrupter);
    const { compiled, linkage } = spec;
    this.abi = linkage.abi;
    this.#spare = spec.spare;
    this.environment = spec.environment;
    const memories: Memories = makeMemories(compiled, interrupter.memory, spec.spare);
    this.memories.push(memories);
    const [memory] = memories.own;
    this.memory = memory === undefined ? NO_MEMORY : new GuestMemory(memory);
    const imports: Record<string, WebAssembly.ModuleImports> = { ...memories.imports };
    const catches = compiled.facts.catches;
    for (const { module, name, make } of linkage.imports) {
      const hostcall = spec.denied.hostcalls.includes(name) ? this.#denied(name) : make(this);
      imports[module] ??= {};
      imports[module][name] = (catches ? guarded(hostcall, this) : hostcall) as WebAssembly.ImportValue;
    }
    const exports = this.#instantiate(compiled.module, imports);
    const exported = exports['memory'] as WebAssembly.Memory;
    if (exported !== memory) this.memory = new GuestMemory(exported);
    this.#allocate = exports[linkage.allocator] as GuestFunction;
    this.callbacks = callbacksOf(exports, spec.denied.callbacks);
    for (const start of linkage.start) this.#start(start, exports[start] as GuestFunction);
  }

  /** What stands for a hostcall that the filter was denied, as in Envoy. */
  #denied(name: string): Hostcall {
    const { state } = this.starting;
    const text = `the hostcall ${name}`;
    return () => {
      state.denied(text, `capabilities.hostcalls.deny without ${name}`);
      return Status.INTERNAL_FAILURE;
    };
  }

  /** A start section runs in here. */
  #instantiate(module: WebAssembly.Module, imports: WebAssembly.Imports): WebAssembly.Exports {
    let exports: WebAssembly.Exports = {};
    const run = () => {
      exports = new WebAssembly.Instance(module, imports).exports;
      return 0;
    };
    this.call(this.starting, 'instantiation', run, 0, 0, 0);
    return exports;
  }

  #start(name: string, fn: GuestFunction): void {
    try {
      this.call(this.starting, name, fn, 0, 0, 0);
    } catch (error) {
      if (name !== '_start' || !this.forgiveExit()) throw error;
      this.starting.state.counters.exits--;
    }
  }

  /** With `isolation: request` its memory is used again, unless it died: then nobody knows what still runs in it. */
  override end(): void {
    const spare = this.#spare;
    if (spare === undefined || !this.closeForCalls()) return;
    const own = this.memories.flatMap(memories => memories.own);
    // Of a call that is on the stack now nothing is left by then.
    setImmediate(() => {
      if (this.death !== undefined) return;
      this.memory = NO_MEMORY;
      this.memories.length = 0;
      spare.give(own);
    }).unref();
  }

  allocate(size: number): number {
    const address = this.#allocate(size, 0, 0) >>> 0;
    return address !== 0 && this.memory.has(address, size) ? address : 0;
  }
}
