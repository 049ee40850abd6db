import { GuestError, type HostState, ModuleError, PluginError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BodyBuffer } from '../message/body.ts';
import { reportGuestError } from '../plugin/death.ts';
import { DOWNSTREAM, type Side, type TcpFilterContext, type TcpStream } from '../plugin/tcp.ts';
import type { Plugin } from '../plugin/types.ts';
import { skippable } from './guard.ts';
import { Pristine } from './pristine.ts';

/** What a filter that may be skipped needs of its stream. */
export interface TcpStageOwner {
  readonly log: Log;
  /** A callback begins. */
  mark(): void;
  /** The callback died: what it asked for is forgotten. */
  forget(): void;
  /** What the filter holds goes on when nobody is on the stack. */
  release(context: TcpFilterContext): void;
}

/** In place of the context of a filter that could not be opened. */
class Absent implements TcpFilterContext {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  onNewConnection(): boolean {
    return true;
  }

  onData(): boolean {
    return true;
  }

  onResume(): void {}

  onClose(): void {}

  finish(): void {}
}

const EMPTY = Buffer.alloc(0);

/** That filter is none for TCP streams. */
export function noTcp(filter: string): ModuleError {
  const text = `filter ${filter} is a component: they know no TCP streams, use a Proxy-Wasm module`;
  return new ModuleError('MODULE_UNSUPPORTED', text);
}

/**
 * A filter on one TCP stream. With `onFailure: open` it is skipped when it dies: what is at it goes on as it came, unless
 * something left that had not come like that; then the rest would not fit to it.
 */
export class TcpStage {
  readonly plugin: Plugin;
  readonly context: TcpFilterContext;
  /** From here on the filter is no part of this stream. */
  skipped = false;
  /** The filter's VM ended while it ran for somebody else. */
  #death: GuestError | undefined;
  readonly #owner: TcpStageOwner;
  /** By side; of filters that may be skipped. */
  readonly #at: readonly [Pristine, Pristine] | undefined;

  private constructor(plugin: Plugin, context: TcpFilterContext, owner: TcpStageOwner) {
    this.plugin = plugin;
    this.context = context;
    this.#owner = owner;
    this.#at = plugin.failOpen ? [new Pristine(), new Pristine()] : undefined;
  }

  /** Opens the plugin, or skips it. @throws what it throws, when it can't be skipped */
  static open(plugin: Plugin, stream: TcpStream, owner: TcpStageOwner): TcpStage {
    owner.mark();
    try {
      if (plugin.openTcp === undefined || plugin.tcp === undefined) throw noTcp(plugin.name);
      return new TcpStage(plugin, plugin.openTcp(stream), owner);
    } catch (error) {
      owner.forget();
      const stage = new TcpStage(plugin, new Absent(plugin.name), owner);
      if (stage.skip(error)) return stage;
      throw error;
    }
  }

  /** It sees what comes from there. */
  takes(from: Side): boolean {
    if (this.skipped) return false;
    const phases = this.plugin.tcp!;
    return from === DOWNSTREAM ? phases.downstreamData : phases.upstreamData;
  }

  /** False: the connection waits. @throws what the callback throws, when the filter can't be skipped */
  newConnection(): boolean {
    if (this.skipped || !this.plugin.tcp!.newConnection) return true;
    if (this.#death !== undefined) return this.#without(this.#death);
    this.#owner.mark();
    try {
      return this.context.onNewConnection();
    } catch (error) {
      return this.#died(error);
    }
  }

  /** False: the data waits. `chunk` is what is new of it. @throws as `newConnection` */
  data(from: Side, data: BodyBuffer, chunk: Buffer, endOfStream: boolean): boolean {
    this.came(from, chunk);
    if (this.#death !== undefined) return this.#without(this.#death);
    this.#owner.mark();
    try {
      return this.context.onData(from, data, endOfStream);
    } catch (error) {
      return this.#died(error);
    }
  }

  /** Data came that waits, seen or not. */
  came(from: Side, chunk: Buffer): void {
    this.#at?.[from].bodyCame(chunk);
  }

  /** The filter keeps the data. */
  stopped(from: Side, held: number): void {
    this.#at?.[from].bound(held, this.plugin.bufferedBody);
  }

  /** Takes out what goes on: as the filter left it, or when it is skipped as it came. */
  take(from: Side, data: BodyBuffer, endOfStream: boolean): Buffer {
    const pristine = this.#at?.[from];
    if (pristine === undefined) return data.take();
    let out: Buffer;
    if (this.skipped) {
      data.splice(0, data.length, EMPTY);
      out = pristine.takeBody();
    } else {
      out = data.take();
      pristine.bodyLeft(out);
    }
    if (endOfStream) pristine.end();
    return out;
  }

  resumed(from: Side): void {
    if (!this.skipped) this.context.onResume(from);
  }

  /** Its VM ended while it ran for somebody else. False: the stream can't go on without it. */
  died(reason: string, hostState: HostState): boolean {
    this.#death ??= new GuestError('GUEST_TRAP', this.context.name, 'another stream', reason, { hostState });
    return this.#at !== undefined;
  }

  /** Takes the filter out of the stream, after its VM ended elsewhere. False: as of `skip`. */
  leave(): boolean {
    return this.skipped || this.skip(this.#death);
  }

  get deathMessage(): string {
    return this.#death?.message ?? '';
  }

  /** Takes the filter out of the stream. False: the stream would not be whole without it, and must fail. */
  skip(error: unknown): boolean {
    const at = this.#at;
    if (at === undefined || !skippable(error) || at.some(pristine => pristine.damaged)) return false;
    this.skipped = true;
    const { log } = this.#owner;
    // A death elsewhere was reported there, and a filter that is down when it went down.
    const reported = error === this.#death || (error as Error).cause instanceof GuestError;
    if (error instanceof GuestError && !reported) reportGuestError(log, error);
    const fields = { filter: this.plugin.name };
    const text = `filter ${this.plugin.name} skipped: ${(error as Error).message}`;
    // Every stream comes by while it is down.
    if (error instanceof PluginError && error.code === 'PLUGIN_DOWN') log.debug(fields, text);
    else log.warn(fields, text);
    this.plugin.skipped();
    this.#owner.release(this.context);
    return true;
  }

  #died(error: unknown): boolean {
    this.#owner.forget();
    return this.#without(error);
  }

  #without(error: unknown): boolean {
    if (!this.skip(error)) throw error;
    return true;
  }
}
