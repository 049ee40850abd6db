import type { ResourceLimits } from 'node:worker_threads';
import type { WeirConfig } from '../../config/types.ts';
import { type WatchedThread, Watching } from '../../engine/interrupt/watching.ts';
import type { WeirError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { BackOff } from '../../plugin/back-off.ts';
import { type PostedFilter, posted } from '../../plugin/posted.ts';
import type { Binding, BoundAddress } from '../../proxy/listener.ts';
import { AdminListener } from '../admin.ts';
import type { CompiledModules } from '../filter-modules.ts';
import { filtersInUse, singletonsOf } from '../filters-in-use.ts';
import { Metrics } from '../metrics.ts';
import { openModules } from '../open-modules.ts';
import { type Reading, readModules, sum } from '../reading.ts';
import { SharedState } from '../shared-state.ts';
import { type RunningWeir, urlOf } from '../weir.ts';
import type { LogLevels, PostedLine, WorkerData } from './messages.ts';
import { levelsOf, writeLines } from './posted-log.ts';
import { probe } from './probe.ts';
import { ServingWorker, type WorkerHost } from './worker.ts';

/** Weir with worker threads. */
export interface RunningWorkers extends RunningWeir {
  /** Those that there are now, by their numbers. */
  readonly workers: readonly ServingWorker[];
}

export interface WorkersOptions {
  /** At least 1. */
  readonly count: number;
  /** Of each worker's heap; default: Node's. */
  readonly resourceLimits?: ResourceLimits;
  /** How often workers are asked for a sign of life, and after how many without one they are replaced. */
  readonly pulse?: { readonly every: number; readonly missed: number };
}

/** How workers that ended are replaced: the first time at once. */
const RESTART = { firstDelay: 100, maxDelay: 30_000, crashesPerMinute: 20 };
/** ms that a worker has for an answer to somebody who asks for metrics. */
const READ_LIMIT = 1000;
/** ms that a worker has for its end, beyond what requests in flight have. */
const CLOSE_LIMIT = 2000;
/** ms between two readings of each worker: what one counted since is all that is lost of it when it dies. */
const PULSE = 5000;
/** ms that a worker may be silent, beyond what its filters may take. */
const SILENCE = 30_000;
/** Modules that are compiled before a worker asks for them. */
const AHEAD = 16;

/**
 * Starts workers that serve a configuration, and replaces those that die.
 * @throws StartError with every filter's fault, once; WeirError LISTEN_FAILED, WORKER_FAILED. Nothing stays open then.
 */
export async function startWorkers(
  config: WeirConfig,
  log: Log,
  options: WorkersOptions,
): Promise<RunningWorkers> {
  const workers = new Workers(config, log, options);
  try {
    await workers.start();
    return workers;
  } catch (error) {
    await workers.abandon();
    throw error;
  }
}

/** Filters are bounded: whoever is silent for longer than any of them may be hangs. */
function pulseOf({ filters }: WeirConfig): { every: number; missed: number } {
  // A stretch of wasi:http may take five times as long as a callback.
  const longest = [...filters.values()].map(({ limits }) => Math.max(5 * limits.callTime, limits.startTime));
  return { every: PULSE, missed: Math.ceil((SILENCE + Math.max(0, ...longest)) / PULSE) };
}

class Workers implements RunningWorkers, WorkerHost {
  admin: string | undefined;
  addresses: RunningWeir['addresses'] = [];
  readonly #config: WeirConfig;
  readonly #log: Log;
  readonly #options: WorkersOptions;
  readonly #levels = new Map<ServingWorker, LogLevels>();
  readonly #watched = new Map<ServingWorker, WatchedThread>();
  readonly #watching = Watching.ofThread();
  readonly #modules: Promise<CompiledModules>;
  /** By number; those that are to be replaced are left out. */
  readonly #workers = new Map<number, ServingWorker>();
  readonly #backOffs = new Map<number, BackOff>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #metrics: Metrics;
  readonly #state: SharedState;
  readonly #adminListener: AdminListener | undefined;
  /** Of workers that have ended. */
  #past: Reading = {};
  #restarts = 0;
  #bindings: readonly Binding[] = [];
  /** Who runs the services of which there is one in the process. */
  #leader: ServingWorker | undefined;
  /** Nobody is replaced before all have started, nor when all end. */
  #keeps = false;
  #closing: Promise<void> | undefined;
  #pulse: NodeJS.Timeout | undefined;
  /** Those that have not ended, whatever they are told. */
  #threads = 0;

  constructor(config: WeirConfig, log: Log, options: WorkersOptions) {
    this.#config = config;
    this.#log = log;
    this.#options = options;
    this.#state = new SharedState(config.sharedData, filtersInUse(config, true));
    this.#metrics = new Metrics(() => this.#read(), this.#state.metrics);
    // They load their code while the modules are compiled.
    for (let number = 1; number <= options.count; number++) this.#add(number, number === 1);
    this.#leader = this.#workers.get(1);
    this.#modules = this.#openModules();
    // Who needs it gets the error.
    this.#modules.catch(() => {});
    const { admin } = config;
    this.#adminListener =
      admin && new AdminListener(admin, this.#metrics, () => this.workers.some(({ serving }) => serving));
  }

  get workers(): readonly ServingWorker[] {
    return [...this.#workers.values()].sort((a, b) => a.number - b.number);
  }

  get threads(): number {
    return this.#threads;
  }

  /** The first worker tells of faults, and finds the ports that the others take. */
  async start(): Promise<void> {
    const { listeners } = this.#config;
    const [first, ...others] = this.workers;
    await first!.start();
    this.admin = await this.#adminListener?.listen();
    await probe(listeners);
    const bound = await first!.listen(listeners.map(() => ({ reusePort: true })));
    this.#bindings = bound.map(({ port }) => ({ port, reusePort: true }));
    this.addresses = bound.map((address: BoundAddress) => ({
      listener: address.listener,
      url: urlOf(address),
    }));
    await Promise.all(others.map(worker => this.#serve(worker)));
    this.#keeps = true;
    const { every, missed } = this.#options.pulse ?? pulseOf(this.#config);
    this.#pulse = setInterval(() => this.#feelPulses(missed, every), every).unref();
    // One may have died since.
    for (const number of this.#backOffs.keys()) if (!this.#workers.has(number)) this.#replaceLater(number);
    this.#lead();
  }

  metrics(): Promise<string> {
    return this.#metrics.text();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends everything, at once where no filter has started. */
  async abandon(): Promise<void> {
    this.#stopReplacing();
    await Promise.all(
      this.workers.map(worker => (worker.started ? worker.close(0, CLOSE_LIMIT) : worker.terminate())),
    );
    await this.#adminListener?.close();
  }

  // WorkerHost

  async compile(name: string): Promise<PostedFilter> {
    const filter = this.#config.filters.get(name);
    if (filter === undefined) throw new Error(`there is no filter ${name}`);
    return posted(await (await this.#modules).compile(filter));
  }

  watch(worker: ServingWorker, page: SharedArrayBuffer, thread: string | undefined): Promise<void> {
    const watched: WatchedThread = {
      page,
      thread,
      watched: () => worker.post({ kind: 'watched' }),
      lost: () => worker.post({ kind: 'lost' }),
    };
    this.#watched.set(worker, watched);
    return this.#watching.watch(watched);
  }

  write(worker: ServingWorker, lines: readonly PostedLine[]): void {
    writeLines(this.#log, worker.number, this.#levels.get(worker)!, lines);
  }

  async #openModules(): Promise<CompiledModules> {
    const modules = await openModules(this.#config.modules, this.#log);
    const eager = filtersInUse(this.#config, true).filter(filter => filter.preload);
    // Faults are told when a worker asks.
    for (const filter of eager.slice(0, AHEAD)) modules.compile(filter).catch(() => {});
    return modules;
  }

  #add(number: number, singletons = false): ServingWorker {
    const log = levelsOf(this.#log);
    const { stackTraceLimit } = Error;
    const data: WorkerData = {
      number,
      config: this.#config,
      bell: this.#watching.bell,
      log,
      stackTraceLimit,
      singletons,
      state: this.#state.handle(number - 1),
    };
    const worker = new ServingWorker(data, this, this.#options.resourceLimits);
    this.#threads++;
    this.#levels.set(worker, log);
    this.#workers.set(number, worker);
    if (!this.#backOffs.has(number)) this.#backOffs.set(number, new BackOff(RESTART));
    void worker.ended.then(reason => this.#ended(worker, reason));
    return worker;
  }

  async #serve(worker: ServingWorker): Promise<void> {
    await worker.start();
    await worker.listen(this.#bindings);
  }

  #ended(worker: ServingWorker, reason: string): void {
    this.#threads--;
    const { number } = worker;
    const watched = this.#watched.get(worker);
    if (watched !== undefined) this.#watching.unwatch(watched);
    this.#watched.delete(worker);
    this.#state.recover(number - 1);
    this.#levels.delete(worker);
    if (this.#workers.get(number) === worker) this.#workers.delete(number);
    this.#past = sum([this.#past, worker.lastReading], true);
    if (this.#leader === worker) this.#leader = undefined;
    if (!this.#keeps) return;
    this.#log.error(
      { worker: number, reason },
      `worker ${number} ended: ${reason}; another one takes its place`,
    );
    this.#replaceLater(number);
    this.#lead();
  }

  #replaceLater(number: number): void {
    const backOff = this.#backOffs.get(number)!;
    backOff.failed();
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#replace(number);
    }, backOff.wait());
    this.#timers.add(timer);
  }

  async #replace(number: number): Promise<void> {
    const worker = this.#add(number);
    try {
      await this.#serve(worker);
      this.#restarts++;
      this.#log.info({ worker: number }, `worker ${number} serves again`);
      this.#lead();
    } catch (error) {
      // What ended by itself has been told about.
      const { code, message } = error as WeirError;
      if (this.#keeps && code !== 'WORKER_FAILED') this.#log.error({ worker: number, code }, message);
      await worker.terminate();
    }
  }

  /** One of those that serve takes the services of which there is one, when nobody has them. */
  #lead(): void {
    if (this.#leader !== undefined || !this.#keeps) return;
    this.#leader = this.workers.find(({ serving }) => serving);
    if (singletonsOf(this.#config).length > 0) this.#leader?.post({ kind: 'singletons' });
  }

  /** One that hangs would take connections, and never answer. */
  #feelPulses(missed: number, every: number): void {
    for (const worker of this.workers) {
      if (!worker.serving || worker.pulse() < missed) continue;
      void worker.terminate(`it hung: no sign of life for ${(missed * every) / 1000} s`);
    }
  }

  async #read(): Promise<readonly Reading[]> {
    const { workers } = this;
    const readings = await Promise.all(workers.map(worker => worker.read(READ_LIMIT)));
    const serving = workers.filter(worker => worker.serving).length;
    const own: Reading = { workers: [[[], serving]], worker_restarts_total: [[[], this.#restarts]] };
    // Not before: who ended while it was asked is in what is past, and not counted twice.
    const living = readings.filter((_, i) => this.#workers.get(workers[i]!.number) === workers[i]);
    return [own, this.#past, ...living, readModules(await this.#modules)];
  }

  #stopReplacing(): void {
    this.#keeps = false;
    clearInterval(this.#pulse);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  async #close(): Promise<void> {
    this.#stopReplacing();
    const { drain } = this.#config.shutdown;
    await Promise.all(
      this.workers.map(async worker => {
        if (await worker.close(drain, CLOSE_LIMIT)) return;
        this.#log.error({ worker: worker.number }, `worker ${worker.number} did not end in time: terminated`);
      }),
    );
    await this.#adminListener?.close();
  }
}
