import type { Guest } from '../abi/guest.ts';
import type { Host } from '../abi/host.ts';
import type { Linkage } from '../abi/link.ts';
import { type AbiVersion, Status } from '../abi/types.ts';
import type { CompiledModule } from '../engine/compile.ts';
import { type Memories, makeMemories, RefusedGrowths } from '../engine/instantiate.ts';
import type { Interrupter } from '../engine/interrupt/interrupter.ts';
import { GuestMemory } from '../engine/memory.ts';
import { GuestError } from '../errors.ts';
import { LineBuffer } from '../wasi/stdio.ts';
import { type Callbacks, callbacksOf, type GuestFunction } from './callbacks.ts';
import type { Context } from './context.ts';
import { Exit, guarded, guestError } from './death.ts';
import { StartContext } from './start-context.ts';
import type { PluginState } from './state.ts';

/** What a VM is made from; plugins with equal specs share one. */
export interface VmSpec {
  readonly compiled: CompiledModule;
  readonly linkage: Linkage;
  readonly vmId: string;
  readonly vmConfig: Buffer;
  /** `NAME=value` with a NUL after it, each. */
  readonly environment: readonly Buffer[];
}

/** What hostcalls see of a module that defines no memory: no pointer is good. */
const NO_MEMORY = new GuestMemory(new WebAssembly.Memory({ initial: 0, maximum: 0 }));
const PAGE = 65_536;
const INFO = 2;
const ERROR = 4;

/**
 * One instance of a module and the contexts that live in it. Calls into the guest go through `call`. After a
 * trap, an exit or a fault of ours the VM is dead: memory is in an unknown state, and no call enters it again.
 */
export class Vm implements Guest {
  readonly abi: AbiVersion;
  readonly spec: VmSpec;
  memory: GuestMemory;
  readonly environment: readonly Buffer[];
  readonly callbacks: Callbacks;
  /** The effective context of the callback that is running. */
  host: Host;
  /** Contexts by id, those that wait for proxy_done too. */
  readonly contexts = new Map<number, Context>();
  /** Why the VM is dead; undefined while it lives. */
  death: GuestError | undefined;
  /** When it died, by `performance.now`. */
  diedAt = 0;
  /** The last line the guest logged as an error: why it refused to start, most often. */
  lastError = '';

  readonly #interrupter: Interrupter;
  readonly #memories: Memories;
  readonly #refused: RefusedGrowths;
  readonly #allocate: GuestFunction;
  readonly #stdout: LineBuffer;
  readonly #stderr: LineBuffer;
  #stdioUsed = false;
  /** What left a hostcall as an exception: a guest that can catch must not outlive it. */
  #thrown: unknown;
  #nextId = 1;

  /**
   * Instantiates the module and runs its start functions (specification, "Integration"), each within
   * `limits.startTime`.
   * @throws GuestError when that fails; ModuleError when there is no room for its memory
   */
  constructor(spec: VmSpec, state: PluginState, interrupter: Interrupter) {
    this.spec = spec;
    this.abi = spec.linkage.abi;
    this.environment = spec.environment;
    this.#interrupter = interrupter;
    const starting = new StartContext(0, state);
    this.host = starting;
    this.#stdout = new LineBuffer(line => this.host.log(INFO, line));
    this.#stderr = new LineBuffer(line => this.host.log(ERROR, line));

    this.#refused = new RefusedGrowths(interrupter.memory);
    this.#memories = makeMemories(spec.compiled, interrupter.memory);
    const [memory] = this.#memories.own;
    this.memory = memory === undefined ? NO_MEMORY : new GuestMemory(memory);
    const imports: Record<string, WebAssembly.ModuleImports> = { ...this.#memories.imports };
    const catches = spec.compiled.facts.catches;
    for (const { module, name, make } of spec.linkage.imports) {
      const hostcall = make(this);
      imports[module] ??= {};
      imports[module][name] = (catches ? guarded(hostcall, this) : hostcall) as WebAssembly.ImportValue;
    }
    const exports = this.#instantiate(starting, imports);
    const exported = exports['memory'] as WebAssembly.Memory;
    if (exported !== memory) this.memory = new GuestMemory(exported);
    this.#allocate = exports[spec.linkage.allocator] as GuestFunction;
    this.callbacks = callbacksOf(exports);
    for (const start of spec.linkage.start) this.#start(starting, start, exports[start] as GuestFunction);
  }

  /** A start section runs in here. */
  #instantiate(context: Context, imports: WebAssembly.Imports): WebAssembly.Exports {
    const { module } = this.spec.compiled;
    let exports: WebAssembly.Exports = {};
    const run = () => {
      exports = new WebAssembly.Instance(module, imports).exports;
      return 0;
    };
    this.call(context, 'instantiation', run, 0, 0, 0);
    return exports;
  }

  #start(context: Context, name: string, fn: GuestFunction): void {
    try {
      this.call(context, name, fn, 0, 0, 0);
    } catch (error) {
      // A WASI command may end its `_start` by exit(0): it is then set up and can be called.
      if (name !== '_start' || !(this.#thrown instanceof Exit) || this.#thrown.status !== 0) throw error;
      this.#thrown = undefined;
      this.death = undefined;
      context.state.counters.exits--;
    }
  }

  /** A context id nobody has. */
  nextId(): number {
    let id = this.#nextId;
    while (id === 0 || this.contexts.has(id)) id = (id + 1) >>> 0;
    this.#nextId = (id + 1) >>> 0;
    return id;
  }

  /**
   * Calls an export with `context` as the current one; what stood there before is put back after, so that entry
   * nests. Returns its result as a number (undefined for none).
   * @throws GuestError when the VM is dead or dies of it
   */
  call(context: Context, callback: string, fn: GuestFunction, a: number, b: number, c: number): number {
    if (this.death !== undefined) {
      const { code, message } = this.death;
      const text = `its VM ended before this (${message})`;
      throw new GuestError(code, context.name, callback, text, { cause: this.death });
    }
    const interrupter = this.#interrupter;
    interrupter.enter(context.callTime);
    const outer = this.host;
    this.host = context;
    let inside = true;
    try {
      const result = fn(a, b, c);
      inside = false;
      interrupter.leave();
      if (this.#thrown !== undefined) throw this.#thrown;
      return result;
    } catch (error) {
      // An exit that the guest caught, and then it looped: the exit came first.
      throw this.#kill(this.#thrown ?? error, context, callback, inside && interrupter.leave());
    } finally {
      const refused = this.#refused.take();
      if (refused !== 0) context.state.counters.limitHits.memory += refused;
      if (this.#stdioUsed) this.#flushStdio();
      this.host = outer;
    }
  }

  /** An exception leaves a hostcall; whatever the guest does with it, it is the end of this VM. */
  threw(error: unknown): void {
    this.#thrown ??= error;
  }

  /** What left a hostcall before: the guest went on as if nothing had happened. */
  get thrown(): unknown {
    return this.#thrown;
  }

  #kill(error: unknown, context: Context, callback: string, interrupted: boolean): GuestError {
    if (error instanceof GuestError) return error;
    const effective = this.host;
    const death = guestError(error, context, callback, interrupted, this.#memoryFull);
    this.death = death;
    this.diedAt = performance.now();
    // Streams that are stopped in this VM fail now, and not when their time is up; nobody is called from in here.
    queueMicrotask(() => {
      // A command that exited and lives on.
      if (this.death !== death) return;
      const contexts = [...this.contexts.values()];
      this.contexts.clear();
      for (const context of contexts) {
        // What the last hostcall left half done is in the context it acted on.
        context.vmDied(death, context === effective ? death.hostState : 'whole');
      }
    });
    return death;
  }

  get #memoryFull(): boolean {
    const { memories } = this.spec.compiled.facts;
    return memories.some((m, i) => this.#memories.own[i]!.buffer.byteLength >= m.maximum * PAGE);
  }

  /** Bytes of linear memory, now. */
  get memorySize(): number {
    return this.#memories.own.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
  }

  #flushStdio(): void {
    this.#stdioUsed = false;
    this.#stdout.flush();
    this.#stderr.flush();
  }

  allocate(size: number): number {
    const address = this.#allocate(size, 0, 0) >>> 0;
    return address !== 0 && this.memory.has(address, size) ? address : 0;
  }

  setEffectiveContext(id: number): Status {
    const context = this.contexts.get(id);
    if (context === undefined) return Status.BAD_ARGUMENT;
    this.host = context;
    return Status.OK;
  }

  writeStdio(fd: 1 | 2, bytes: Buffer): void {
    this.#stdioUsed = true;
    if (fd === 1) this.#stdout.write(bytes);
    else this.#stderr.write(bytes);
  }

  exit(code: number): never {
    this.#thrown = new Exit(code);
    throw this.#thrown;
  }
}
