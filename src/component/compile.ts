import {
  type CompiledCode,
  type CompiledModule,
  compile,
  type EngineLimits,
  sha256,
} from '../engine/compile.ts';
import type { DiskCache } from '../engine/disk-cache.ts';
import { memoryLimits } from '../engine/sections.ts';
import { ModuleError } from '../errors.ts';
import { keepComponent, keptComponent } from './artefact.ts';
import { Glue } from './glue.ts';
import { type Transpiled, transpile } from './transpile.ts';

/** A component, transpiled, its core modules rewritten and compiled. */
export interface CompiledComponent extends CompiledCode {
  /** The component itself, then those plugged into it. */
  readonly parts: readonly Part[];
}

/** One component of a composition. */
export interface Part {
  /** For messages; empty for the filter itself. */
  readonly name: string;
  readonly wit: string;
  readonly glue: Glue;
  /** By the name that the glue asks for. */
  readonly cores: ReadonlyMap<string, CompiledModule>;
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

/**
 * The road of a component: transpile (or take what an earlier process wrote to `disk`), then each of its core modules
 * through the engine. `limits.memory` is for all of them together.
 * @throws ModuleError those of the engine's `compile`
 */
export async function compileComponent(
  { bytes, hash, limits, plugs, key }: ComponentSource,
  disk: DiskCache | undefined,
): Promise<CompiledComponent> {
  const sources = [{ name: '', bytes, hash }, ...plugs.map(plug => ({ ...plug, hash: sha256(plug.bytes) }))];
  const transpiled = await Promise.all(
    sources.map(async source => ({ ...source, ...(await throughDisk(source.bytes, source.hash, disk)) })),
  );
  const memories = memoryShares(
    transpiled.flatMap(({ cores }) => cores.map(core => core.bytes)),
    limits.memory,
  );
  let size = 0;
  let at = 0;
  const parts = await Promise.all(
    transpiled.map(async ({ name, wit, glue, cores }): Promise<Part> => {
      const compiled = cores.map(async core => {
        const own = { ...limits, memory: memories[at++]! };
        // The small ones that put others together are rewritten faster than read.
        const small = core.bytes.length < SMALL;
        return [
          core.name,
          await compile(core.bytes, sha256(core.bytes), own, small ? undefined : disk),
        ] as const;
      });
      const modules = new Map(await Promise.all(compiled));
      for (const module of modules.values()) size += module.size;
      return { name, wit, glue, cores: modules };
    }),
  );
  return { parts, sha256: hash, key, size };
}

const SMALL = 4096;

/** A component that was taken apart and whose glue was loaded. */
interface Loaded {
  readonly wit: string;
  readonly glue: Glue;
  readonly cores: Transpiled['cores'];
}

async function throughDisk(bytes: Uint8Array, hash: string, disk: DiskCache | undefined): Promise<Loaded> {
  const kept = disk === undefined ? undefined : await keptComponent(disk, hash);
  if (kept !== undefined) return { ...kept, glue: new Glue(kept.glue, kept.code) };
  const transpiled = await transpile(bytes);
  const glue = new Glue(transpiled.glue);
  await (disk && keepComponent(disk, hash, { ...transpiled, code: glue.code() }));
  return { ...transpiled, glue };
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
      `the component starts with ${sum} bytes of memory, limits.memory is ${limit}: raise it`,
    );
  }
  const share = Math.floor((limit - sum) / Math.max(own.length, 1) / PAGE) * PAGE;
  return initial.map(bytes => (bytes === undefined ? limit : bytes + share));
}
