import { getCompileCacheDir } from 'node:module';
import { dirname, extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { PluginError } from '../../errors.ts';
import { type Assignment, AWAKE, BELL, NEWS, type Orders, type Place } from './protocol.ts';

/** `.ts` from source, `.js` in the build. */
const THREAD = new URL(`./watchdog-thread${extname(import.meta.url)}`, import.meta.url);

/** MiB and more than it needs: a heap that it can't outgrow costs nothing. */
const RESOURCES = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };

/** ms until the next attempt when a watchdog could not be started again. */
const RETRY = 1000;

/** A thread that runs guests, as whoever has the watchdog sees it. Neither call may come while it runs one. */
export interface WatchedThread extends Omit<Place, 'id'> {
  /** A watchdog is there: the first one, or another one after `lost`. */
  watched(): void;
  /** The watchdog has ended; it will touch nothing any more. */
  lost(): void;
}

interface Entry {
  readonly place: Place;
  readonly thread: WatchedThread;
  /** Its watchdog has said so. */
  seen: boolean;
  /** The first time. */
  resolve(): void;
  reject(error: PluginError): void;
}

let own: Watching | undefined;

/**
 * The watchdog's thread, and whom it watches. It is started with the first of them, and started again should it end;
 * it doesn't keep the process.
 */
export class Watching {
  /** What all threads ring that this watchdog watches. */
  readonly bell = new SharedArrayBuffer(8);
  readonly #entries = new Map<number, Entry>();
  readonly #news = new Int32Array(this.bell);
  #worker: Worker | undefined;
  /** The thread has begun to watch. */
  #begun = false;
  #next = 1;

  /** The one that this thread has. */
  static ofThread(): Watching {
    own ??= new Watching();
    return own;
  }

  /** Resolves when the thread is watched. @throws PluginError when no watchdog can be started */
  watch(thread: WatchedThread): Promise<void> {
    const place: Place = { id: this.#next++, page: thread.page, thread: thread.thread };
    return new Promise((resolve, reject) => {
      const entry = { place, thread, seen: false, resolve, reject };
      this.#entries.set(place.id, entry);
      if (this.#worker === undefined) this.#start();
      else if (this.#begun) this.#tell({ watch: [place] });
    });
  }

  /** The thread has ended, or will run no guest any more. */
  unwatch(thread: WatchedThread): void {
    for (const [id, entry] of this.#entries) {
      if (entry.thread !== thread) continue;
      this.#entries.delete(id);
      if (this.#begun) this.#tell({ forget: id });
    }
  }

  /** It may be asleep: it reads its messages when it hears of news. */
  #tell(orders: Orders): void {
    this.#worker?.postMessage(orders);
    Atomics.add(this.#news, NEWS, 1);
    Atomics.store(this.#news, BELL, AWAKE);
    Atomics.notify(this.#news, BELL);
  }

  #start(): void {
    const entries = [...this.#entries.values()];
    const assignment: Assignment = { bell: this.bell, watch: entries.map(({ place }) => place) };
    let reason = 'its thread ended';
    // A thread has a code cache only by this variable. From source, it needs no TypeScript compiler then: 17 MB.
    const code = getCompileCacheDir();
    const worker = new Worker(THREAD, {
      name: 'weir watchdog',
      workerData: assignment,
      resourceLimits: RESOURCES,
      execArgv: [],
      // Node adds a folder of its version to what it is told.
      env: code === undefined ? {} : { NODE_COMPILE_CACHE: dirname(code) },
      stdin: false,
      stdout: true,
      stderr: true,
    });
    this.#worker = worker;
    worker.on('message', (ids: readonly number[]) => {
      if (!this.#begun) {
        this.#begun = true;
        // From here on it doesn't keep the process.
        worker.unref();
        const later = [...this.#entries.values()].filter(entry => !entries.includes(entry));
        if (later.length > 0) this.#tell({ watch: later.map(({ place }) => place) });
      }
      for (const id of ids) this.#watched(id);
    });
    worker.once('error', error => {
      reason = error instanceof Error ? error.message : String(error);
    });
    worker.once('exit', () => this.#ended(reason));
  }

  #watched(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.seen = true;
    entry.thread.watched();
    entry.resolve();
  }

  #ended(reason: string): void {
    const begun = this.#begun;
    this.#worker = undefined;
    this.#begun = false;
    for (const [id, { thread, seen, reject }] of this.#entries) {
      if (seen) thread.lost();
      else if (!begun) {
        this.#entries.delete(id);
        reject(new PluginError('PLUGIN_DOWN', `the watchdog of callbacks could not be started: ${reason}`));
      }
    }
    if (this.#entries.size === 0) return;
    if (begun) {
      process.emitWarning(`the watchdog of callbacks ended (${reason}); another one is started`);
      this.#start();
    } else setTimeout(() => this.#startAgain(), RETRY).unref();
  }

  #startAgain(): void {
    if (this.#worker === undefined && this.#entries.size > 0) this.#start();
  }
}
