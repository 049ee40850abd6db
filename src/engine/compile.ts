import { createHash } from 'node:crypto';
import { ModuleError } from '../errors.ts';
import type { Artefact, Artefacts, KeptArtefacts } from './artefacts.ts';
import { identify } from './identify.ts';
import type { ModuleFacts, Rewritten } from './rewrite/index.ts';

/** Limits that are built into a module's code: other limits, another compiled module. */
export interface EngineLimits {
  /** Bytes of the file; not asked where bytes are given. */
  readonly moduleSize?: number;
  /** Linear memory of one instance, in bytes. */
  readonly memory: number;
  /** Entries of all its tables. */
  readonly tableElements: number;
  /** Bytes of code of its longest function. */
  readonly functionSize: number;
}

/** What the cache holds: made from bytes, ready to be instantiated. */
export interface CompiledCode {
  /** Lower-case hex of the bytes it was made from. */
  readonly sha256: string;
  /** The same and the limits: what is equal here is the same code. */
  readonly key: string;
  /** Size of the code that was compiled, in bytes: what the cache counts. */
  readonly size: number;
}

/** A core module, rewritten and compiled: it can't outgrow its limits and can be interrupted. */
export interface CompiledModule extends CompiledCode {
  readonly module: WebAssembly.Module;
  /** What an instance needs from the host. */
  readonly facts: ModuleFacts;
}

/** Up to so many bytes are compiled again within a millisecond; to send them to V8's threads takes longer, up to 20 ms. */
const SMALL = 256 * 1024;

/** Goes into the names of artefacts on disk: to be raised whenever rewriting gives other bytes. */
export const REWRITER = 1;

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What tells compiled modules apart. */
export function moduleKey(hash: string, { memory, tableElements, functionSize }: EngineLimits): string {
  return `${hash}-${memory}-${tableElements}-${functionSize}`;
}

/**
 * The road of a core module: identify, rewrite (or take what is there in `artefacts`), compile. V8 compiles
 * off the main thread, as far as it does that.
 * @throws ModuleError MODULE_NOT_WASM, MODULE_MALFORMED, MODULE_UNSUPPORTED, MODULE_LIMIT
 */
export async function compile(
  bytes: Uint8Array,
  hash: string,
  limits: EngineLimits,
  artefacts?: Artefacts,
): Promise<CompiledModule> {
  if (identify(bytes) === 'component') {
    throw new ModuleError('MODULE_UNSUPPORTED', 'this is a component, where a core module was expected');
  }
  const key = moduleKey(hash, limits);
  return compileRewritten(await rewrittenOf(bytes, limits, key, artefacts), hash, key);
}

/** What compiles a core module again, of what is kept of it in memory; undefined: nothing is. It throws ModuleError. */
export function compileKept(
  hash: string,
  limits: EngineLimits,
  kept: KeptArtefacts,
): (() => Promise<CompiledModule>) | undefined {
  const key = moduleKey(hash, limits);
  const artefact = kept.peek(artefactName(key));
  if (artefact === undefined) return undefined;
  return () => compileRewritten(rewrittenFrom(artefact), hash, key, artefact.bytes.length <= SMALL);
}

async function compileRewritten(
  rewritten: Rewritten,
  hash: string,
  key: string,
  atOnce = false,
): Promise<CompiledModule> {
  const bytes = rewritten.bytes as Uint8Array<ArrayBuffer>;
  try {
    const module = atOnce ? new WebAssembly.Module(bytes) : await WebAssembly.compile(bytes);
    return { module, facts: rewritten.facts, sha256: hash, key, size: rewritten.bytes.length };
  } catch (error) {
    const reason =
      error instanceof Error
        ? error.message.replace(/^WebAssembly\.(compile|Module)\(\): /, '')
        : String(error);
    throw new ModuleError('MODULE_MALFORMED', `the module is not valid WebAssembly: ${reason}`, {
      cause: error,
    });
  }
}

const artefactName = (key: string) => `${key}.core${REWRITER}`;

const rewrittenFrom = ({ bytes, facts }: Artefact): Rewritten => ({ bytes, facts: facts as ModuleFacts });

/** What was rewritten before, or rewritten now and kept for the next. @throws ModuleError */
async function rewrittenOf(
  bytes: Uint8Array,
  limits: EngineLimits,
  key: string,
  artefacts: Artefacts | undefined,
): Promise<Rewritten> {
  // Before anything is waited for: bytes that their owner changes later are not what was hashed.
  const copy = new Uint8Array(bytes);
  const name = artefactName(key);
  const kept = await artefacts?.get(name);
  if (kept !== undefined) return rewrittenFrom(kept);
  // Once everything is on disk, a start has no need of the rewriter: 15 ms.
  const { rewrite } = await import('./rewrite/index.ts');
  const rewritten = rewrite(copy, limits);
  await artefacts?.put(name, rewritten);
  return rewritten;
}
