import type { Reader } from '../binary.ts';
import { Bodies } from './body.ts';
import type { Appended } from './bulk.ts';
import { inBytes, malformed, overLimit } from './faults.ts';
import { Helpers } from './helpers.ts';
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

/** `if (flag) unreachable`: an atomic load of word 0 of the memory behind the module's own. */
function checkOf(flag: number): Uint8Array {
  const out = new Writer(16);
  out.all([0x41, 0x00, 0xfe, 0x10]);
  if (flag === 0) out.byte(0x02);
  else {
    out.byte(0x42);
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
  const lengths = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const length = r.u32();
    if (length > longest) throw tooLong(shape.importedFunctions + i, length, longest);
    lengths[i] = length;
    r.skip(length);
  }
  const check = checkOf(shape.memories);
  const helpers = new Helpers(shape, shape.wide, check);
  const length = r.end - first;
  const bodies = new Writer(length + Math.ceil(length / 8) + 1024);
  const context = { ...contextOf(shape), lengths, helpers, check };
  const copier = new Bodies(r.bytes, bodies, context);
  r.at = first;
  for (let i = 0; i < count; i++) {
    r.u32();
    copier.copy(shape.importedFunctions + i, r.at, r.at + lengths[i]!);
    r.at += lengths[i]!;
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
