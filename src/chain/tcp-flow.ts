import { BodyBuffer } from '../message/body.ts';
import { DOWNSTREAM, type Side, type TcpFilterContext } from '../plugin/tcp.ts';
import type { Plugin } from '../plugin/types.ts';
import type { TcpStage } from './tcp-stage.ts';

/** What a direction needs of its stream. */
export interface TcpFlowOwner {
  /** By the order of the chain. Those before the one that holds a new connection are there. */
  readonly stages: readonly TcpStage[];
  /** The stream is over, or about to be: the caller must go no further. */
  readonly over: boolean;
  /** A callback is next that may stop a filter which is not stopped: a resume asked for before is not for that stop. */
  entering(from: Side, context: TcpFilterContext): void;
  /** That filter let go of the new connection. */
  newConnectionFrom(index: number): void;
  send(from: Side, chunk: Buffer, endOfStream: boolean): void;
  pauseSource(from: Side, paused: boolean): void;
  overTime(plugin: Plugin): void;
}

/** What a direction holds at one filter; exists only once the filter stopped it. */
class Hold {
  /** The filter holds this direction. */
  stopped = false;
  /** It holds the connection itself, which is new. */
  connection = false;
  body = new BodyBuffer();
  /** The held data is all there is. */
  end = false;
  paused = false;
  timer: NodeJS.Timeout | undefined;
}

/**
 * What comes from one side of a TCP stream, on its way through the filters: downstream's in the order of the chain,
 * upstream's in reverse, as in Envoy. What a filter stops stays at that filter, which sees it grow.
 */
export class TcpFlow {
  readonly #owner: TcpFlowOwner;
  readonly #from: Side;
  readonly #count: number;
  /** By position, the first filter of this direction first. */
  readonly #holds: (Hold | undefined)[] = [];
  #pausedBy = 0;

  constructor(owner: TcpFlowOwner, from: Side, count: number) {
    this.#owner = owner;
    this.#from = from;
    this.#count = count;
  }

  #stage(position: number): TcpStage {
    const { stages } = this.#owner;
    return stages[this.#from === DOWNSTREAM ? position : this.#count - 1 - position]!;
  }

  /** A chunk comes to the filter at `start`. */
  data(start: number, chunk: Buffer, endOfStream: boolean): void {
    const owner = this.#owner;
    const from = this.#from;
    let data = chunk;
    for (let i = start; i < this.#count; i++) {
      const stage = this.#stage(i);
      const hold = this.#holds[i];
      const stopped = hold?.stopped === true;
      if (!stage.takes(from)) {
        if (!stopped) continue;
        stage.came(from, data);
        hold.body.append(data);
        hold.end = endOfStream;
        this.#limit(hold, stage.plugin);
        return;
      }
      const body = hold?.body ?? new BodyBuffer();
      body.append(data);
      if (!stopped) owner.entering(from, stage.context);
      const goesOn = stage.data(from, body, data, endOfStream);
      if (owner.over) return;
      if (!goesOn) {
        this.#stop(i, body, endOfStream);
        return;
      }
      data = stage.take(from, body, endOfStream);
      if (stopped) {
        this.#release(hold, i);
        if (owner.over) return;
      }
      if (data.length === 0 && !endOfStream) return;
    }
    owner.send(from, data, endOfStream);
  }

  /** Filter `index` holds the new connection, and with it all that comes from downstream. */
  holdConnection(index: number): void {
    const hold = this.#hold(index);
    hold.connection = true;
    this.#arm(hold, this.#stage(index).plugin);
  }

  /** What that filter has stopped goes on: it lets go, or is skipped. Without a stop this does nothing. */
  resume(context: TcpFilterContext): void {
    const i = this.#stoppedAt(context);
    if (i < 0) return;
    const owner = this.#owner;
    const hold = this.#holds[i]!;
    const stage = this.#stage(i);
    const { end } = hold;
    stage.resumed(this.#from);
    const data = stage.take(this.#from, hold.body, end);
    this.#release(hold, i);
    if (!owner.over && (data.length > 0 || end)) this.data(i + 1, data, end);
  }

  /** True while that filter has this direction stopped. */
  stoppedIn(context: TcpFilterContext): boolean {
    return this.#stoppedAt(context) >= 0;
  }

  #stoppedAt(context: TcpFilterContext): number {
    return this.#holds.findIndex((hold, i) => hold?.stopped === true && this.#stage(i).context === context);
  }

  /** Drops what is held; nothing of this direction moves again. */
  close(): void {
    for (const hold of this.#holds) {
      if (hold === undefined) continue;
      clearTimeout(hold.timer);
      hold.stopped = false;
      hold.body = new BodyBuffer();
    }
  }

  #hold(i: number): Hold {
    this.#holds[i] ??= new Hold();
    return this.#holds[i];
  }

  #arm(hold: Hold, plugin: Plugin): void {
    hold.stopped = true;
    // With data that comes: a filter that collects is at work, not stuck.
    if (hold.timer !== undefined) hold.timer.refresh();
    else hold.timer = setTimeout(() => this.#owner.overTime(plugin), plugin.pauseTime);
  }

  #stop(i: number, body: BodyBuffer, endOfStream: boolean): void {
    const stage = this.#stage(i);
    const hold = this.#hold(i);
    hold.body = body;
    hold.end = endOfStream;
    stage.stopped(this.#from, body.length);
    this.#arm(hold, stage.plugin);
    this.#limit(hold, stage.plugin);
  }

  /** Over the limit its source waits until the filter lets go. */
  #limit(hold: Hold, plugin: Plugin): void {
    if (hold.body.length < plugin.bufferedBody) this.#unpause(hold);
    else if (!hold.paused) {
      hold.paused = true;
      if (this.#pausedBy++ === 0) this.#owner.pauseSource(this.#from, true);
    }
  }

  /** Ends a stop; a new connection that waited goes on. */
  #release(hold: Hold, i: number): void {
    const { connection } = hold;
    hold.stopped = false;
    hold.connection = false;
    clearTimeout(hold.timer);
    hold.timer = undefined;
    hold.end = false;
    this.#unpause(hold);
    if (connection) this.#owner.newConnectionFrom(i + 1);
  }

  #unpause(hold: Hold): void {
    if (!hold.paused) return;
    hold.paused = false;
    if (--this.#pausedBy === 0) this.#owner.pauseSource(this.#from, false);
  }
}
