import type { CompiledModule } from '../engine/compile.ts';
import { ENGINE_MODULE } from '../engine/rewrite/names.ts';
import { ModuleError } from '../errors.ts';
import type { HostcallFactory, HostcallTable } from './guest.ts';
import { HOSTCALLS } from './hostcalls/index.ts';
import {
  CALLBACK_TYPES,
  EMSCRIPTEN_TYPES,
  HOSTCALL_TYPES,
  signatureOf,
  signatureText,
} from './signatures.ts';
import type { AbiVersion } from './types.ts';

/** Markers, newest first: a module that exports several is run as the newest. */
const MARKERS: readonly (readonly [string, AbiVersion])[] = [
  ['proxy_abi_version_0_2_1', '0.2.1'],
  ['proxy_abi_version_0_2_0', '0.2.0'],
  ['proxy_abi_version_0_1_0', '0.1.0'],
];

export interface LinkedImport {
  readonly module: string;
  readonly name: string;
  readonly make: HostcallFactory;
}

/** How a module and this host fit together: worked out once per module, used for every instance. */
export interface Linkage {
  readonly abi: AbiVersion;
  readonly imports: readonly LinkedImport[];
  /** Name of the exported allocator. */
  readonly allocator: string;
  /** Functions to call at start, in order. */
  readonly start: readonly string[];
  /** Names of the exported `proxy_on_…` callbacks. */
  readonly callbacks: ReadonlySet<string>;
  /** True when the module imports a way to change bodies: without it no body can change. */
  readonly changesBodies: boolean;
}

/** The ABI version a module's exports ask for, or null. */
export function abiVersion(exports: readonly WebAssembly.ModuleExportDescriptor[]): AbiVersion | null {
  for (const [marker, version] of MARKERS) {
    if (exports.some(e => e.kind === 'function' && e.name === marker)) return version;
  }
  return null;
}

/** Whether a compiler made it to be put into a component: its exports have the names of a world's functions. */
export function isComponentCore(exports: readonly { readonly name: string }[]): boolean {
  return exports.some(({ name }) => name === 'cabi_realloc' || /^[^#/]+:[^#/]+\/[^#]+#/.test(name));
}

/** Tables of hostcalls by import module. */
function importTables(abi: AbiVersion, wasi: HostcallTable): Readonly<Record<string, HostcallTable>> {
  return { env: HOSTCALLS[abi], wasi_snapshot_preview1: wasi, wasi_unstable: wasi };
}

/** Their signatures; hostcalls that have none here are linked unseen. */
function importTypes(abi: AbiVersion, wasi: SignatureTable): Readonly<Record<string, SignatureTable>> {
  return {
    env: { ...HOSTCALL_TYPES[abi], ...EMSCRIPTEN_TYPES },
    wasi_snapshot_preview1: wasi,
    wasi_unstable: wasi,
  };
}

type SignatureTable = Readonly<Record<string, string>>;

/** The functions of WASI that a module may import, and their signatures. */
export interface Wasi {
  readonly table: HostcallTable;
  readonly types: SignatureTable;
}

function whereKnown(name: string): string {
  const versions = (Object.keys(HOSTCALLS) as AbiVersion[]).filter(v => Object.hasOwn(HOSTCALLS[v], name));
  return versions.length > 0 ? ` (ABI ${versions.join(' and ')} has it)` : '';
}

/**
 * Checks a compiled module against the ABI and links it.
 * @throws ModuleError MODULE_NO_ABI, MODULE_IMPORT_UNKNOWN (names every one), MODULE_EXPORT_INVALID
 */
export function link({ module, facts }: CompiledModule, wasi: Wasi): Linkage {
  const exports = WebAssembly.Module.exports(module);
  const abi = abiVersion(exports);
  if (abi === null) {
    const what = isComponentCore(exports)
      ? 'the module is the core of a component: make the component of it, for example with npx @bytecodealliance/jco new'
      : 'the module is not a Proxy-Wasm filter: it exports no proxy_abi_version_0_1_0, _0_2_0 or _0_2_1';
    throw new ModuleError('MODULE_NO_ABI', what);
  }
  const functions = new Set(exports.filter(e => e.kind === 'function').map(e => e.name));

  const tables = importTables(abi, wasi.table);
  const types = importTypes(abi, wasi.types);
  const imports: LinkedImport[] = [];
  const unknown: string[] = [];
  let index = 0;
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (from === ENGINE_MODULE) continue;
    const table = Object.hasOwn(tables, from) ? tables[from] : undefined;
    const make = table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
    const actual = kind === 'function' ? facts.imports[index++] : undefined;
    const letters = types[from]?.[name];
    if (kind !== 'function') unknown.push(`${from}.${name} (a ${kind})`);
    else if (make === undefined) unknown.push(`${from}.${name}${from === 'env' ? whereKnown(name) : ''}`);
    else if (letters !== undefined && actual !== signatureOf(letters)) {
      const wanted = signatureText(signatureOf(letters));
      unknown.push(`${from}.${name} as ${signatureText(actual ?? '')}, which is ${wanted}`);
    } else imports.push({ module: from, name, make });
  }
  if (unknown.length > 0) {
    throw new ModuleError(
      'MODULE_IMPORT_UNKNOWN',
      `the module imports what ABI ${abi} does not have: ${unknown.join(', ')}`,
    );
  }

  if (!exports.some(e => e.kind === 'memory' && e.name === 'memory')) {
    throw new ModuleError('MODULE_EXPORT_INVALID', 'the module exports no memory named "memory"');
  }
  if (facts.memories.some(memory => memory.address === 'i64')) {
    throw new ModuleError(
      'MODULE_EXPORT_INVALID',
      'the module has a 64-bit memory: pointers of the ABI have 32 bits',
    );
  }
  const callbacks = exports.filter(e => e.name.startsWith('proxy_on_'));
  const bad = callbacks.find(e => e.kind !== 'function');
  if (bad !== undefined) {
    throw new ModuleError('MODULE_EXPORT_INVALID', `the export ${bad.name} is a ${bad.kind}, not a function`);
  }
  const allocator = ['proxy_on_memory_allocate', 'malloc'].find(name => functions.has(name));
  if (allocator === undefined) {
    throw new ModuleError(
      'MODULE_EXPORT_INVALID',
      'the module exports no allocator: proxy_on_memory_allocate or malloc',
    );
  }
  const start = startFunctions(functions);
  checkExports(facts.exports, CALLBACK_TYPES[abi], start, allocator);
  return {
    abi,
    imports,
    allocator,
    start,
    callbacks: new Set(callbacks.map(e => e.name)),
    changesBodies: imports.some(i => i.name === 'proxy_set_buffer_bytes'),
  };
}

/** What is called must take what it is called with, as in Envoy. @throws ModuleError */
function checkExports(
  exports: SignatureTable,
  callbacks: SignatureTable,
  start: readonly string[],
  allocator: string,
): void {
  const check = (name: string, fits: (actual: string) => boolean, wanted: string) => {
    const actual = exports[name];
    if (actual === undefined || fits(actual)) return;
    throw new ModuleError(
      'MODULE_EXPORT_INVALID',
      `the export ${name} is ${signatureText(actual)}, not ${wanted}`,
    );
  };
  for (const [name, letters] of Object.entries(callbacks)) {
    const wanted = signatureOf(letters);
    check(name, actual => actual === wanted, signatureText(wanted));
  }
  // main may have arguments, as in C: they are 0.
  for (const name of start) check(name, actual => /^i*:i?$/.test(actual), signatureText(':'));
  check(allocator, actual => actual === 'i:i', signatureText('i:i'));
}

/** Specification, "Integration": a reactor has `_initialize` and perhaps `main`; a command has `_start`. */
function startFunctions(functions: ReadonlySet<string>): readonly string[] {
  if (!functions.has('_initialize')) return functions.has('_start') ? ['_start'] : [];
  const main = ['main', '__main_void'].find(name => functions.has(name));
  return main === undefined ? ['_initialize'] : ['_initialize', main];
}
