import { INTERFACES, PACKAGE } from '../component/filter/types.ts';
import { withoutVersion } from '../component/interface-name.ts';
import { limited, ungranted, WASI_INTERFACES } from '../component/wasi/index.ts';
import { readableName, type Wit, type WitExtern, witOf } from '../component/wit.ts';
import { isPlug, isWasi02, isWasi03, type World, worldOf } from '../component/world.ts';
import { identify } from '../engine/identify.ts';
import { customSections, memoryLimits, producers, sectionsOf } from '../engine/sections.ts';
import { ModuleError } from '../errors.ts';
import { phasesSeen } from './callbacks.ts';
import { NO_CAPABILITIES } from './capabilities.ts';
import type { Phases } from './types.ts';

/** What a component's bytes say of it. */
export interface ComponentReport {
  /** Null: none that Weir has. Then the refusal says why, or it is something to plug into a filter. */
  readonly world: World | null;
  readonly imports: readonly InterfaceReport[];
  readonly exports: readonly ExportReport[];
  /** In the order of the bytes, those of components within it included. */
  readonly cores: readonly CoreReport[];
}

/** An import of a component. */
export interface InterfaceReport {
  readonly name: string;
  /** As WIT calls them: `get`, `session.check`. */
  readonly functions: readonly string[];
  /** `plug`: a component named in `plugs` has to provide it. `unknown`: none can. */
  readonly from: 'weir' | 'wasi' | 'plug' | 'unknown';
  /** The line below the filter that it takes, for example `capabilities.random: true`; empty: none. */
  readonly grant: string;
  /** Without the grant it doesn't load; otherwise it loads, and finds nothing there. */
  readonly required: boolean;
}

export interface ExportReport {
  readonly name: string;
  readonly kind: WitExtern['kind'];
  readonly functions: readonly string[];
}

export interface CoreReport {
  /** Bytes. */
  readonly size: number;
  /** Null: it defines no memory of its own. */
  readonly memory: { readonly initialBytes: number; readonly maximumBytes: number | null } | null;
}

/** What interfaces of weir:filter answer `denied` without. */
const GRANTS: Readonly<Record<string, string>> = {
  'weir:filter/http-calls': 'capabilities.upstreams: [NAME]',
  'weir:filter/grpc-calls': 'capabilities.upstreams: [NAME]',
  'weir:filter/shared-data': 'capabilities.sharedData: true',
  'weir:filter/shared-queues': 'capabilities.sharedData: true',
};

/** What a handler of requests has beside WASI's other interfaces. */
const HTTP = /^wasi:http\/(types|outgoing-handler)$/;

const CORE_MODULE = 1;
const COMPONENT = 4;

/** What reading a component without running it tells. */
export interface Inspected {
  readonly report: ComponentReport;
  /** Field of the producers sections to `name version` list. */
  readonly producers: Readonly<Record<string, string>>;
  /** It imports the function that changes bodies. */
  readonly mayChangeBody: boolean;
  /** Null: it is no filter, or one whose messages are its own. */
  readonly phases: Phases | null;
  /** Why it is neither filter nor plug; empty when it is. */
  readonly refusal: string;
  /** Its core modules. */
  readonly modules: readonly Uint8Array[];
}

/** @throws ModuleError when it isn't to be read */
export function inspectComponent(bytes: Uint8Array): Inspected {
  const wit = witOf(bytes);
  const modules: Uint8Array[] = [];
  const made = new Map<string, Set<string>>();
  collect(bytes, modules, made);
  const { world, refusal } = tried(wit);
  const report: ComponentReport = {
    world,
    imports: wit.imports.filter(({ kind }) => kind !== 'type').map(each => interfaceReport(each, world)),
    exports: wit.exports.map(extern => ({
      name: extern.name,
      kind: extern.kind,
      functions: functionsOf(extern),
    })),
    cores: modules.map(module => {
      const limits = memoryLimits(module);
      const memory = limits === null ? null : { initialBytes: limits.initial, maximumBytes: limits.maximum };
      return { size: module.length, memory };
    }),
  };
  const joined = [...made].map(([field, values]) => [field, [...values].join(', ')]);
  const mayChangeBody = report.imports.some(
    ({ name, functions }) => withoutVersion(name) === `${PACKAGE}body` && functions.includes('write'),
  );
  const phases = world?.kind === 'filter' ? phasesSeen(INTERFACES[world.interface]!, mayChangeBody) : null;
  return { report, producers: Object.fromEntries(joined), mayChangeBody, phases, refusal, modules };
}

function tried(wit: Wit): { world: World | null; refusal: string } {
  try {
    return { world: worldOf(wit), refusal: '' };
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error;
    return { world: null, refusal: error.code === 'MODULE_NO_ABI' && isPlug(wit) ? '' : error.message };
  }
}

function interfaceReport(extern: WitExtern, world: World | null): InterfaceReport {
  const { name } = extern;
  const id = withoutVersion(name);
  const [missing] = ungranted([id], NO_CAPABILITIES);
  const [empty] = limited([id], NO_CAPABILITIES);
  const variables = id === 'wasi:cli/environment' ? 'env: {NAME: value}, or capabilities.env: [NAME]' : '';
  const grant = missing?.grant ?? empty?.grant ?? variables;
  const from = origin(extern, world?.kind !== 'filter');
  const isWasi = from === 'wasi';
  return {
    name,
    functions: functionsOf(extern),
    from,
    grant: isWasi ? grant : (GRANTS[id] ?? ''),
    required: isWasi && missing !== undefined,
  };
}

function origin({ name, kind }: WitExtern, hasHttp: boolean): InterfaceReport['from'] {
  const id = withoutVersion(name);
  if (name.startsWith('weir:filter/')) return 'weir';
  if (isWasi02(name) && (WASI_INTERFACES.has(id) || (hasHttp && HTTP.test(id)))) return 'wasi';
  return kind === 'other' || isWasi03(name) ? 'unknown' : 'plug';
}

function functionsOf({ items }: WitExtern): string[] {
  const functions = [...items].filter(([, { kind }]) => kind === 'func');
  return functions.map(([label]) =>
    label.startsWith('[constructor]') ? `new ${readableName(label)}` : readableName(label),
  );
}

/** Core modules of a component and of those within it. @throws ModuleError MODULE_MALFORMED */
export function coreModules(bytes: Uint8Array): readonly Uint8Array[] {
  const modules: Uint8Array[] = [];
  collect(bytes, modules, new Map());
  return modules;
}

/** Core modules and producers of a component and of those within it, in the order of the bytes. */
function collect(bytes: Uint8Array, modules: Uint8Array[], made: Map<string, Set<string>>): void {
  // Not by recursion: nobody has limited yet how deep components lie in each other.
  const left = [bytes];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    addProducers(next, made);
    if (identify(next) === 'core') {
      modules.push(next);
      continue;
    }
    for (const { id, start, end } of sectionsOf(next).reverse()) {
      if (id === CORE_MODULE || id === COMPONENT) left.push(next.subarray(start, end));
    }
  }
}

function addProducers(bytes: Uint8Array, made: Map<string, Set<string>>): void {
  if (!customSections(bytes).some(({ name }) => name === 'producers')) return;
  for (const [field, text] of Object.entries(producers(onlyCustom(bytes)))) {
    const values = made.get(field) ?? new Set();
    for (const value of text.split(', ')) values.add(value);
    made.set(field, values);
  }
}

/** A module with nothing but the custom sections. */
function onlyCustom(bytes: Uint8Array): WebAssembly.Module {
  const parts: Uint8Array[] = [Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)];
  for (const { id, start, end } of sectionsOf(bytes)) {
    if (id === 0) parts.push(Uint8Array.of(0), length(end - start), bytes.subarray(start, end));
  }
  return new WebAssembly.Module(Buffer.concat(parts));
}

/** LEB128. */
function length(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
