import type { Capabilities, FailurePolicy, FilterLimits, LimitName, RestartConfig } from '../config/types.ts';
import type { CompiledCode } from '../engine/compile.ts';
import { PluginError } from '../errors.ts';
import type { FilterCounters } from './counters.ts';
import { HttpContext } from './http-context.ts';
import type { RootContext } from './root-context.ts';
import type { PluginState } from './state.ts';
import type { TcpFilterContext, TcpPhases, TcpStream } from './tcp.ts';
import { TcpContext } from './tcp-context.ts';
import type { FilterContext, HttpStream, LoadedPlugin, Phases } from './types.ts';
import type { Vm } from './vm.ts';
import type { VmSlot } from './vm-slot.ts';

/** A filter's configuration, as far as its plugin goes. */
export interface PluginOptions {
  readonly name: string;
  readonly config: Buffer;
  readonly vmConfig: Buffer;
  readonly vmId: string;
  readonly rootId: string;
  readonly env: Readonly<Record<string, string>>;
  readonly allowOnHeadersStopIteration: boolean;
  readonly limits: FilterLimits;
  readonly onFailure: FailurePolicy;
  readonly restart: RestartConfig;
  readonly capabilities: Capabilities;
  readonly isolation: 'shared' | 'request';
  readonly pool: number;
}

/** What plugins with a shared VM and with one per request have in common: limits, failures, their end. */
export abstract class ProxyWasmPlugin implements LoadedPlugin {
  readonly name: string;
  readonly phases: Phases;
  readonly tcp: TcpPhases | undefined;
  readonly seenChanging: [boolean, boolean] = [false, false];
  readonly bufferedBody: number;
  readonly pauseTime: number;
  readonly failOpen: boolean;
  readonly counters: FilterCounters;
  protected readonly slot: VmSlot;
  protected readonly options: PluginOptions;
  protected readonly state: PluginState;
  /** Stream contexts that live. */
  #contexts = 0;
  #closed = false;
  /** It takes no new streams: whoever has it must get another. */
  retired = false;
  /** Called once, when it has ended. */
  onEnd: (() => void) | undefined;

  constructor(slot: VmSlot, options: PluginOptions, state: PluginState) {
    this.name = options.name;
    this.phases = slot.spec.phases;
    this.tcp = slot.spec.tcp;
    this.bufferedBody = options.limits.bufferedBody;
    this.pauseTime = options.limits.pauseTime;
    this.failOpen = options.onFailure === 'open';
    this.counters = state.counters;
    this.slot = slot;
    this.options = options;
    this.state = state;
    slot.take();
  }

  /** Starts for the first time. @throws GuestError, PluginError, ModuleError */
  abstract start(): void;

  /** A root context whose VM lives. @throws GuestError, PluginError while there is none */
  protected abstract root(): RootContext;

  /** Ends what it has started: root contexts and VMs. */
  protected abstract stop(): void;

  /** It has work to do without a stream: it must not be evicted, since no stream would bring it back. */
  abstract get worksAlone(): boolean;

  open(stream: HttpStream): FilterContext {
    return new HttpContext(this.#admit(), stream, this.options, this);
  }

  openTcp(stream: TcpStream): TcpFilterContext {
    return new TcpContext(this.#admit(), stream, this.options.isolation, this);
  }

  /** Counts a new stream. */
  #admit(): RootContext {
    const { counters, limits, waiting, down } = this.state;
    if (down) this.#refuse();
    if (counters.contexts >= limits.contexts) {
      counters.limitHits.contexts++;
      const [oldest] = waiting;
      if (oldest === undefined) {
        throw new PluginError(
          'PLUGIN_LIMIT',
          `filter ${this.name} has ${limits.contexts} contexts (limits.contexts)`,
        );
      }
      oldest.forceEnd();
    }
    if (this.#closed) {
      // It was evicted after the stream's chain was made: it comes back for this one.
      this.#closed = false;
      this.slot.take();
    }
    const root = this.root();
    this.#contexts++;
    counters.contexts++;
    return root;
  }

  contextGone(): void {
    this.counters.contexts--;
    if (--this.#contexts === 0 && this.retired) this.#end();
  }

  get vmSlot(): VmSlot {
    return this.slot;
  }

  get compiled(): CompiledCode {
    return this.slot.spec.compiled;
  }

  /** VMs that wait for streams or are shared by them: for metrics. */
  abstract vms(): readonly Vm[];

  skipped(): void {
    this.counters.skipped++;
  }

  hit(limit: LimitName): void {
    this.counters.limitHits[limit]++;
  }

  /** Makes what is to take the place of something that died. @throws GuestError, PluginError while it has to wait */
  protected restart<T>(make: () => T): T {
    if (this.mustWait) this.#refuse();
    try {
      return make();
    } catch (error) {
      this.counters.startFailures++;
      this.state.backOff.failed();
      throw error;
    }
  }

  /** `restart` would refuse. */
  protected get mustWait(): boolean {
    return this.state.down || this.state.backOff.wait() > 0;
  }

  #refuse(): never {
    this.counters.refused++;
    const { down, backOff } = this.state;
    const until = down
      ? 'its VM died and onFailure is closed'
      : `a new VM is tried in ${Math.ceil(backOff.wait())} ms`;
    throw new PluginError('PLUGIN_DOWN', `filter ${this.name} is down: ${until}`);
  }

  /** The VM died. With `onFailure: closed`, when it was in this filter's hands, a person has to look. */
  protected died(vm: Vm): void {
    this.state.backOff.failed(vm.diedAt);
    if (this.options.onFailure === 'closed' && vm.death?.filter === this.name) this.state.down = true;
  }

  /** It takes no new streams and ends with the last that it has. */
  retire(): void {
    this.retired = true;
    this.#endWaiting();
    if (this.#contexts === 0) this.#end();
  }

  /** Lets the guest end its root contexts. */
  abstract finish(): void;

  /** The guest has not called proxy_done yet. */
  abstract get finishing(): boolean;

  /** It ends now, whatever it still has. */
  close(): void {
    this.retired = true;
    this.#end();
  }

  /** Contexts that wait for proxy_done would keep it for ever. */
  #endWaiting(): void {
    for (const context of this.state.waiting) if (context.owner === this) context.forceEnd();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endWaiting();
    this.stop();
    this.slot.release();
    this.onEnd?.();
  }
}
