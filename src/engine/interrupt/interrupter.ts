import { getCompileCacheDir } from 'node:module';
import { dirname, extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { PluginError } from '../../errors.ts';
import { ownThread } from './cpu-time.ts';
import type { Assignment } from './protocol.ts';
import { Slot } from './slot.ts';

/** `.ts` from source, `.js` in the build. */
const THREAD = new URL(`./watchdog-thread${extname(import.meta.url)}`, import.meta.url);

/** MiB and more than it needs: a heap that it can't outgrow costs nothing. */
const RESOURCES = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };

/** ms until the next attempt when a watchdog could not be started again. */
const RETRY = 1000;

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
export class Interrupter {
  readonly #slot: Slot;
  readonly #assignment: Assignment;
  /** The segment that runs; or has died, and that isn't known yet. */
  #open: Segment | undefined;
  #settles = false;
  /** What modules import; its first word is the flag. */
  readonly memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });

  private constructor() {
    const bell = new SharedArrayBuffer(4);
    // Shared, which the types don't know.
    const page = this.memory.buffer as unknown as SharedArrayBuffer;
    this.#slot = new Slot(page, bell);
    this.#assignment = { bell, slots: [{ page, thread: ownThread() }] };
  }

  /**
   * The one of this thread, being watched. The first call starts the watchdog.
   * @throws PluginError when that fails; the next call tries again
   */
  static ofThread(): Promise<Interrupter> {
    own ??= Interrupter.#start().catch(error => {
      own = undefined;
      throw error;
    });
    return own;
  }

  static async #start(): Promise<Interrupter> {
    const interrupter = new Interrupter();
    await interrupter.#watch();
    return interrupter;
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

  /** Starts a watchdog; resolves when it watches. From then on it is replaced when it ends. */
  #watch(): Promise<void> {
    return new Promise((resolve, reject) => {
      let watching = false;
      let reason = 'its thread ended';
      // A thread has a code cache only by this variable. From source, it needs no TypeScript compiler then: 17 MB.
      const code = getCompileCacheDir();
      const worker = new Worker(THREAD, {
        name: 'weir watchdog',
        workerData: this.#assignment,
        resourceLimits: RESOURCES,
        execArgv: [],
        // Node adds a folder of its version to what it is told.
        env: code === undefined ? {} : { NODE_COMPILE_CACHE: dirname(code) },
        stdin: false,
        stdout: true,
        stderr: true,
      });
      worker.once('message', () => {
        watching = true;
        this.#slot.watched();
        // From here on it doesn't keep the process.
        worker.unref();
        resolve();
      });
      worker.once('error', error => {
        reason = error instanceof Error ? error.message : String(error);
      });
      worker.once('exit', () => {
        this.#slot.lost();
        if (watching) {
          process.emitWarning(`the watchdog of callbacks ended (${reason}); another one is started`);
          this.#watchAgain();
        } else
          reject(new PluginError('PLUGIN_DOWN', `the watchdog of callbacks could not be started: ${reason}`));
      });
    });
  }

  #watchAgain(): void {
    this.#watch().catch(() => setTimeout(() => this.#watchAgain(), RETRY).unref());
  }
}
