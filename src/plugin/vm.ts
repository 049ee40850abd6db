import type { Host } from '../abi/host.ts';
import { Status } from '../abi/types.ts';
import type { CompiledCode } from '../engine/compile.ts';
import { type Memories, RefusedGrowths } from '../engine/instantiate.ts';
import type { Interrupter } from '../engine/interrupt/interrupter.ts';
import { GuestError } from '../errors.ts';
import { LineBuffer } from '../wasi/stdio.ts';
import type { Callbacks, GuestFunction } from './callbacks.ts';
import type { PendingCall } from './calls.ts';
import type { Context } from './context.ts';
import { TIMED } from './counters.ts';
import { Exit, guestError } from './death.ts';
import { IdTable } from './id-table.ts';
import { MetricTable } from './metric-table.ts';
import { StartContext } from './start-context.ts';
import type { PluginState } from './state.ts';
import type { TcpPhases } from './tcp.ts';
import type { Phases } from './types.ts';

/** What VMs are made from; plugins with equal specs share one. */
export interface VmSpec {
  readonly compiled: CompiledCode;
  /** Tells VMs of the same code apart: what else goes into one. */
  readonly key: string;
  readonly phases: Phases;
  /** Undefined: it knows no TCP streams. */
  readonly tcp?: TcpPhases;
  readonly vmConfig: Buffer;
  /** Callbacks that were called once, in any VM. */
  readonly warm: Set<string>;
  /** @throws GuestError when its start functions fail; ModuleError when there is no room for its memory */
  make(state: PluginState, interrupter: Interrupter): Vm;
}

const PAGE = 65_536;
/** How much more time the first call of each callback gets: V8 compiles then, up to 10 ms in a module made with Go. */
const COMPILING = 2;
/** Calls of a VM among which first ones are looked for. */
const COLD_CALLS = 256;
const INFO = 2;
const ERROR = 4;

/**
 * One instance of a module or component and the contexts that live in it. Calls into the guest go through `call`.
 * After a trap, an exit or a fault of ours the VM is dead: memory is in an unknown state, and no call enters it again.
 */
export abstract class Vm {
  readonly spec: VmSpec;
  abstract readonly callbacks: Callbacks;
  /** The effective context of the callback that is running. */
  host: Host;
  /** Contexts by id, those that wait for proxy_done too. */
  readonly contexts = new IdTable<Context>();
  /** Calls under way, of all its root contexts. */
  readonly calls = new IdTable<PendingCall>();
  /** Why the VM is dead; undefined while it lives. */
  death: GuestError | undefined;
  /** When it died, by `performance.now`. */
  diedAt = 0;
  /** The last line the guest logged as an error: why it refused to start, most often. */
  lastError = '';

  /** What its guest has defined. */
  readonly metrics = new MetricTable();

  /** Why it refused to start, when it can say so; empty otherwise. */
  refusal = '';

  /** The memories of its core modules. */
  protected readonly memories: Memories[] = [];
  /** While it is being made. */
  protected readonly starting: Context;
  protected readonly interrupter: Interrupter;
  readonly #refused: RefusedGrowths;
  readonly #stdout: LineBuffer;
  readonly #stderr: LineBuffer;
  #stdioUsed = false;
  /** Its memory may be another's by now: no call enters it. */
  #closed = false;
  #coldCalls = COLD_CALLS;
  /** What left a hostcall as an exception: a guest that can catch must not outlive it. */
  #thrown: unknown;

  constructor(spec: VmSpec, state: PluginState, interrupter: Interrupter) {
    this.spec = spec;
    this.interrupter = interrupter;
    this.starting = new StartContext(0, state);
    this.host = this.starting;
    this.#stdout = new LineBuffer(line => this.host.log(INFO, line));
    this.#stderr = new LineBuffer(line => this.host.log(ERROR, line));
    this.#refused = new RefusedGrowths(interrupter.memory);
  }

  /** A WASI command may end its `_start` by exit(0): it is then set up and can be called. */
  protected forgiveExit(): boolean {
    if (!(this.#thrown instanceof Exit) || this.#thrown.status !== 0) return false;
    this.#thrown = undefined;
    this.death = undefined;
    return true;
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
    if (this.#closed)
      throw new GuestError('GUEST_EXIT', context.name, callback, 'its VM was closed before this');
    const interrupter = this.interrupter;
    interrupter.enter(this.#coldCalls === 0 ? context.callTime : this.#coldBudget(context, callback));
    const { counters } = context.state;
    const timed = --counters.untilTimed === 0;
    const begun = timed ? performance.now() : 0;
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
      if (timed) {
        counters.untilTimed += TIMED;
        counters.times.observe(performance.now() - begun);
      }
      const refused = this.#refused.take();
      if (refused !== 0) counters.limitHits.memory += refused;
      if (this.#stdioUsed) this.#flushStdio();
      this.host = outer;
    }
  }

  /** Of a call that may be the first of its kind: V8 compiles functions when they are first called. */
  #coldBudget({ callTime }: Context, callback: string): number {
    this.#coldCalls--;
    const { warm } = this.spec;
    if (warm.has(callback)) return callTime;
    warm.add(callback);
    return callTime * COMPILING;
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
      for (const context of this.contexts.takeAll()) {
        // What the last hostcall left half done is in the context it acted on.
        context.vmDied(death, context === effective ? death.hostState : 'whole');
      }
      this.end();
    });
    return death;
  }

  /** It will not be called again: what it holds of the host goes. Calls after the first do nothing. */
  end(): void {}

  /** From here on no call enters it, whoever tries. False when that was so already. */
  protected closeForCalls(): boolean {
    if (this.#closed || this.death !== undefined) return false;
    this.#closed = true;
    return true;
  }

  get #memoryFull(): boolean {
    return this.memories.some(({ own, maxima }) =>
      own.some((memory, i) => memory.buffer.byteLength >= maxima[i]! * PAGE),
    );
  }

  /** Bytes of linear memory, now. */
  get memorySize(): number {
    let sum = 0;
    for (const { own } of this.memories) for (const memory of own) sum += memory.buffer.byteLength;
    return sum;
  }

  #flushStdio(): void {
    this.#stdioUsed = false;
    this.#stdout.flush();
    this.#stderr.flush();
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
