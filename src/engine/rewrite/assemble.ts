import type { Section } from '../sections.ts';
import type { Code } from './code.ts';
import { droppedCustom } from './custom.ts';
import type { MemoryFacts } from './index.ts';
import { bounded } from './limits.ts';
import { ENGINE_MODULE, INTERRUPT_IMPORT } from './names.ts';
import type { Shape } from './shape.ts';
import { Writer } from './writer.ts';

/** Ids of the sections in the order they come in. */
export const SECTION_ORDER: readonly number[] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];
const [TYPE, IMPORT, FUNCTION, TABLE, MEMORY, CODE] = [1, 2, 3, 4, 5, 10] as const;

const MEMORY_KIND = 2;
const LIMITS_MAXIMUM_SHARED = 3;

export interface Parts {
  readonly bytes: Uint8Array;
  readonly sections: readonly Section[];
  readonly shape: Shape;
  readonly code: Code;
  readonly memories: readonly MemoryFacts[];
  readonly tableMaxima: readonly number[];
}

/** The new module: sections as they were, but for those that had to change. */
export function assemble(parts: Parts): Uint8Array {
  const { bytes, sections, code } = parts;
  const out = new Writer(bytes.length + code.bodies.at - codeLength(sections) + 4096);
  out.part(bytes, 0, 8);
  // The only one that may have to be made: everything else comes with a section that is there.
  let imports = false;
  const makeImports = () => {
    if (!imports) section(out, IMPORT, importSection(parts));
    imports = true;
  };
  for (const { id, start, end } of sections) {
    if (id === 0) {
      if (!droppedCustom(bytes, start, end)) copySection(out, bytes, id, start, end);
      continue;
    }
    if (id !== TYPE) makeImports();
    if (id === IMPORT || id === MEMORY) continue;
    const changed = contents(parts, id);
    if (changed === null) copySection(out, bytes, id, start, end);
    else section(out, id, changed);
  }
  makeImports();
  return out.done();
}

const codeLength = (sections: readonly Section[]) => {
  const code = sections.find(s => s.id === CODE);
  return code === undefined ? 0 : code.end - code.start;
};

function section(out: Writer, id: number, contents: Writer): void {
  out.byte(id);
  out.leb(contents.at);
  out.part(contents.bytes, 0, contents.at);
}

function copySection(out: Writer, bytes: Uint8Array, id: number, start: number, end: number): void {
  out.byte(id);
  out.leb(end - start);
  out.part(bytes, start, end);
}

/** New contents of a section, or null when the old ones stay. */
function contents(parts: Parts, id: number): Writer | null {
  if (id === TABLE) return tableSection(parts);
  const { helpers } = parts.code;
  if (id === CODE) return codeSection(parts);
  if (helpers.length === 0) return null;
  if (id === TYPE) return typeSection(parts);
  return id === FUNCTION ? functionSection(parts) : null;
}

function importSection({ bytes, shape, memories }: Parts): Writer {
  const { start, end } = shape.importBytes;
  const out = new Writer(end - start + 512);
  out.leb(shape.imports + memories.length + 1);
  out.part(bytes, start, end);
  memories.forEach((memory, i) => {
    importOf(out, memory.name, bounded(shape.ownMemories[i]!), memory.initial, memory.maximum);
  });
  importOf(out, INTERRUPT_IMPORT, LIMITS_MAXIMUM_SHARED, 1, 1);
  return out;
}

function importOf(out: Writer, name: string, flags: number, minimum: number, maximum: number): void {
  out.text(ENGINE_MODULE);
  out.text(name);
  out.byte(MEMORY_KIND);
  out.byte(flags);
  out.leb(minimum);
  out.leb(maximum);
}

function tableSection({ bytes, shape, tableMaxima }: Parts): Writer {
  const out = new Writer(1024);
  out.leb(shape.ownTables.length);
  shape.ownTables.forEach(({ type, range, fill }, i) => {
    if (fill !== null) out.all([0x40, 0x00]);
    out.part(bytes, type.start, type.end);
    out.byte(bounded(range));
    out.leb(range.minimum);
    out.leb(tableMaxima[i]!);
    if (fill !== null) out.part(bytes, fill.start, fill.end);
  });
  return out;
}

function typeSection({ bytes, shape: { types }, code }: Parts): Writer {
  const out = new Writer(types.end - types.start + 256);
  out.leb(types.entries + code.helpers.length);
  out.part(bytes, types.start, types.end);
  for (const helper of code.helpers) out.all(helper.type);
  return out;
}

function functionSection({ bytes, shape, code }: Parts): Writer {
  const { start, end } = shape.functionBytes;
  const out = new Writer(end - start + 256);
  out.leb(shape.ownFunctions + code.helpers.length);
  out.part(bytes, start, end);
  code.helpers.forEach((_, i) => {
    out.leb(shape.types.count + i);
  });
  return out;
}

function codeSection({ shape, code }: Parts): Writer {
  const out = code.bodies;
  const header = new Writer(8);
  header.leb(shape.ownFunctions + code.helpers.length);
  for (const helper of code.helpers) out.all(helper.body);
  // The number of functions comes first: move the rest, which is cheaper than a second buffer.
  out.room(header.at);
  out.bytes.copyWithin(header.at, 0, out.at);
  out.bytes.set(header.done(), 0);
  out.at += header.at;
  return out;
}
