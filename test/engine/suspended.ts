import { bracketExports, bracketImports } from '../../src/engine/bracket.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { Segments } from '../../src/engine/interrupt/segments.ts';
import { ENGINE_MODULE, rewrite } from '../../src/engine/rewrite/index.ts';
import { engineImports, LIMITS } from './rewrite/run.ts';
import { wat } from './rewrite/wat.ts';

export type Fn = (...args: unknown[]) => unknown;
export type Exports = Record<string, Fn>;

/** What the types don't know yet. */
export const jspi = WebAssembly as unknown as {
  Suspending: new (fn: Fn) => WebAssembly.ImportValue;
  promising(fn: Fn): (...args: unknown[]) => Promise<unknown>;
};

export const interrupter = await Interrupter.ofThread();

/** Plenty: only loops without an end use it up. */
export const BUDGET = 150;

export const segments = (budget = BUDGET, total?: number) =>
  new Segments(interrupter, total === undefined ? { budget } : { budget, total });

/** A core module as the engine makes it, to be instantiated many times. */
export class Core {
  readonly #rewritten;
  readonly #module: WebAssembly.Module;

  constructor(text: string) {
    this.#rewritten = rewrite(wat(text), LIMITS);
    this.#module = new WebAssembly.Module(this.#rewritten.bytes as Uint8Array<ArrayBuffer>);
  }

  /** One instance, bracketed. */
  make(of: Segments, imports: Record<string, Record<string, unknown>> = {}): Exports {
    const { facts } = this.#rewritten;
    const all = {
      ...(imports as WebAssembly.Imports),
      [ENGINE_MODULE]: engineImports(this.#rewritten, interrupter.memory),
    };
    const bracketed = bracketImports(this.#module, all, facts.imports, of);
    const { exports } = of.run(() => new WebAssembly.Instance(this.#module, bracketed));
    return bracketExports(exports, facts.exports, of) as unknown as Exports;
  }
}

/** A promise to be resolved by the test. */
export function later(): {
  readonly promise: Promise<unknown>;
  go(value?: unknown): void;
  fail(e: Error): void;
} {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  return { promise, go: resolve, fail: reject };
}

export const turn = () => new Promise<void>(done => setImmediate(done));

/** Takes the thread for so long. */
export function busy(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}
