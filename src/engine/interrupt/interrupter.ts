import { ownThread } from './cpu-time.ts';
import { Slot } from './slot.ts';
import { type WatchedThread, Watching } from './watching.ts';

const TURN = Promise.resolve();

/** A guest that can be suspended runs, until it is suspended, ends or dies (segments.ts). */
export interface Segment {
  /** It has called the host, which has not returned yet: whatever happens now happens in this segment. */
  readonly inHost: boolean;
  /** It was left by a trap or another exception, some time ago, and nobody could tell. */
  died(interrupted: boolean): void;
}

let own: Promise<Interrupter> | undefined;

/**
 * Ends guest code of this thread that runs longer than it may: each rewritten module imports `memory`, in which a
 * watchdog, another thread of this process, sets the word that makes it trap.
 *
 * Should the watchdog end, another one is started, and `enter` throws until it watches. What was running at that
 * moment has no limit: nothing can be started before it returns.
 */
export class Interrupter implements WatchedThread {
  readonly #slot: Slot;
  /** The segment that runs; or has died, and that isn't known yet. */
  #open: Segment | undefined;
  #settles = false;
  /** What modules import; its first word is the flag. */
  readonly memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  // Shared, which the types don't know.
  readonly page = this.memory.buffer as unknown as SharedArrayBuffer;
  readonly thread = ownThread();

  private constructor(bell: SharedArrayBuffer) {
    this.#slot = new Slot(this.page, bell);
  }

  /**
   * The one of this thread, being watched. The first call starts a watchdog, unless another thread's was joined.
   * @throws PluginError when that fails; the next call tries again
   */
  static ofThread(): Promise<Interrupter> {
    if (own !== undefined) return own;
    const watching = Watching.ofThread();
    Interrupter.join(watching.bell, interrupter => watching.watch(interrupter));
    return own!;
  }

  /**
   * Makes that of this thread. `bell`: that of the watchdog, which another thread may have; `watch` resolves when it
   * watches. Whoever has it calls `watched` and `lost`.
   */
  static join(bell: SharedArrayBuffer, watch: (interrupter: Interrupter) => Promise<void>): Interrupter {
    const interrupter = new Interrupter(bell);
    own = watch(interrupter).then(
      () => interrupter,
      error => {
        own = undefined;
        throw error;
      },
    );
    return interrupter;
  }

  watched(): void {
    this.#slot.watched();
  }

  lost(): void {
    this.#slot.lost();
  }

  /**
   * A callback begins; it may take `budget` ms, and is interrupted at most 5 ms later on an idle machine. Within
   * another one nothing is begun: the outermost one's budget is for all.
   * @throws PluginError PLUGIN_DOWN when nobody would interrupt it; then there is nothing to leave
   */
  enter(budget: number): void {
    if (this.#open !== undefined) this.settle();
    this.#slot.enter(budget);
  }

  /** The callback has ended. True when it was interrupted; the flag is clear again. */
  leave(): boolean {
    return this.#slot.leave();
  }

  /** A callback is running, which is no segment. */
  get inCallback(): boolean {
    return this.#open === undefined && this.#slot.running;
  }

  /** The segment that runs, or that died and was not settled. */
  get open(): Segment | undefined {
    return this.#open;
  }

  /** A segment begins. To be ended by `end`, or, when the guest was unwound, by whoever comes next. */
  begin(segment: Segment, budget: number): void {
    this.enter(budget);
    this.#open = segment;
    if (this.#settles) return;
    this.#settles = true;
    // No guest runs when a microtask begins: what is open then has died.
    void TURN.then(this.#settleLater);
  }

  /** The segment that runs has ended. True when it was interrupted. */
  end(segment: Segment): boolean {
    if (this.#open !== segment)
      throw new Error('fault of the host: another guest was entered from a segment');
    this.#open = undefined;
    return this.#slot.leave();
  }

  /** Ends the segment whose guest was unwound, if there is one. Nobody begins anything within it. */
  settle(): void {
    if (this.#open === undefined) return;
    if (this.#open.inHost) throw new Error('fault of the host: a guest is entered while a segment runs');
    this.#died(this.#open);
  }

  #died(segment: Segment): void {
    this.#open = undefined;
    segment.died(this.#slot.leave());
  }

  readonly #settleLater = () => {
    this.#settles = false;
    if (this.#open !== undefined) this.#died(this.#open);
  };
}
