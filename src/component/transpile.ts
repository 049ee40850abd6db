import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ModuleError } from '../errors.ts';

/** A component taken apart by jco: its core modules, and the code that puts instances of them together. */
export interface Transpiled {
  /** JavaScript of jco's: `export function instantiate(getCoreModule, imports, instantiateCore)`. */
  readonly glue: string;
  readonly cores: readonly Core[];
}

/** A core module of a component, under the name that the glue asks for. */
export interface Core {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** `.ts` from source, `.js` in the build. */
const THREAD = new URL(`./transpile-thread${extname(import.meta.url)}`, import.meta.url);

/** MiB of JavaScript heap; jco's own memory, which is WebAssembly's, is bounded by 4 GiB. */
const RESOURCES = { maxOldGenerationSizeMb: 512 };

/** Longest a component may take, in ms: 12 MB of StarlingMonkey take half a second. */
const PATIENCE = 120_000;

/** What the thread is asked. */
export interface Question {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly waits: boolean;
}

/** What the thread answers with. */
export type Answer = { readonly id: number } & ({ readonly done: Transpiled } | { readonly failed: string });

interface Job {
  resolve(done: Transpiled): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

/** The thread that jco runs in: it is there while components are being transpiled, and its memory goes with it. */
class Thread {
  readonly #worker: Worker;
  readonly #jobs = new Map<number, Job>();
  #nextId = 1;
  /** It takes no more. */
  ended = false;

  constructor() {
    this.#worker = new Worker(THREAD, {
      name: 'weir transpile',
      resourceLimits: RESOURCES,
      execArgv: [],
      env: {},
      stdout: true,
      stderr: true,
    });
    let reason = 'its thread ended';
    this.#worker.on('message', (answer: Answer) => this.#answered(answer));
    this.#worker.on('error', error => {
      reason = error instanceof Error ? error.message : String(error);
    });
    this.#worker.on('exit', () => this.#failAll(reason));
  }

  transpile(bytes: Uint8Array, waits: boolean): Promise<Transpiled> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#failAll(`it takes more than ${PATIENCE / 1000} s`), PATIENCE);
      this.#jobs.set(id, { resolve, reject, timer });
      this.#worker.postMessage({ id, bytes, waits } satisfies Question);
    });
  }

  #answered(answer: Answer): void {
    const job = this.#jobs.get(answer.id);
    if (job === undefined) return;
    this.#jobs.delete(answer.id);
    clearTimeout(job.timer);
    if ('done' in answer) job.resolve(answer.done);
    else job.reject(refused(answer.failed));
    if (this.#jobs.size === 0) this.#end();
  }

  #failAll(reason: string): void {
    for (const job of this.#jobs.values()) {
      clearTimeout(job.timer);
      job.reject(refused(reason));
    }
    this.#jobs.clear();
    this.#end();
  }

  #end(): void {
    this.ended = true;
    void this.#worker.terminate();
  }
}

function refused(reason: string): ModuleError {
  const line = reason.replace(/\s+/g, ' ').trim().slice(0, 500);
  return new ModuleError(
    'MODULE_MALFORMED',
    `the component can't be transpiled by jco: ${line} (check it with wasm-tools validate, or rebuild it)`,
  );
}

let thread: Thread | undefined;

/**
 * Transpiles a component, off this thread. The bytes must be a component's. `waits`: its handler of requests may be
 * suspended, by JSPI.
 * @throws ModuleError MODULE_MALFORMED
 */
export function transpile(bytes: Uint8Array, waits: boolean): Promise<Transpiled> {
  if (thread === undefined || thread.ended) thread = new Thread();
  return thread.transpile(bytes, waits);
}
