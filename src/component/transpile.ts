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
  readonly bytes: Uint8Array;
  readonly waits: boolean;
}

/** What the thread answers with. */
export type Answer = { readonly done: Transpiled } | { readonly failed: string };

interface Job {
  resolve(done: Transpiled): void;
  reject(error: Error): void;
}

/** A thread that jco runs in, for one component after the other; its memory goes with it. */
class Thread {
  readonly #worker: Worker;
  #job: Job | undefined;
  /** Why it takes no more; empty: it does. */
  #ended = '';

  constructor() {
    this.#worker = new Worker(THREAD, {
      name: 'weir transpile',
      resourceLimits: RESOURCES,
      execArgv: [],
      env: {},
      stdout: true,
      stderr: true,
    });
    this.#worker.on('message', (answer: Answer) => {
      if ('failed' in answer) return this.end(answer.failed);
      this.#job?.resolve(answer.done);
      this.#job = undefined;
    });
    this.#worker.on('error', error => this.end(error instanceof Error ? error.message : String(error)));
    this.#worker.on('exit', () => this.end('its thread ended'));
  }

  get ended(): boolean {
    return this.#ended !== '';
  }

  /** @throws ModuleError, and then it has ended: what jco failed at may have left it unable to do more */
  transpile(question: Question): Promise<Transpiled> {
    const timer = setTimeout(() => this.end(`it takes more than ${PATIENCE / 1000} s`), PATIENCE);
    return new Promise<Transpiled>((resolve, reject) => {
      this.#job = { resolve, reject };
      if (this.ended) reject(refused(this.#ended));
      else this.#worker.postMessage(question);
    }).finally(() => clearTimeout(timer));
  }

  end(reason: string): void {
    if (this.ended) return;
    this.#ended = reason || 'it failed';
    this.#job?.reject(refused(this.#ended));
    void this.#worker.terminate();
  }
}

function refused(reason: string): ModuleError {
  const line = reason
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, 500);
  return new ModuleError(
    'MODULE_MALFORMED',
    `the component can't be transpiled by jco: ${line} (check it with wasm-tools validate, or rebuild it)`,
  );
}

let thread: Thread | undefined;
/** Components that wait for the thread, the one that it has included. */
let waiting = 0;
let last: Promise<unknown> = Promise.resolve();

/**
 * Transpiles a component, off this thread, after those that came before it: what one of them does to jco is not
 * another's fault. The bytes must be a component's. `waits`: its handler of requests may be suspended, by JSPI.
 * @throws ModuleError MODULE_MALFORMED
 */
export function transpile(bytes: Uint8Array, waits: boolean): Promise<Transpiled> {
  waiting++;
  const done = last.then(() => next({ bytes, waits }));
  last = done.catch(() => {});
  return done;
}

async function next(question: Question): Promise<Transpiled> {
  if (thread === undefined || thread.ended) thread = new Thread();
  try {
    return await thread.transpile(question);
  } finally {
    if (--waiting === 0) thread.end('nothing is left to do');
  }
}
