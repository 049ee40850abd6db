import type { Artefacts } from '../engine/artefacts.ts';
import {
  type CompiledCode,
  type CompiledModule,
  compile,
  type EngineLimits,
  sha256,
} from '../engine/compile.ts';
import { tablesAtStart } from '../engine/rewrite/index.ts';
import { memoryLimits, sectionsOf } from '../engine/sections.ts';
import { ModuleError } from '../errors.ts';
import { keepComponent, keptComponent } from './artefact.ts';
import { checkNames } from './core-names.ts';
import { Glue } from './glue.ts';
import { withoutVersion } from './interface-name.ts';
import { type Link, plugInto } from './plug.ts';
import { type Transpiled, transpile } from './transpile.ts';
import { WASI_INTERFACES } from './wasi/index.ts';
import { type Wit, witOf } from './wit.ts';
import { refuseUnknownImports, unknownImports, type World, worldOf } from './world.ts';

/** A component with those that are plugged into it, transpiled, its core modules rewritten and compiled. */
export interface CompiledComponent extends CompiledCode {
  readonly world: World;
  /** Those plugged in, each after those that it needs, and the component itself at the end. */
  readonly parts: readonly Part[];
}

/** One component of a composition. */
export interface Part {
  readonly wit: Wit;
  readonly glue: Glue;
  /** By the name that the glue asks for. */
  readonly cores: ReadonlyMap<string, CompiledModule>;
  /** Those with memories or tables of their own: limits count each of them once. */
  readonly single: ReadonlySet<CompiledModule>;
  /** Imports that other parts provide. */
  readonly links: readonly PartLink[];
  /** It was made of several components: they call each other through jco's glue. */
  readonly composed: boolean;
}

/** An import, without its version, and the part and export that it gets. */
export interface PartLink {
  readonly import: string;
  /** Index in `CompiledComponent.parts`. */
  readonly part: number;
  readonly export: string;
}

export interface ComponentSource {
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes in hex. */
  readonly hash: string;
  readonly limits: EngineLimits;
  readonly plugs: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  readonly key: string;
}

/** Core modules of one composition: each has tables of its own. */
const CORES_MAX = 256;
const PAGE = 65_536;
/** What a handler of requests has beside WASI's other interfaces. */
const HTTP = new Set(['wasi:http/types', 'wasi:http/outgoing-handler']);

/** A component of a composition, before it is compiled. */
interface Planned {
  /** Of a plug, as messages call it; empty for the filter. */
  readonly name: string;
  /** A copy: what their owner changes later is not what was hashed. */
  readonly bytes: Uint8Array;
  readonly hash: string;
  readonly wit: Wit;
  readonly links: readonly PartLink[];
  readonly waits: boolean;
}

/**
 * The road of a component: read its types, transpile (or take what is there in `artefacts`), then each of its
 * core modules through the engine. `limits.memory` is for all of them together.
 * @throws ModuleError MODULE_WIT: it is of no world of Weir's, or plugs don't fit; MODULE_IMPORT_UNKNOWN; and those of
 * the engine's `compile`
 */
export async function compileComponent(
  source: ComponentSource,
  artefacts: Artefacts | undefined,
): Promise<CompiledComponent> {
  const { hash, limits, key } = source;
  const { world, plan } = planOf(source);
  const apart = await Promise.all(plan.map(part => about(part, keptOrTranspiled(part, artefacts))));
  const shares = sharesOf(
    apart.flatMap(({ cores }) => cores.map(core => core.bytes)),
    limits,
  );
  const parts = await Promise.all(
    plan.map((part, i) => {
      const own = shares.splice(0, apart[i]!.cores.length);
      return about(part, partOf(part, apart[i]!, own, artefacts));
    }),
  );
  const sizes = parts.flatMap(({ cores }) => [...cores.values()].map(core => core.size));
  return { world, parts, sha256: hash, key, size: sizes.reduce((sum, size) => sum + size, 0) };
}

/** Compiles the core modules of a part; its glue is loaded last, when their names are known to be harmless. */
async function partOf(
  { bytes, hash, wit, links, waits }: Planned,
  { glue: text, code, cores }: TakenApart,
  shares: readonly Share[],
  artefacts: Artefacts | undefined,
): Promise<Part> {
  const compiled = await Promise.all(
    cores.map(({ bytes }, i) => {
      // The small ones that put others together are rewritten faster than read.
      const kept = bytes.length < SMALL ? undefined : artefacts;
      return compile(bytes, sha256(bytes), shares[i]!.limits, kept);
    }),
  );
  for (const { module } of compiled) checkNames(module);
  const glue = new Glue(text, waits, code);
  if (code === undefined && artefacts !== undefined) {
    await keepComponent(artefacts, hash, waits, { glue: text, code: glue.code(), cores });
  }
  return {
    wit,
    glue,
    cores: new Map(cores.map(({ name }, i) => [name, compiled[i]!])),
    single: new Set(compiled.filter((_, i) => shares[i]!.single)),
    links,
    composed: isComposed(bytes),
  };
}

const SMALL = 4096;

/** What goes into a composition, and in which order. @throws ModuleError */
function planOf({ bytes, plugs }: ComponentSource): { world: World; plan: readonly Planned[] } {
  const wit = witOf(bytes);
  const world = worldOf(wit);
  const plugged = plugs.map(({ name, bytes }) => ({ name, bytes, wit: named(name, () => witOf(bytes)) }));
  const { filter, plugs: between, order } = plugInto(wit, plugged);
  const isKnown = (name: string) => {
    const id = withoutVersion(name);
    return WASI_INTERFACES.has(id) || (world.kind === 'http' && HTTP.has(id));
  };
  const linked = (links: readonly Link[]): PartLink[] =>
    links.map(link => ({
      import: withoutVersion(link.import),
      part: order.indexOf(link.plug),
      export: link.export,
    }));
  const plan = order.map((index): Planned => {
    const { name, bytes, wit } = plugged[index]!;
    const links = between[index]!;
    refuseUnknownImports(`plug ${name}`, unknownImports(wit, links, isKnown));
    return { ...copied(bytes), name, wit, links: linked(links), waits: false };
  });
  refuseUnknownImports('the component', unknownImports(wit, filter, isKnown));
  plan.push({ ...copied(bytes), name: '', wit, links: linked(filter), waits: world.kind === 'http' });
  return { world, plan };
}

function copied(bytes: Uint8Array): { bytes: Uint8Array; hash: string } {
  return { bytes: new Uint8Array(bytes), hash: sha256(bytes) };
}

const CORE_MODULE = 1;
const COMPONENT = 4;

/** Whether a component within it has code of its own; those that tools make for types don't. */
function isComposed(component: Uint8Array): boolean {
  return sectionsOf(component).some(({ id, start, end }) => {
    if (id !== COMPONENT) return false;
    const inner = component.subarray(start, end);
    return sectionsOf(inner).some(section => section.id === CORE_MODULE) || isComposed(inner);
  });
}

function named<T>(plug: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw inPlug(plug, error);
  }
}

/** An error says which plug it is about. */
async function about<T>({ name }: Planned, result: Promise<T>): Promise<T> {
  if (name === '') return result;
  try {
    return await result;
  } catch (error) {
    throw inPlug(name, error);
  }
}

function inPlug(plug: string, error: unknown): unknown {
  if (!(error instanceof ModuleError)) return error;
  return new ModuleError(error.code, `plug ${plug}: ${error.message}`, { cause: error });
}

/** A component that jco took apart. */
interface TakenApart extends Transpiled {
  /** What was kept of V8's code of the glue; undefined: nothing was kept of the component. */
  readonly code?: Uint8Array;
}

async function keptOrTranspiled(
  { bytes, hash, waits }: Planned,
  artefacts: Artefacts | undefined,
): Promise<TakenApart> {
  return (await (artefacts && keptComponent(artefacts, hash, waits))) ?? transpile(bytes, waits);
}

/** What one core module may take. */
interface Share {
  readonly limits: EngineLimits;
  /** It has memories or tables of its own. */
  readonly single: boolean;
}

/** @throws ModuleError MODULE_LIMIT */
function sharesOf(cores: readonly Uint8Array[], limits: EngineLimits): Share[] {
  if (cores.length > CORES_MAX) {
    throw new ModuleError(
      'MODULE_LIMIT',
      `the component has ${cores.length} core modules, ${CORES_MAX} at the most`,
    );
  }
  const [memories, tables] = [cores.map(core => memoryLimits(core)?.initial), cores.map(tablesAtStart)];
  const memory = divided(memories, limits.memory, PAGE, sum => `${sum} bytes of memory, limits.memory`);
  const elements = divided(
    tables,
    limits.tableElements,
    1,
    sum => `${sum} table elements, limits.tableElements`,
  );
  return cores.map((_, i) => ({
    limits: { ...limits, memory: memory[i]!, tableElements: elements[i]! },
    single: memories[i] !== undefined || tables[i] !== undefined,
  }));
}

/**
 * How much each core module may grow to, so that all stay within the limit: what they start with, and equal parts of the
 * rest. `initial`: undefined for those that have none of it. @throws ModuleError MODULE_LIMIT
 */
function divided(
  initial: readonly (number | undefined)[],
  limit: number,
  unit: number,
  what: (sum: number) => string,
): number[] {
  const own = initial.filter(size => size !== undefined);
  const sum = own.reduce((a, b) => a + b, 0);
  if (sum > limit) {
    throw new ModuleError('MODULE_LIMIT', `the component starts with ${what(sum)} is ${limit} (raise it)`);
  }
  const share = Math.floor((limit - sum) / Math.max(own.length, 1) / unit) * unit;
  return initial.map(size => (size === undefined ? limit : size + share));
}
