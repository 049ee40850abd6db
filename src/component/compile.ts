import {
  type CompiledCode,
  type CompiledModule,
  compile,
  type EngineLimits,
  sha256,
} from '../engine/compile.ts';
import type { DiskCache } from '../engine/disk-cache.ts';
import { memoryLimits, sectionsOf } from '../engine/sections.ts';
import { ModuleError } from '../errors.ts';
import { keepComponent, keptComponent } from './artefact.ts';
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
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly wit: Wit;
  readonly links: readonly PartLink[];
  readonly waits: boolean;
}

/**
 * The road of a component: read its types, transpile (or take what an earlier process wrote to `disk`), then each of its
 * core modules through the engine. `limits.memory` is for all of them together.
 * @throws ModuleError MODULE_WIT: it is of no world of Weir's, or plugs don't fit; MODULE_IMPORT_UNKNOWN; and those of
 * the engine's `compile`
 */
export async function compileComponent(
  source: ComponentSource,
  disk: DiskCache | undefined,
): Promise<CompiledComponent> {
  const { hash, limits, key } = source;
  const { world, plan } = planOf(source);
  const loaded = await Promise.all(plan.map(part => throughDisk(part, disk)));
  const cores = loaded.flatMap(part => part.cores);
  const shares = memoryShares(
    cores.map(core => core.bytes),
    limits.memory,
  );
  const compiled = await Promise.all(
    cores.map(({ bytes }, i) => {
      // The small ones that put others together are rewritten faster than read.
      const kept = bytes.length < SMALL ? undefined : disk;
      return compile(bytes, sha256(bytes), { ...limits, memory: shares[i]! }, kept);
    }),
  );
  let at = 0;
  const parts = plan.map(({ wit, links, bytes }, i): Part => {
    const { glue, cores: own } = loaded[i]!;
    return {
      wit,
      glue,
      cores: new Map(own.map(({ name }) => [name, compiled[at++]!])),
      links,
      composed: isComposed(bytes),
    };
  });
  return { world, parts, sha256: hash, key, size: compiled.reduce((sum, module) => sum + module.size, 0) };
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
    return { name, bytes, wit, links: linked(links), waits: false };
  });
  refuseUnknownImports('the component', unknownImports(wit, filter, isKnown));
  plan.push({ name: '', bytes, wit, links: linked(filter), waits: world.kind === 'http' });
  return { world, plan };
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

/** An error says which plug it is about. */
function named<T>(plug: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error;
    throw new ModuleError(error.code, `plug ${plug}: ${error.message}`, { cause: error });
  }
}

/** A component that was taken apart and whose glue was loaded. */
interface Loaded {
  readonly glue: Glue;
  readonly cores: Transpiled['cores'];
}

async function throughDisk({ bytes, waits }: Planned, disk: DiskCache | undefined): Promise<Loaded> {
  const hash = sha256(bytes);
  const kept = await (disk && keptComponent(disk, hash, waits));
  if (kept !== undefined) return { cores: kept.cores, glue: new Glue(kept.glue, kept.code) };
  const transpiled = await transpile(bytes, waits);
  const glue = new Glue(transpiled.glue);
  await (disk && keepComponent(disk, hash, waits, { ...transpiled, code: glue.code() }));
  return { cores: transpiled.cores, glue };
}

/**
 * How much each core module's memories may grow to, so that all stay within the limit: what they start with, and equal
 * parts of the rest. @throws ModuleError MODULE_LIMIT
 */
function memoryShares(cores: readonly Uint8Array[], limit: number): number[] {
  if (cores.length > CORES_MAX) {
    throw new ModuleError(
      'MODULE_LIMIT',
      `the component has ${cores.length} core modules, ${CORES_MAX} at the most`,
    );
  }
  const initial = cores.map(core => memoryLimits(core)?.initial);
  const own = initial.filter(bytes => bytes !== undefined);
  const sum = own.reduce((a, b) => a + b, 0);
  if (sum > limit) {
    throw new ModuleError(
      'MODULE_LIMIT',
      `the component starts with ${sum} bytes of memory, limits.memory is ${limit} (raise it)`,
    );
  }
  const share = Math.floor((limit - sum) / Math.max(own.length, 1) / PAGE) * PAGE;
  return initial.map(bytes => (bytes === undefined ? limit : bytes + share));
}
