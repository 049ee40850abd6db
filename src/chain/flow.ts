import { BodyAction, HeadersAction, TrailersAction } from '../abi/types.ts';
import { BodyBuffer } from '../message/body.ts';
import { type Direction, type FilterContext, type Phases, type Plugin, REQUEST } from '../plugin/types.ts';
import { Hold, Stop } from './hold.ts';
import type { Stage } from './stage.ts';

/** What a direction needs of its stream. */
export interface FlowOwner {
  /** Filters in this direction's order: `at(0)` comes first. */
  stage(direction: Direction, index: number): Stage;
  /** A callback is next that may stop a filter which is not stopped: a resume asked for before is not for that stop. */
  entering(direction: Direction, context: FilterContext): void;
  /** True when a callback ended the stream or gave it another course: the caller must go no further. */
  diverted(flow: Flow): boolean;
  headerCount(direction: Direction): number;
  trailerCount(direction: Direction): number;
  sendHeaders(direction: Direction, endOfStream: boolean): void;
  sendData(direction: Direction, chunk: Buffer, endOfStream: boolean): void;
  sendTrailers(direction: Direction): void;
  pauseSource(direction: Direction, paused: boolean): void;
  /** The filter holds more than it may, or longer. */
  overLimit(flow: Flow, plugin: Plugin): void;
  overTime(flow: Flow, plugin: Plugin): void;
}

const EMPTY = Buffer.alloc(0);
/** Of a direction in which no filter has stopped anything. */
const NONE: (Hold | undefined)[] = [];

/**
 * One direction of one stream on its way through the filters. `…From(i)` brings an event to filter i and, as long
 * as filters let it pass, to those after it and out. What a filter stops stays at that filter's Hold.
 */
export class Flow {
  readonly #owner: FlowOwner;
  readonly direction: Direction;
  readonly #count: number;
  #holds = NONE;
  /** Index of the first filter. */
  readonly first: number;
  /** Filter that a callback runs in, or ran in last. */
  at: number;
  #pausedBy = 0;

  constructor(owner: FlowOwner, direction: Direction, first: number, count: number) {
    this.#owner = owner;
    this.direction = direction;
    this.first = first;
    this.at = first;
    this.#count = count;
  }

  headersFrom(start: number, endOfStream: boolean): void {
    const owner = this.#owner;
    const direction = this.direction;
    for (let i = start; i < this.#count; i++) {
      this.at = i;
      const { plugin, context, guard } = owner.stage(direction, i);
      if (!takesHeaders(plugin.phases, direction) || guard?.skipped === true) continue;
      owner.entering(direction, context);
      const action = (guard ?? context).onHeaders(direction, owner.headerCount(direction), endOfStream);
      if (owner.diverted(this)) return;
      if (action === HeadersAction.CONTINUE) continue;
      const hold = this.#hold(i);
      hold.headersEnd = endOfStream;
      hold.refuse = action === HeadersAction.STOP_ALL_AND_BUFFER;
      this.#stop(hold, plugin, action === HeadersAction.STOP_ITERATION ? Stop.HEADERS : Stop.ALL);
      return;
    }
    owner.sendHeaders(direction, endOfStream);
  }

  dataFrom(start: number, chunk: Buffer, endOfStream: boolean): void {
    const owner = this.#owner;
    const direction = this.direction;
    let data = chunk;
    for (let i = start; i < this.#count; i++) {
      const { plugin, context, guard } = owner.stage(direction, i);
      const hold = this.#holds[i];
      const stopped = hold !== undefined && hold.stop !== Stop.NONE;
      const takes = takesBody(plugin.phases, direction) && guard?.skipped !== true;
      if (stopped && (hold.stop === Stop.ALL || !takes)) {
        guard?.bodyCame(direction, data);
        hold.body.append(data);
        hold.bodyEnd = endOfStream;
        if (guard?.skipped !== true) this.#limit(hold, plugin);
        return;
      }
      if (!takes) continue;
      const body = hold?.body ?? new BodyBuffer();
      guard?.bodyCame(direction, data);
      body.append(data);
      this.at = i;
      if (!stopped) owner.entering(direction, context);
      const action = (guard ?? context).onBody(direction, body, endOfStream);
      if (owner.diverted(this)) return;
      if (action !== BodyAction.CONTINUE) {
        this.#stopBody(i, body, action, endOfStream);
        return;
      }
      data = guard === undefined ? body.take() : guard.takeBody(direction, body, endOfStream);
      if (stopped && this.#release(hold, i)) return;
      if (this.#passedWithTrailers(i, data, endOfStream)) return;
      if (data.length === 0 && !endOfStream) return;
    }
    owner.sendData(direction, data, endOfStream);
  }

  /** The end of a message with trailers. */
  trailersFrom(start: number): void {
    const owner = this.#owner;
    const direction = this.direction;
    for (let i = start; i < this.#count; i++) {
      const { plugin, context, guard } = owner.stage(direction, i);
      const hold = this.#holds[i];
      const skipped = guard?.skipped === true;
      const takes = takesTrailers(plugin.phases, direction) && !skipped;
      const stop = hold?.stop ?? Stop.NONE;
      // A filter that is skipped while it has the stream stopped is about to let it go.
      if (stop === Stop.ALL || (stop === Stop.HEADERS && !takes) || (stop !== Stop.NONE && skipped)) {
        hold!.trailers = true;
        return;
      }
      if (takes) {
        this.at = i;
        if (stop === Stop.NONE) owner.entering(direction, context);
        const action = (guard ?? context).onTrailers(direction, owner.trailerCount(direction));
        if (owner.diverted(this)) return;
        if (action !== TrailersAction.CONTINUE) {
          const held = this.#hold(i);
          held.trailers = true;
          this.#stop(held, plugin, held.stop === Stop.HEADERS ? Stop.HEADERS : Stop.TRAILERS);
          return;
        }
      } else if (hold !== undefined && stop === Stop.BODY) {
        // It waits for the end of the body, or for something else: trailers alone must not get past it.
        this.at = i;
        const action = (guard ?? context).onBody(direction, hold.body, true);
        if (owner.diverted(this)) return;
        if (action !== BodyAction.CONTINUE) {
          this.#stopBody(i, hold.body, action, false);
          hold.trailers = true;
          return;
        }
      }
      // The end was reached: what the filter still holds goes on before it.
      if (hold !== undefined && stop !== Stop.NONE) {
        (guard ?? context).onResume(direction);
        if (this.#release(hold, i)) return;
        const data = guard === undefined ? hold.body.take() : guard.takeBody(direction, hold.body, true);
        if (data.length > 0) this.dataFrom(i + 1, data, false);
        if (owner.diverted(this)) return;
      }
      guard?.trailersLeft(direction, false);
    }
    owner.sendTrailers(direction);
  }

  /** What filter `context` has stopped goes on: it lets go, or is skipped. Without a stop this does nothing. */
  resume(context: FilterContext): void {
    const i = this.#stoppedAt(context);
    if (i < 0) return;
    const direction = this.direction;
    const { guard } = this.#owner.stage(direction, i);
    const hold = this.#holds[i]!;
    // Under Stop.ALL the filter itself has not seen the body yet.
    const unseen = hold.stop === Stop.ALL && guard?.skipped !== true;
    (guard ?? context).onResume(direction);
    if (this.#release(hold, i)) return;
    const next = unseen ? i : i + 1;
    const end = hold.bodyEnd && !hold.trailers;
    hold.bodyEnd = false;
    if (unseen) guard?.bodyComesAgain(direction);
    const pass = unseen || guard === undefined;
    const data = pass ? hold.body.take() : guard.takeBody(direction, hold.body, end);
    if (!unseen && this.#passedWithTrailers(i, data, end)) return;
    if (data.length > 0 || end) this.dataFrom(next, data, end);
    if (hold.trailers && !this.#owner.diverted(this)) {
      hold.trailers = false;
      if (!unseen) guard?.trailersLeft(direction, false);
      this.trailersFrom(next);
    }
  }

  /** True while that filter has this direction stopped. */
  stoppedIn(context: FilterContext): boolean {
    return this.#stoppedAt(context) >= 0;
  }

  #stoppedAt(context: FilterContext): number {
    return this.#holds.findIndex((hold, i) => {
      const stopped = hold !== undefined && hold.stop !== Stop.NONE;
      return stopped && this.#owner.stage(this.direction, i).context === context;
    });
  }

  /** Drops what is held; nothing of this direction moves again. */
  end(): void {
    for (const hold of this.#holds) hold?.drop();
  }

  #hold(i: number): Hold {
    if (this.#holds === NONE) this.#holds = [];
    this.#holds[i] ??= new Hold();
    return this.#holds[i];
  }

  #stop(hold: Hold, plugin: Plugin, stop: number): void {
    hold.stop = stop;
    if (hold.timer === undefined) {
      hold.timer = setTimeout(() => this.#owner.overTime(this, plugin), plugin.pauseTime);
    } else {
      // Data came: a filter that collects a slow body is at work, not stuck.
      hold.timer.refresh();
    }
  }

  #stopBody(i: number, body: BodyBuffer, action: number, endOfStream: boolean): void {
    const { plugin, guard } = this.#owner.stage(this.direction, i);
    const hold = this.#hold(i);
    hold.body = body;
    hold.bodyEnd = endOfStream;
    const drop = action === BodyAction.STOP_NO_BUFFER;
    if (drop) body.splice(0, body.length, EMPTY);
    guard?.bodyStopped(this.direction, body.length, drop);
    hold.refuse = action === BodyAction.STOP_AND_BUFFER;
    this.#stop(hold, plugin, hold.stop === Stop.HEADERS ? Stop.HEADERS : Stop.BODY);
    this.#limit(hold, plugin);
  }

  #limit(hold: Hold, plugin: Plugin): void {
    if (hold.body.length <= plugin.bufferedBody) {
      this.#unpause(hold);
    } else if (hold.refuse) {
      this.#owner.overLimit(this, plugin);
    } else if (!hold.paused) {
      hold.paused = true;
      if (this.#pausedBy++ === 0) this.#owner.pauseSource(this.direction, true);
    }
  }

  /** Ends filter i's stop, and brings headers that waited on their way. True when that diverted the stream. */
  #release(hold: Hold, i: number): boolean {
    const headers = hold.stop === Stop.HEADERS || hold.stop === Stop.ALL;
    hold.stop = Stop.NONE;
    clearTimeout(hold.timer);
    hold.timer = undefined;
    this.#unpause(hold);
    if (!headers) return false;
    this.#owner.stage(this.direction, i).guard?.headersLeft(this.direction);
    this.headersFrom(i + 1, hold.headersEnd);
    return this.#owner.diverted(this);
  }

  #unpause(hold: Hold): void {
    if (!hold.paused) return;
    hold.paused = false;
    if (--this.#pausedBy === 0) this.#owner.pauseSource(this.direction, false);
  }

  /** When filter i added trailers with the end of the body, they end the message instead. */
  #passedWithTrailers(i: number, data: Buffer, endOfStream: boolean): boolean {
    if (!endOfStream || this.#owner.trailerCount(this.direction) === 0) return false;
    const { plugin, guard } = this.#owner.stage(this.direction, i);
    // From now on its messages need chunks.
    plugin.seenChanging[this.direction] = true;
    guard?.trailersLeft(this.direction, true);
    if (data.length > 0) this.dataFrom(i + 1, data, false);
    if (!this.#owner.diverted(this)) this.trailersFrom(i + 1);
    return true;
  }
}

function takesHeaders(phases: Phases, direction: Direction): boolean {
  return direction === REQUEST ? phases.requestHeaders : phases.responseHeaders;
}

function takesBody(phases: Phases, direction: Direction): boolean {
  return direction === REQUEST ? phases.requestBody : phases.responseBody;
}

function takesTrailers(phases: Phases, direction: Direction): boolean {
  return direction === REQUEST ? phases.requestTrailers : phases.responseTrailers;
}
