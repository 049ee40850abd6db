import { BodyAction, HeadersAction, TrailersAction } from '../abi/types.ts';
import { GuestError, type HostState, ModuleError, PluginError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BodyBuffer } from '../message/body.ts';
import type { FieldMap } from '../message/fields.ts';
import { reportGuestError } from '../plugin/death.ts';
import type { Direction, FilterContext, HttpStream, Plugin } from '../plugin/types.ts';
import { Pristine } from './pristine.ts';

/** What a guard needs of its stream. */
export interface GuardOwner {
  readonly log: Log;
  fields(direction: Direction, trailers: boolean): FieldMap;
  /** A callback begins. */
  mark(): void;
  /** The callback died: what it asked for is forgotten. */
  forget(): void;
  /** What the filter holds, in any direction, goes on when nobody is on the stack. */
  release(context: FilterContext): void;
}

/** In place of the context of a filter that could not be opened. */
class Absent implements FilterContext {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  onHeaders(): number {
    return HeadersAction.CONTINUE;
  }

  onBody(): number {
    return BodyAction.CONTINUE;
  }

  onTrailers(): number {
    return TrailersAction.CONTINUE;
  }

  onResume(): void {}

  finish(): void {}
}

const EMPTY = Buffer.alloc(0);

/**
 * Stands before a filter with `onFailure: open` on one stream. When the filter dies, what it did and what has not left
 * it yet is undone, and from there on it is skipped; the callback it died in then counts as one that continues.
 */
export class Guard {
  readonly plugin: Plugin;
  readonly context: FilterContext;
  /** From here on the filter is no part of this stream. */
  skipped = false;
  /** The filter's VM ended while it ran for somebody else. */
  death: GuestError | undefined;
  readonly #owner: GuardOwner;
  /** By direction. */
  readonly #at: [request: Pristine, response: Pristine] = [new Pristine(), new Pristine()];

  private constructor(plugin: Plugin, context: FilterContext, owner: GuardOwner) {
    this.plugin = plugin;
    this.context = context;
    this.#owner = owner;
  }

  /** Opens the plugin, or skips it. @throws what it throws, when it can't be skipped */
  static open(plugin: Plugin, stream: HttpStream, owner: GuardOwner): Guard {
    owner.mark();
    try {
      return new Guard(plugin, plugin.open(stream), owner);
    } catch (error) {
      owner.forget();
      const guard = new Guard(plugin, new Absent(plugin.name), owner);
      if (guard.skip(error)) return guard;
      throw error;
    }
  }

  /** Callbacks, as of a FilterContext. @throws what they throw, when the filter can't be skipped */
  onHeaders(direction: Direction, count: number, endOfStream: boolean): number {
    if (this.death !== undefined) return this.#without(this.death);
    const pristine = this.#at[direction];
    pristine.headersCame(this.#owner.fields(direction, false));
    this.#owner.mark();
    try {
      const action = this.context.onHeaders(direction, count, endOfStream);
      if (action === HeadersAction.CONTINUE) pristine.headersLeft();
      return action;
    } catch (error) {
      return this.#died(error);
    }
  }

  onBody(direction: Direction, body: BodyBuffer, endOfStream: boolean): number {
    if (this.death !== undefined) return this.#without(this.death);
    // Trailers may be added with the last of the body.
    if (endOfStream) this.#at[direction].trailersCame(this.#owner.fields(direction, true));
    this.#owner.mark();
    try {
      return this.context.onBody(direction, body, endOfStream);
    } catch (error) {
      return this.#died(error);
    }
  }

  onTrailers(direction: Direction, count: number): number {
    if (this.death !== undefined) return this.#without(this.death);
    this.#at[direction].trailersCame(this.#owner.fields(direction, true));
    this.#owner.mark();
    try {
      return this.context.onTrailers(direction, count);
    } catch (error) {
      return this.#died(error);
    }
  }

  onResume(direction: Direction): void {
    if (!this.skipped) this.context.onResume(direction);
  }

  /** Its VM ended while it ran for somebody else. */
  died(reason: string, hostState: HostState): void {
    this.death ??= new GuestError('GUEST_TRAP', this.context.name, 'another stream', reason, { hostState });
  }

  /** Takes the filter out of the stream. False: the stream would not be whole without it, and must fail. */
  skip(error: unknown): boolean {
    if (!skippable(error) || this.#at.some(p => p.damaged)) return false;
    this.skipped = true;
    for (const pristine of this.#at) pristine.restore();
    const { log } = this.#owner;
    // A death elsewhere was reported there, and a filter that is down when it went down.
    const reported = error === this.death || (error as Error).cause instanceof GuestError;
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

  // What comes to the filter and leaves it, as its flow tells.

  bodyCame(direction: Direction, chunk: Buffer): void {
    this.#at[direction].bodyCame(chunk);
  }

  /** The held body is about to come again, to a callback. */
  bodyComesAgain(direction: Direction): void {
    this.#at[direction].forgetBody();
  }

  /** The filter keeps the body: `lost` when none of it is held for it. */
  bodyStopped(direction: Direction, held: number, lost: boolean): void {
    if (lost) this.#at[direction].bodyLost();
    else this.#at[direction].bound(held, this.plugin.bufferedBody);
  }

  /** Takes out what goes on: the body as the filter left it, or when it is skipped as it came. */
  takeBody(direction: Direction, body: BodyBuffer, endOfStream: boolean): Buffer {
    const pristine = this.#at[direction];
    let data: Buffer;
    if (this.skipped) {
      body.splice(0, body.length, EMPTY);
      data = pristine.takeBody();
    } else {
      data = body.take();
      pristine.bodyLeft(data);
    }
    if (endOfStream) pristine.end();
    return data;
  }

  headersLeft(direction: Direction): void {
    this.#at[direction].headersLeft();
  }

  /** The end of the message left, with trailers. `added`: the filter made them. */
  trailersLeft(direction: Direction, added: boolean): void {
    if (added) this.#at[direction].changed = true;
    this.#at[direction].end();
  }

  /** It had a part in what left it, so that the length of that body is not the one it came with. */
  bodyChanged(direction: Direction): boolean {
    return this.#at[direction].changed;
  }

  /** The messages that were on their way are dropped, for others. */
  forget(): void {
    this.#at[0] = new Pristine();
    this.#at[1] = new Pristine();
  }

  #died(error: unknown): number {
    this.#owner.forget();
    return this.#without(error);
  }

  #without(error: unknown): number {
    if (!this.skip(error)) throw error;
    return HeadersAction.CONTINUE;
  }
}

/** True for what a filter does, with our own state whole; not for faults of ours. */
export function skippable(error: unknown): boolean {
  if (error instanceof GuestError) return error.hostState === 'whole';
  return error instanceof PluginError || error instanceof ModuleError;
}
