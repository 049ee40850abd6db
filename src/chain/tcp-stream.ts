import type { PeerType } from '../abi/types.ts';
import { GuestError, type HostState, ModuleError, PluginError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { TcpInfo } from '../message/info.ts';
import { reportGuestError } from '../plugin/death.ts';
import { DOWNSTREAM, type Side, type TcpFilterContext, type TcpStream, UPSTREAM } from '../plugin/tcp.ts';
import type { Plugin } from '../plugin/types.ts';
import { Asked, type Mark } from './asked.ts';
import { TcpFlow, type TcpFlowOwner } from './tcp-flow.ts';
import { TcpStage, type TcpStageOwner } from './tcp-stage.ts';
import type { TcpExchange, TcpFilterStream } from './tcp-types.ts';

/** One TCP stream in a chain: its filters' contexts, its two directions, and what filters asked of it. */
export class TcpChainStream implements TcpFilterStream, TcpStream, TcpFlowOwner, TcpStageOwner {
  readonly #exchange: TcpExchange;
  readonly #plugins: readonly Plugin[];
  readonly log: Log;
  /** Of the filters that the connection reached. */
  readonly stages: TcpStage[] = [];
  /** By the side that it comes from. */
  readonly #flows: readonly [TcpFlow, TcpFlow];
  #properties: Map<string, Buffer> | undefined;
  /** Nothing more may happen but `onClose` and `finish`. */
  #over = false;
  #finished = false;
  /** Undefined: no filter asked for anything yet. */
  #asked: Asked<TcpFilterContext> | undefined;
  /** What they had asked for when the last callback began. */
  #mark: Mark<TcpFilterContext> | undefined;

  constructor(exchange: TcpExchange, plugins: readonly Plugin[], log: Log) {
    this.#exchange = exchange;
    this.#plugins = plugins;
    this.log = log;
    this.#flows = [
      new TcpFlow(this, DOWNSTREAM, plugins.length),
      new TcpFlow(this, UPSTREAM, plugins.length),
    ];
  }

  // TcpFilterStream: what arrives.

  onNewConnection(): void {
    try {
      this.newConnectionFrom(0);
    } catch (error) {
      this.#fail(error);
    }
  }

  onData(from: Side, chunk: Buffer, endOfStream: boolean): void {
    if (this.#over) return;
    try {
      this.#flows[from].data(0, chunk, endOfStream);
    } catch (error) {
      this.#fail(error);
    }
  }

  onClose(side: Side, by: PeerType): void {
    // Who gets nothing any more; what the upstream sent before it closed may still be held.
    if (side === DOWNSTREAM) this.#end();
    const order = side === DOWNSTREAM ? this.stages : this.stages.toReversed();
    for (const { context, skipped } of order) {
      if (skipped) continue;
      try {
        context.onClose(side, by);
      } catch (error) {
        // What died before was reported then.
        const again = error instanceof GuestError && error.cause instanceof GuestError;
        if (!again) reportGuestError(this.log, error);
      }
    }
  }

  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#end();
    for (const { context } of this.stages) context.finish();
  }

  // TcpStream: what contexts see and ask for.

  get info(): TcpInfo {
    return this.#exchange;
  }

  get properties(): Map<string, Buffer> {
    this.#properties ??= new Map();
    return this.#properties;
  }

  connectTo(upstream: string): boolean {
    return !this.over && this.#exchange.connectTo(upstream);
  }

  resume(context: TcpFilterContext, from: Side): void {
    if (!this.#over) this.#ask().resume(context, from);
  }

  close(_context: TcpFilterContext): void {
    if (!this.#over) this.#ask().closing = true;
  }

  died(context: TcpFilterContext, reason: string, hostState: HostState = 'whole'): void {
    if (this.#over) return;
    const stage = this.#stageOf(context);
    // It died while it was opened, and that was dealt with.
    if (stage === undefined) return;
    const held = this.#stoppedIn(context);
    if (stage.died(reason, hostState)) {
      if (held) this.release(context);
    } else if (held || stage.takes(DOWNSTREAM) || stage.takes(UPSTREAM)) {
      // With an idle connection nothing else would tell of it.
      this.#failWith(context.name, reason);
    }
  }

  // TcpFlowOwner: what the two directions need.

  get over(): boolean {
    return this.#over || this.#asked?.closing === true;
  }

  newConnectionFrom(index: number): void {
    const plugins = this.#plugins;
    for (let i = index; i < plugins.length; i++) {
      const stage = TcpStage.open(plugins[i]!, this, this);
      this.stages.push(stage);
      if (this.over) return;
      this.entering(DOWNSTREAM, stage.context);
      const goesOn = stage.newConnection();
      if (this.over) return;
      if (goesOn) continue;
      this.#flows[DOWNSTREAM].holdConnection(i);
      return;
    }
    this.#exchange.connect();
  }

  entering(from: Side, context: TcpFilterContext): void {
    this.#asked?.forgetResumes(context, from);
  }

  send(from: Side, chunk: Buffer, endOfStream: boolean): void {
    this.#exchange.send(from, chunk, endOfStream);
  }

  pauseSource(from: Side, paused: boolean): void {
    if (!this.#over) this.#exchange.pause(from, paused);
  }

  overTime(plugin: Plugin): void {
    plugin.hit('pauseTime');
    this.#failWith(plugin.name, `nothing resumed the stream for limits.pauseTime (${plugin.pauseTime} ms)`);
  }

  // TcpStageOwner: what filters that may be skipped need.

  mark(): void {
    this.#mark = this.#asked?.mark();
  }

  forget(): void {
    this.#asked?.forgetSince(this.#mark);
  }

  release(context: TcpFilterContext): void {
    this.#ask().release(context);
  }

  // What filters asked for, and what goes wrong.

  #stageOf(context: TcpFilterContext): TcpStage | undefined {
    return this.stages.find(stage => stage.context === context);
  }

  #stoppedIn(context: TcpFilterContext): boolean {
    return this.#flows.some(flow => flow.stoppedIn(context));
  }

  /** To be carried out after the guest returned, also when it was called for another stream. */
  #ask(): Asked<TcpFilterContext> {
    this.#asked ??= new Asked();
    const asked = this.#asked;
    if (!asked.scheduled) {
      asked.scheduled = true;
      queueMicrotask(() => {
        asked.scheduled = false;
        try {
          this.#carryOut(asked);
        } catch (error) {
          this.#fail(error);
        }
      });
    }
    return asked;
  }

  #carryOut(asked: Asked<TcpFilterContext>): void {
    if (this.#over) return;
    if (asked.closing) {
      this.#end();
      this.#exchange.close('a filter closed the stream');
      return;
    }
    for (;;) {
      const next = asked.nextResume();
      if (next === undefined || this.over) break;
      this.#flows[next.direction].resume(next.context);
    }
    for (let context = asked.nextRelease(); context !== undefined; context = asked.nextRelease()) {
      if (!this.over) this.#goOnWithout(context);
    }
  }

  #goOnWithout(context: TcpFilterContext): void {
    if (!this.#stoppedIn(context)) return;
    const stage = this.#stageOf(context)!;
    if (!stage.leave()) {
      this.#failWith(context.name, stage.deathMessage);
      return;
    }
    for (const flow of this.#flows) if (!this.over) flow.resume(context);
  }

  #end(): void {
    this.#over = true;
    for (const flow of this.#flows) flow.close();
  }

  #failWith(filter: string, details: string): void {
    if (this.#over) return;
    this.#end();
    this.#exchange.fail({ filter, details });
  }

  #fail(error: unknown): void {
    // From opening the next stage. That a filter is down was told when it went down.
    const opening = error instanceof PluginError || error instanceof ModuleError;
    if (!opening || error.code !== 'PLUGIN_DOWN') reportGuestError(this.log, error);
    const details = error instanceof Error ? error.message : String(error);
    const next = opening ? (this.#plugins[this.stages.length]?.name ?? '') : '';
    this.#failWith(error instanceof GuestError ? error.filter : next, details);
  }
}
