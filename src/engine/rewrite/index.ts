import { Reader } from '../binary.ts';
import { sectionsOf } from '../sections.ts';
import { assemble, SECTION_ORDER } from './assemble.ts';
import { NO_CODE, readCode } from './code.ts';
import { malformed } from './faults.ts';
import { isShared, isWide, memoryMaxima, tableMaxima } from './limits.ts';
import { Shape } from './shape.ts';

export { ENGINE_MODULE, INTERRUPT_IMPORT, REFUSED_AT } from './names.ts';

/** A memory that the host makes for each instance, imported from ENGINE_MODULE. */
export interface MemoryFacts {
  readonly name: string;
  /** Both in pages of 64 KiB. */
  readonly initial: number;
  readonly maximum: number;
  readonly shared: boolean;
  readonly address: 'i32' | 'i64';
}

/** What is known of a rewritten module; plain JSON. */
export interface ModuleFacts {
  readonly memories: readonly MemoryFacts[];
  /** Whether it can catch exceptions, and so those that the host throws. */
  readonly catches: boolean;
  /**
   * Signatures of the imported functions, in order: a letter for each parameter, a colon, one for each result.
   * i32 is i, i64 l, f32 f, f64 d, v128 v, any reference r.
   */
  readonly imports: readonly string[];
  /** The same of the exported functions, by name. */
  readonly exports: Readonly<Record<string, string>>;
}

export interface Rewritten {
  readonly bytes: Uint8Array;
  readonly facts: ModuleFacts;
}

export interface RewriteLimits {
  /** Of all memories the module defines, in bytes. */
  readonly memory: number;
  /** Of all tables the module defines. */
  readonly tableElements: number;
  /** Of one function's code, in bytes. */
  readonly functionSize: number;
}

const CODE = 10;
const TABLE = 4;

/** Entries that the tables a module defines start with; undefined: it defines none. @throws ModuleError */
export function tablesAtStart(bytes: Uint8Array): number | undefined {
  const shape = new Shape();
  for (const { id, start, end } of sectionsOf(bytes)) {
    if (id > 0 && id <= TABLE) shape.section(id, new Reader(bytes, start, end));
  }
  const { ownTables } = shape;
  return ownTables.length === 0 ? undefined : ownTables.reduce((sum, { range }) => sum + range.minimum, 0);
}

/**
 * A core module that can be interrupted and stays within its limits. Append-only: no index of the module's moves.
 * @throws ModuleError MODULE_MALFORMED, MODULE_UNSUPPORTED, MODULE_LIMIT
 */
export function rewrite(bytes: Uint8Array, limits: RewriteLimits): Rewritten {
  const shape = new Shape();
  const sections = sectionsOf(bytes);
  let rank = -1;
  let code = NO_CODE;
  for (const { id, start, end } of sections) {
    if (id === 0) continue;
    const at = SECTION_ORDER.indexOf(id);
    if (at <= rank) throw malformed(`section ${id} is unknown or in the wrong place`);
    rank = at;
    const r = new Reader(bytes, start, end);
    if (id === CODE) code = readCode(r, shape, limits.functionSize);
    else shape.section(id, r);
    if (r.at !== end) throw malformed(`section ${id} is longer than what is in it`);
  }
  if (code === NO_CODE && shape.ownFunctions > 0) throw malformed('there are functions, but no code');
  const pages = memoryMaxima(shape.ownMemories, limits.memory);
  const tables = tableMaxima(
    shape.ownTables.map(table => table.range),
    limits.tableElements,
  );
  const memories = shape.ownMemories.map((range, i) => ({
    name: `memory${i}`,
    initial: range.minimum,
    maximum: pages[i]!,
    shared: isShared(range),
    address: isWide(range) ? ('i64' as const) : ('i32' as const),
  }));
  return {
    bytes: assemble({ bytes, sections, shape, code, memories, tableMaxima: tables }),
    facts: {
      memories,
      catches: code.catches,
      imports: shape.imported,
      exports: Object.fromEntries(shape.exported),
    },
  };
}
