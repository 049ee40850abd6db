import { ModuleError } from '../errors.ts';
import type { Segments } from './interrupt/segments.ts';
import { Writer } from './rewrite/writer.ts';

type Fn = (...args: unknown[]) => unknown;
type Signatures = Readonly<Record<string, string>>;

/** Of an adapter module: what it imports from, beside the functions that it adapts. */
const SEGMENTS = 's';
const FUNCTIONS = 'f';

// The types know nothing of JSPI yet.
const { Suspending } = WebAssembly as unknown as { Suspending: new (fn: Fn) => object };

/** Adapters of a module's exports, and of those of its imports that suspend: compiled once per module. */
const exportAdapters = new WeakMap<Signatures, WebAssembly.Module>();
const importAdapters = new WeakMap<WebAssembly.Module, Map<string, WebAssembly.Module>>();
const importedFunctions = new WeakMap<WebAssembly.Module, readonly ImportedFunction[]>();

interface ImportedFunction {
  readonly module: string;
  readonly name: string;
  readonly signature: string;
}

/**
 * What to instantiate a module of an instance with, in place of `imports`: calls of imports that suspend end the
 * guest's segment and begin the next one, on the guest's own stack; calls of other functions of the host are known
 * as such. Functions of other core modules stay as they are. For every core module of the instance: suspending
 * imports reach the guest through a table too, filled by a module that does nothing else.
 *
 * `signatures` are `facts.imports`.
 * @throws ModuleError MODULE_UNSUPPORTED when what suspends is imported as a function with references
 */
export function bracketImports(
  module: WebAssembly.Module,
  imports: WebAssembly.Imports,
  signatures: readonly string[],
  segments: Segments,
): WebAssembly.Imports {
  // A module may call what it imports __proto__.
  const bracketed: Record<string, Record<string, WebAssembly.ImportValue>> = Object.create(null);
  for (const [from, values] of Object.entries(imports))
    bracketed[from] = Object.assign(Object.create(null), values);
  const calls: { readonly target: ImportedFunction; readonly value: object }[] = [];
  for (const target of functionsOf(module, signatures)) {
    const value = imports[target.module]?.[target.name];
    if (value instanceof Suspending) calls.push({ target, value });
    else if (typeof value === 'function' && !isWasm(value))
      bracketed[target.module]![target.name] = hosted(value as Fn, segments);
  }
  if (calls.length === 0) return bracketed;
  const adapters = importAdapter(
    module,
    calls.map(call => call.target.signature),
  );
  const { exports } = new WebAssembly.Instance(adapters, {
    [SEGMENTS]: {
      before: () => segments.leaving(),
      after: (was: number) => (segments.resumed(was) ? 1 : 0),
    },
    [FUNCTIONS]: Object.fromEntries(calls.map(({ value }, i) => [i, value as WebAssembly.ImportValue])),
  });
  calls.forEach(({ target }, i) => {
    bracketed[target.module]![target.name] = exports[i]!;
  });
  return bracketed;
}

/**
 * What to use in place of an instance's exports: its functions run in segments, whoever calls them, and can be given
 * to `WebAssembly.promising` and to other modules. `signatures` are `facts.exports`; functions with references, which
 * no component gives to its host, stay as they are.
 */
export function bracketExports(
  exports: WebAssembly.Exports,
  signatures: Signatures,
  segments: Segments,
): WebAssembly.Exports {
  const names = Object.keys(signatures).filter(name => !signatures[name]!.includes('r'));
  if (names.length === 0) return exports;
  let adapters = exportAdapters.get(signatures);
  if (adapters === undefined) {
    adapters = compileAdapters(
      names.map(name => signatures[name]!),
      exportBody,
      EXPORT_HOOKS,
    );
    exportAdapters.set(signatures, adapters);
  }
  const { exports: adapted } = new WebAssembly.Instance(adapters, {
    [SEGMENTS]: { before: () => (segments.entered() ? 1 : 0), after: () => segments.left() },
    [FUNCTIONS]: Object.fromEntries(names.map((name, i) => [i, exports[name]!])),
  });
  // Without a prototype, as the instance's own.
  const bracketed: Record<string, WebAssembly.ExportValue> = Object.assign(Object.create(null), exports);
  names.forEach((name, i) => {
    bracketed[name] = adapted[i]!;
  });
  return bracketed;
}

/** A function of the host that the guest calls: until it returns, the guest's segment can't have died. */
function hosted(fn: Fn, segments: Segments): (...args: unknown[]) => unknown {
  return (...args) => {
    const outer = segments.inHost;
    segments.inHost = true;
    try {
      return fn(...args);
    } finally {
      segments.inHost = outer;
    }
  };
}

const probe = new WebAssembly.Table({ element: 'anyfunc', initial: 1 });

/** Whether a function is one of a module: around those there may be no JavaScript, which can't be suspended. */
function isWasm(fn: { readonly name?: unknown }): boolean {
  // Its name is its index (WebAssembly JavaScript Interface, "exported function"): what costs an exception is rare then.
  const { name } = fn;
  if (typeof name !== 'string' || !(name.charCodeAt(0) >= 48 && name.charCodeAt(0) <= 57)) return false;
  try {
    probe.set(0, fn);
  } catch {
    return false;
  }
  probe.set(0, null);
  return true;
}

function functionsOf(module: WebAssembly.Module, signatures: readonly string[]): readonly ImportedFunction[] {
  let functions = importedFunctions.get(module);
  if (functions === undefined) {
    functions = WebAssembly.Module.imports(module)
      .filter(entry => entry.kind === 'function')
      .map(({ module: from, name }, i) => ({ module: from, name, signature: signatures[i]! }));
    importedFunctions.set(module, functions);
  }
  return functions;
}

/** Which imports suspend is the host's choice: most often the same one for all instances. */
function importAdapter(module: WebAssembly.Module, signatures: readonly string[]): WebAssembly.Module {
  const known = importAdapters.get(module) ?? new Map<string, WebAssembly.Module>();
  importAdapters.set(module, known);
  const key = signatures.join();
  const adapters = known.get(key) ?? compileAdapters(signatures, importBody, IMPORT_HOOKS);
  known.set(key, adapters);
  return adapters;
}

const [TYPE, IMPORT, FUNCTION, EXPORT, CODE] = [1, 2, 3, 7, 10] as const;
const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const FUNC = 0x60;
const NOTHING = 0x40;
const I32 = 0x7f;
const TYPES: Readonly<Record<string, number>> = { i: I32, l: 0x7e, f: 0x7d, d: 0x7c, v: 0x7b };

/** Types of `before` and `after`: functions 0 and 1 of each adapter module. */
const EXPORT_HOOKS = [':i', ':'] as const;
const IMPORT_HOOKS = [':i', 'i:i'] as const;
const BEFORE = [0x10, 0];
const AFTER = [0x10, 1];

/** Writes the body of an adapter: `params` there are, local `params` is free, `target` is called; `block` gives its results. */
type Body = (out: Writer, params: number, target: number, block: number) => void;

/** was = before(); f(…); if (was) after() */
const exportBody: Body = (out, params, target) => {
  out.all([...BEFORE, 0x21]);
  out.leb(params);
  pass(out, params, target);
  out.byte(0x20);
  out.leb(params);
  out.all([0x04, NOTHING, ...AFTER, 0x0b]);
};

/**
 * was = before(); try { f(…) } catch_all { resume; rethrow } resume, where resume is: if (!after(was)) unreachable.
 * Exceptions of the older proposal: V8 13.6 has no others.
 */
const importBody: Body = (out, params, target, block) => {
  const resume = () => {
    out.byte(0x20);
    out.leb(params);
    out.all([...AFTER, 0x45, 0x04, NOTHING, 0x00, 0x0b]);
  };
  out.all([...BEFORE, 0x21]);
  out.leb(params);
  out.byte(0x06);
  out.leb(block);
  pass(out, params, target);
  out.byte(0x19);
  resume();
  out.all([0x09, 0x00, 0x0b]);
  resume();
};

function pass(out: Writer, params: number, target: number): void {
  for (let i = 0; i < params; i++) {
    out.byte(0x20);
    out.leb(i);
  }
  out.byte(0x10);
  out.leb(target);
}

/**
 * A module that exports, as `0`, `1` and so on, a function of each signature around one that it imports.
 * @throws ModuleError MODULE_UNSUPPORTED
 */
function compileAdapters(
  signatures: readonly string[],
  body: Body,
  hooks: readonly [string, string],
): WebAssembly.Module {
  const types = new Map<string, number>(hooks.map((hook, i) => [hook, i]));
  const typeOf = (signature: string) => {
    const index = types.get(signature) ?? types.size;
    types.set(signature, index);
    return index;
  };
  const count = signatures.length;
  const of = signatures.map(typeOf);
  // A block without parameters that gives what the function gives.
  const blocks = signatures.map(signature => typeOf(signature.slice(signature.indexOf(':'))));
  const out = new Writer(1024);
  out.all(HEADER);
  const texts = [...types.keys()];
  vector(out, TYPE, texts.length, (s, i) => {
    const [params = '', results = ''] = texts[i]!.split(':');
    s.byte(FUNC);
    values(s, params);
    values(s, results);
  });
  vector(out, IMPORT, count + 2, (s, i) => {
    s.text(i < 2 ? SEGMENTS : FUNCTIONS);
    s.text(i < 2 ? HOOK_NAMES[i]! : String(i - 2));
    s.byte(0);
    s.leb(i < 2 ? i : of[i - 2]!);
  });
  vector(out, FUNCTION, count, (s, i) => s.leb(of[i]!));
  vector(out, EXPORT, count, (s, i) => {
    s.text(String(i));
    s.byte(0);
    s.leb(count + 2 + i);
  });
  vector(out, CODE, count, (s, i) => {
    const code = new Writer(64);
    code.all([1, 1, I32]);
    body(code, signatures[i]!.indexOf(':'), i + 2, blocks[i]!);
    code.byte(0x0b);
    s.leb(code.at);
    s.all(code.done());
  });
  return new WebAssembly.Module(out.done());
}

const HOOK_NAMES = ['before', 'after'] as const;

function vector(out: Writer, id: number, count: number, entry: (s: Writer, i: number) => void): void {
  const section = new Writer(256);
  section.leb(count);
  for (let i = 0; i < count; i++) entry(section, i);
  out.byte(id);
  out.leb(section.at);
  out.all(section.done());
}

function values(out: Writer, letters: string): void {
  out.leb(letters.length);
  for (const letter of letters) {
    const type = TYPES[letter];
    if (type === undefined)
      throw new ModuleError('MODULE_UNSUPPORTED', 'a function that suspends its caller has references');
    out.byte(type);
  }
}
