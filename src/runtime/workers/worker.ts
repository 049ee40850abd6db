import { getCompileCacheDir } from 'node:module';
import { dirname, extname } from 'node:path';
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { WeirError } from '../../errors.ts';
import type { PostedFilter } from '../../plugin/posted.ts';
import type { Binding, BoundAddress } from '../../proxy/listener.ts';
import type { Reading } from '../reading.ts';
import { StartError } from '../start-error.ts';
import type { FromWorker, PostedLine, ToWorker, WorkerData } from './messages.ts';
import { postedError, receivedError } from './posted-error.ts';

/** `.ts` from source, `.js` in the build. */
const THREAD = new URL(`./worker-thread${extname(import.meta.url)}`, import.meta.url);

/** As deep as in the main thread: what a recursion takes on its way back isn't interrupted at once. Node takes 0.19 of it. */
const STACK_MB = 1.2;

/** The question of a pulse: nobody waits for the answer. */
const PULSE = -1;

/** What a worker needs from the main thread. */
export interface WorkerHost {
  /** @throws ModuleError */
  compile(filter: string): Promise<PostedFilter>;
  /** Resolves when the thread is watched; from then on it's told whenever that changes. @throws PluginError */
  watch(worker: ServingWorker, page: SharedArrayBuffer, thread: string | undefined): Promise<void>;
  write(worker: ServingWorker, lines: readonly PostedLine[]): void;
}

/** A worker thread, as the main thread sees it. */
export class ServingWorker {
  readonly number: number;
  /** Its filters have started: their contexts should end. */
  started = false;
  /** It serves: it listens, and has not ended. */
  serving = false;
  /** What it counted when it was last asked. */
  lastReading: Reading = {};
  /** Resolves with the reason when its thread has ended; never rejects. */
  readonly ended: Promise<string>;
  readonly #thread: Worker;
  readonly #host: WorkerHost;
  /** Of what it was told to do last. */
  #task: PromiseWithResolvers<readonly BoundAddress[]> | undefined;
  readonly #readings = new Map<number, (reading: Reading) => void>();
  #reads = 0;
  #listens = false;
  /** Pulses since it last said anything. */
  #silent = 0;
  #reason = '';
  #over = false;

  constructor(data: WorkerData, host: WorkerHost, limits: ResourceLimits = {}) {
    this.number = data.number;
    this.#host = host;
    // A thread has a code cache only by this variable; Node adds a folder of its version to what it is told.
    const code = getCompileCacheDir();
    this.#thread = new Worker(THREAD, {
      name: `weir worker ${data.number}`,
      workerData: data,
      resourceLimits: { stackSizeMb: STACK_MB, ...limits },
      ...(code !== undefined && { env: { ...process.env, NODE_COMPILE_CACHE: dirname(code) } }),
    });
    this.#thread.on('message', (message: FromWorker) => this.#onMessage(message));
    this.#thread.on('error', error => {
      this.#reason = reasonOf(error);
    });
    this.ended = new Promise(resolve => {
      this.#thread.once('exit', code => {
        this.#onExit(code);
        resolve(this.#reason);
      });
    });
  }

  /** Of Node's; -1 when it has ended. */
  get threadId(): number {
    return this.#thread.threadId;
  }

  /** Its filters start. @throws StartError with every filter's fault; WeirError WORKER_FAILED: it ended */
  async start(): Promise<void> {
    await this.#told({ kind: 'start' });
    this.started = true;
  }

  /** It listens, and serves. @throws WeirError LISTEN_FAILED; WORKER_FAILED: it ended */
  async listen(bindings: readonly Binding[]): Promise<readonly BoundAddress[]> {
    const bound = await this.#told({ kind: 'listen', bindings });
    this.serving = true;
    this.#listens = true;
    return bound;
  }

  /** What it counted until now; what it said last when it doesn't answer within `limit` ms. */
  async read(limit: number): Promise<Reading> {
    if (!this.#listens || this.#over) return this.lastReading;
    const id = this.#reads++;
    let timer: NodeJS.Timeout | undefined;
    const answer = new Promise<Reading>(resolve => {
      this.#readings.set(id, resolve);
      timer = setTimeout(() => resolve(this.lastReading), limit);
    });
    this.post({ kind: 'read', id });
    const reading = await answer;
    clearTimeout(timer);
    this.#readings.delete(id);
    return reading;
  }

  /**
   * Asks what it has counted, without waiting: what it says will be there when it dies. Returns how often it was asked so
   * before and has said nothing since.
   */
  pulse(): number {
    this.post({ kind: 'read', id: PULSE });
    return this.#silent++;
  }

  /** Lets requests in flight end, `drain` ms at the most. False: it had to be terminated, `limit` ms after that. */
  async close(drain: number, limit: number): Promise<boolean> {
    this.serving = false;
    this.post({ kind: 'close', drain });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>(resolve => {
      timer = setTimeout(resolve, drain + limit, false);
    });
    const inTime = await Promise.race([this.ended.then(() => true), late]);
    clearTimeout(timer);
    if (!inTime) await this.terminate();
    return inTime;
  }

  /** Ends it at once, whatever it does; but a call into the system that blocks comes to its own end first. `reason`: why, for `ended`. */
  async terminate(reason = ''): Promise<void> {
    this.serving = false;
    this.#reason ||= reason;
    await this.#thread.terminate();
    await this.ended;
  }

  post(message: ToWorker): void {
    this.#thread.postMessage(message);
  }

  #told(message: ToWorker): Promise<readonly BoundAddress[]> {
    this.#task = Promise.withResolvers();
    if (this.#over) this.#task.reject(this.#failure());
    else this.post(message);
    return this.#task.promise;
  }

  #onMessage(message: FromWorker): void {
    this.#silent = 0;
    switch (message.kind) {
      case 'watch':
        this.#host.watch(this, message.page, message.thread).then(undefined, (error: unknown) => {
          this.post({ kind: 'unwatched', error: postedError(error) });
        });
        break;
      case 'compile':
        void this.#compile(message.id, message.filter);
        break;
      case 'started':
        this.#task?.resolve([]);
        break;
      case 'listening':
        this.#task?.resolve(message.bound);
        break;
      case 'failed': {
        const errors = message.errors.map(receivedError);
        const [first] = errors;
        this.#task?.reject(first?.code === 'LISTEN_FAILED' ? first : new StartError(errors));
        break;
      }
      case 'reading':
        this.lastReading = message.reading;
        this.#readings.get(message.id)?.(message.reading);
        break;
      case 'log':
        this.#host.write(this, message.lines);
        break;
      case 'closed':
        break;
    }
  }

  async #compile(id: number, filter: string): Promise<void> {
    try {
      this.post({ kind: 'compiled', id, filter: await this.#host.compile(filter) });
    } catch (error) {
      this.post({ kind: 'refused', id, error: postedError(error) });
    }
  }

  #onExit(code: number): void {
    this.serving = false;
    this.#over = true;
    this.#reason ||= `its thread ended with code ${code}`;
    this.#task?.reject(this.#failure());
    for (const resolve of this.#readings.values()) resolve(this.lastReading);
  }

  #failure(): WeirError {
    return new WeirError('WORKER_FAILED', `worker ${this.number} ended: ${this.#reason}`);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? 'out of memory'
    : error.message;
}
