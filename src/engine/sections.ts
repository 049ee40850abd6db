import { ModuleError } from '../errors.ts';
import { Reader } from './binary.ts';

/** A section of a core module: its id and where its contents lie. */
export interface Section {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

/** Limits of the first memory a module defines, in bytes; `maximum` null without one. */
export interface MemoryLimits {
  readonly initial: number;
  readonly maximum: number | null;
}

/** What a module's functions take. */
export interface CodeSize {
  /** Bytes of the code section. */
  readonly size: number;
  /** Functions that the module defines. */
  readonly functions: number;
  /** Bytes of the longest one. */
  readonly longest: number;
}

const MEMORY_SECTION = 5;
const CODE_SECTION = 10;
const PAGE = 65536;

/** The sections of a core module, in order. @throws ModuleError MODULE_MALFORMED */
export function sectionsOf(bytes: Uint8Array): Section[] {
  const reader = new Reader(bytes, 8);
  const sections: Section[] = [];
  while (reader.at < bytes.length) {
    const id = reader.byte();
    const size = reader.u32();
    const start = reader.at;
    const end = start + size;
    if (end > bytes.length) {
      throw new ModuleError(
        'MODULE_MALFORMED',
        `the module is cut off: section ${id} should end at byte ${end}`,
      );
    }
    sections.push({ id, start, end });
    reader.at = end;
  }
  return sections;
}

/** Limits of the first memory the module defines itself, or null. @throws ModuleError MODULE_MALFORMED */
export function memoryLimits(bytes: Uint8Array): MemoryLimits | null {
  const section = sectionsOf(bytes).find(s => s.id === MEMORY_SECTION);
  if (section === undefined) return null;
  const reader = new Reader(bytes, section.start);
  if (reader.leb() === 0) return null;
  const flags = reader.byte();
  const initial = reader.leb() * PAGE;
  return { initial, maximum: (flags & 1) === 1 ? reader.leb() * PAGE : null };
}

/** The code of a core module, read without looking into its functions. @throws ModuleError MODULE_MALFORMED */
export function codeSize(bytes: Uint8Array): CodeSize {
  const section = sectionsOf(bytes).find(s => s.id === CODE_SECTION);
  if (section === undefined) return { size: 0, functions: 0, longest: 0 };
  const reader = new Reader(bytes, section.start, section.end);
  const functions = reader.u32();
  let longest = 0;
  for (let i = 0; i < functions; i++) {
    const length = reader.u32();
    longest = Math.max(longest, length);
    reader.skip(length);
  }
  return { size: section.end - section.start, functions, longest };
}

/** Custom sections with their sizes in bytes (contents without the name). */
export function customSections(bytes: Uint8Array): { name: string; size: number }[] {
  const found: { name: string; size: number }[] = [];
  for (const section of sectionsOf(bytes)) {
    if (section.id !== 0) continue;
    const reader = new Reader(bytes, section.start);
    const name = reader.text();
    found.push({ name, size: section.end - reader.at });
  }
  return found;
}

/** The producers section (tool-conventions, ProducersSection.md): field to `name version` list; empty without one. */
export function producers(module: WebAssembly.Module): Record<string, string> {
  const [section] = WebAssembly.Module.customSections(module, 'producers');
  if (section === undefined) return {};
  const reader = new Reader(new Uint8Array(section), 0);
  const result: Record<string, string> = {};
  try {
    for (let fields = reader.leb(); fields > 0; fields--) {
      const field = reader.text();
      const values: string[] = [];
      for (let n = reader.leb(); n > 0; n--) values.push([reader.text(), reader.text()].join(' ').trim());
      result[field] = values.join(', ');
    }
  } catch {
    // The section is only information, and anyone's: what could be read is enough.
  }
  return result;
}
