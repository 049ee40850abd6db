import type { Reader } from '../binary.ts';
import { Bodies } from './body.ts';
import type { Appended } from './bulk.ts';
import { inBytes, malformed, overLimit } from './faults.ts';
import { Helpers } from './helpers.ts';
import { Leaves } from './leaves.ts';
import type { Shape } from './shape.ts';
import { Writer } from './writer.ts';

/** The new code section, without its header, and what is to be appended to it. */
export interface Code {
  readonly bodies: Writer;
  readonly helpers: readonly Appended[];
  readonly catches: boolean;
}

export const NO_CODE: Code = { bodies: new Writer(0), helpers: [], catches: false };

/** V8's limit. */
const MAX_FUNCTIONS = 1_000_000;

/**
 * `if (flag) unreachable`: an atomic load of byte 0 of the memory behind the module's own. V8 would look whether the
 * address of a word is aligned, each time; and it may take a plain load out of the loop.
 */
function checkOf(flag: number): Uint8Array {
  const out = new Writer(16);
  out.all([0x41, 0x00, 0xfe, 0x12]);
  if (flag === 0) out.byte(0x00);
  else {
    out.byte(0x40);
    out.leb(flag);
  }
  out.all([0x00, 0x04, 0x40, 0x00, 0x0b]);
  return out.done();
}

/** V8 compiles a function at its first call, on the thread that calls, and optimizes it in the background. */
const tooLong = (index: number, length: number, longest: number) =>
  overLimit(
    `function ${index} has ${inBytes(length)} of code, limits.functionSize is ${inBytes(longest)}: compiling it could not be interrupted`,
  );

/** The code section. @throws ModuleError */
export function readCode(r: Reader, shape: Shape, longest: number): Code {
  const count = r.u32();
  if (count !== shape.ownFunctions)
    throw malformed(`there are ${shape.ownFunctions} functions, but code for ${count}`);
  const first = r.at;
  const starts = new Uint32Array(count);
  const lengths = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const length = r.u32();
    if (length > longest) throw tooLong(shape.importedFunctions + i, length, longest);
    starts[i] = r.at;
    lengths[i] = length;
    r.skip(length);
  }
  const check = checkOf(shape.memories);
  const helpers = new Helpers(shape, shape.wide, check);
  const length = r.end - first;
  const bodies = new Writer(length + Math.ceil(length / 8) + 1024);
  const leaves = new Leaves(r.bytes, starts, lengths, shape);
  const copier = new Bodies(r.bytes, bodies, { ...contextOf(shape), leaves, helpers, check });
  for (let i = 0; i < count; i++) {
    copier.copy(i, starts[i]!, starts[i]! + lengths[i]!);
  }
  if (shape.functions + helpers.all.length > MAX_FUNCTIONS)
    throw overLimit(`has ${shape.functions} functions, V8 takes ${MAX_FUNCTIONS} with those we add`);
  return { bodies, helpers: helpers.all, catches: copier.catches };
}

const contextOf = ({ types, functions, memories, importedFunctions, hostReferences }: Shape) => ({
  types,
  functions,
  memories,
  importedFunctions,
  hostReferences,
});
