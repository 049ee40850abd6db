import { Script } from 'node:vm';
import { ModuleError } from '../errors.ts';
import { COUNTED } from './copies.ts';

/** A core module as the glue passes it about: whatever `getCoreModule` gave. */
export type GetCore<T> = (name: string) => T;
export type InstantiateCore<T> = (core: T, imports?: WebAssembly.Imports) => { exports: WebAssembly.Exports };
export type ComponentImports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
export type ComponentExports = Readonly<Record<string, unknown>>;

/** What jco's code is: makes an instance of the component. */
export type Instantiate = <T>(
  getCore: GetCore<T>,
  imports: ComponentImports,
  instantiateCore: InstantiateCore<T>,
) => ComponentExports;

/** Raised when what is done to the glue changes: goes into the names of artefacts on disk. */
export const GLUE = 6;

/** In place of the global ones: jco asks the environment at every call whether to log, and complains on stderr. */
const NO_GLOBALS = { WebAssembly };
const NO_CONSOLE = { debug() {}, error() {}, log() {}, warn() {} };

/** A guest's destructor runs when the host says so, within its budget: never when garbage is collected. */
class NoFinalization {
  register(): void {}
  unregister(): void {}
}

/** What COUNTED stands for. */
const PLAIN: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.keys(COUNTED).map(name => [name, (globalThis as unknown as Record<string, unknown>)[name]]),
);

const FILE = 'weir-component.js';

/** It takes a handle that was never given for a free one, and puts it on its list: one by one, without a limit. */
const REMOVE = /\bfunction rscTableRemove\((\w+),\s*(\w+)\)\s*\{/;
const KNOWN = 'if(!($2>0&&$2<$1.length>>1))throw new WebAssembly.RuntimeError("unknown handle index "+$2);';
/** It remembers all resources that ever were, by what their component calls them, and asks only in compositions. */
const REMEMBER = /\b(\w+)\._createdReps\.add\(\w+\)/g;
const ASKS = /\._createdReps\.has\(/;
const REMEMBERED_MAX = 1 << 18;
const UP_TO = `($1._createdReps.size<${REMEMBERED_MAX}||(()=>{throw new WebAssembly.RuntimeError("more than ${REMEMBERED_MAX} resources in a composition")})(),$&)`;

/**
 * The task that it makes for an import that was called past it, straight from the core module: it is resolved and never
 * left, so that each call would stay for ever, and be looked through by the next.
 */
const RESOLVED = /\b(\w+)&&\1\.resolve\(\[(\w+)\]\),\2\}/;
const LEFT = '$1&&($1.resolve([$2]),$1.exit()),$2}';

/** The glue as an expression: a function of what it would take from the global object. */
function expression(glue: string): string {
  const body = glue
    .replace(/\bexport function instantiate\b/, 'function instantiate')
    .replace(/\bexport const _util\b/, 'const _util')
    .replace(REMOVE, `$&${KNOWN}`)
    .replace(RESOLVED, LEFT)
    .replace(REMEMBER, ASKS.test(glue) ? UP_TO : '0');
  return `(function(globalThis,console,FinalizationRegistry,${Object.keys(COUNTED).join()}){${body}\n;return instantiate})`;
}

/** Loaded code as it goes to another thread. */
export interface PostedGlue {
  readonly expression: string;
  readonly waits: boolean;
  readonly code: Uint8Array;
}

/** jco's code, loaded: once per component, since every load costs memory. */
export class Glue {
  readonly instantiate: Instantiate;
  readonly #script: Script;
  /** V8 holds on to the same string. */
  readonly #expression: string;
  readonly #waits: boolean;
  /** False: V8 compiled it from the text, since what was kept was of no use to it. */
  readonly fromCode: boolean;

  /**
   * `waits`: JSPI may suspend it, and what it copies is bounded by its imports (http/lists.ts). `code`: what `code()` gave
   * in an earlier process.
   * @throws ModuleError MODULE_UNSUPPORTED
   */
  constructor(glue: string | PostedGlue, waits: boolean, code?: Uint8Array) {
    this.#expression = typeof glue === 'string' ? expression(glue) : glue.expression;
    this.#waits = waits;
    try {
      const cached = code === undefined || code.length === 0 ? {} : { cachedData: Buffer.from(code) };
      this.#script = new Script(this.#expression, { filename: FILE, ...cached });
      this.fromCode = this.#script.cachedDataRejected === false;
      const load = this.#script.runInThisContext() as (...globals: readonly unknown[]) => Instantiate;
      this.instantiate = load(
        NO_GLOBALS,
        NO_CONSOLE,
        NoFinalization,
        ...Object.values(waits ? PLAIN : COUNTED),
      );
    } catch (error) {
      throw new ModuleError(
        'MODULE_UNSUPPORTED',
        `what jco made of the component can't be loaded: ${String(error)}`,
        {
          cause: error,
        },
      );
    }
  }

  /** From another thread. @throws ModuleError MODULE_UNSUPPORTED */
  static received(glue: PostedGlue): Glue {
    return new Glue(glue, glue.waits, glue.code);
  }

  posted(): PostedGlue {
    return { expression: this.#expression, waits: this.#waits, code: this.code() };
  }

  /** What V8 compiled so far, for a later process. */
  code(): Buffer {
    return this.#script.createCachedData();
  }
}

/** What the glue throws when a guest breaks the canonical ABI, as the guest's trap; anything else as it is. */
export function asTrap(error: unknown): unknown {
  if (!(error instanceof TypeError || error instanceof RangeError) || !thrownByGlue(error)) return error;
  const fault = new WebAssembly.RuntimeError(`canonical ABI: ${error.message}`);
  fault.stack = error.stack ?? '';
  return fault;
}

function thrownByGlue({ message, stack = '' }: Error): boolean {
  if (/call stack/.test(message)) return false;
  // Whoever called a function of the engine, of Node or of copies.ts.
  const frame = stack
    .split('\n')
    .find(line => /^ {4}at /.test(line) && !/\(<anonymous>\)$|\bnode:|\bcopies\.[jt]s:/.test(line));
  return frame?.includes(FILE) === true;
}
