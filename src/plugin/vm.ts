import type { Guest } from '../abi/guest.ts';
import type { Host } from '../abi/host.ts';
import type { Linkage } from '../abi/link.ts';
import { type AbiVersion, Status } from '../abi/types.ts';
import { GuestMemory } from '../engine/memory.ts';
import { GuestError } from '../errors.ts';
import type { Log } from '../log.ts';
import { LineBuffer } from '../wasi/stdio.ts';
import { type Callbacks, callbacksOf, type GuestFunction } from './callbacks.ts';
import type { Context } from './context.ts';
import { StartContext } from './start-context.ts';

/** What a VM is made from; plugins with equal specs share one. */
export interface VmSpec {
  readonly module: WebAssembly.Module;
  readonly linkage: Linkage;
  readonly vmId: string;
  readonly vmConfig: Buffer;
  /** `NAME=value` with a NUL after it, each. */
  readonly environment: readonly Buffer[];
}

/** What hostcalls see while a start section runs and the real memory can't be reached: no pointer is good. */
const NO_MEMORY = new GuestMemory(new WebAssembly.Memory({ initial: 0, maximum: 0 }));
const INFO = 2;
const ERROR = 4;

/** Thrown through a guest by proc_exit. */
class Exit extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`proc_exit(${status})`);
    this.status = status;
  }
}

/**
 * One instance of a module and the contexts that live in it. Calls into the guest go through `call`. After a
 * trap, an exit or a fault of ours the VM is dead: memory is in an unknown state, and no call enters it again.
 */
export class Vm implements Guest {
  readonly abi: AbiVersion;
  readonly spec: VmSpec;
  readonly memory: GuestMemory;
  readonly environment: readonly Buffer[];
  readonly callbacks: Callbacks;
  /** The effective context of the callback that is running. */
  host: Host;
  /** Contexts by id, those that wait for proxy_done too. */
  readonly contexts = new Map<number, Context>();
  /** Why the VM is dead; undefined while it lives. */
  death: GuestError | undefined;
  /** The last line the guest logged as an error: why it refused to start, most often. */
  lastError = '';

  readonly #allocate: GuestFunction;
  readonly #stdout: LineBuffer;
  readonly #stderr: LineBuffer;
  #stdioUsed = false;
  #exit: Exit | undefined;
  #nextId = 1;

  /**
   * Instantiates the module and runs its start functions (specification, "Integration").
   * @throws GuestError when that fails
   */
  constructor(spec: VmSpec, name: string, log: Log) {
    this.spec = spec;
    this.abi = spec.linkage.abi;
    this.environment = spec.environment;
    const starting = new StartContext(0, name, log);
    this.host = starting;
    this.memory = NO_MEMORY;
    this.#stdout = new LineBuffer(line => this.host.log(INFO, line));
    this.#stderr = new LineBuffer(line => this.host.log(ERROR, line));

    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    for (const { module, name, make } of spec.linkage.imports) {
      imports[module] ??= {};
      imports[module][name] = make(this) as WebAssembly.ImportValue;
    }
    let exports: WebAssembly.Exports;
    try {
      exports = new WebAssembly.Instance(spec.module, imports).exports;
    } catch (error) {
      // A start section may have run and trapped; nothing of the instance is reachable.
      throw this.#kill(error, name, 'instantiation');
    }
    this.memory = new GuestMemory(exports['memory'] as WebAssembly.Memory);
    this.#allocate = exports[spec.linkage.allocator] as GuestFunction;
    this.callbacks = callbacksOf(exports);
    for (const start of spec.linkage.start) this.#start(starting, start, exports[start] as GuestFunction);
  }

  #start(context: Context, name: string, fn: GuestFunction): void {
    try {
      this.call(context, name, fn, 0, 0, 0);
    } catch (error) {
      // A WASI command may end its `_start` by exit(0): it is then set up and can be called.
      if (name !== '_start' || this.#exit?.status !== 0) throw error;
      this.#exit = undefined;
      this.death = undefined;
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
      throw new GuestError(code, context.name, callback, `its VM ended before this (${message})`);
    }
    const outer = this.host;
    this.host = context;
    try {
      const result = fn(a, b, c);
      // A guest with exception handling may have caught the exit on its way out.
      if (this.#exit !== undefined) throw this.#exit;
      return result;
    } catch (error) {
      throw this.#kill(error, context.name, callback);
    } finally {
      if (this.#stdioUsed) this.#flushStdio();
      this.host = outer;
    }
  }

  #kill(error: unknown, name: string, callback: string): GuestError {
    if (error instanceof GuestError) return error;
    const exit = error instanceof Exit;
    const what = error instanceof Error ? error.message : String(error);
    const trap = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
    const message = exit
      ? `the guest called ${what}`
      : trap
        ? `trap: ${what}`
        : `fault in a hostcall: ${what}`;
    this.death = new GuestError(exit ? 'GUEST_EXIT' : 'GUEST_TRAP', name, callback, message, {
      cause: error,
    });
    // Streams that are stopped in this VM fail now, and not when their time is up; nobody is called from in here.
    queueMicrotask(() => {
      const contexts = [...this.contexts.values()];
      this.contexts.clear();
      for (const context of contexts) context.vmDied(message);
    });
    return this.death;
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
    this.#exit = new Exit(code);
    throw this.#exit;
  }
}
