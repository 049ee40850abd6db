import type { Reader } from '../binary.ts';
import { hex, inBytes, malformed, overLimit, unsupported } from './faults.ts';

/** Limits of a memory in pages, or of a table in elements. */
export interface Range {
  readonly flags: number;
  readonly minimum: number;
  readonly maximum: number | null;
}

const HAS_MAXIMUM = 1;
const SHARED = 2;
const WIDE = 4;

export const isShared = (range: Range) => (range.flags & SHARED) !== 0;
export const isWide = (range: Range) => (range.flags & WIDE) !== 0;
/** The flags of a range that has a maximum. */
export const bounded = (range: Range) => range.flags | HAS_MAXIMUM;

const PAGE = 65536;
const MAX_PAGES = 65536;
/** V8 makes no 64-bit memory larger than this. */
const MAX_PAGES_WIDE = 262144;
const MAX_MEMORIES = 16;
const MAX_TABLES = 64;

/** Limits of a memory or table; `largest` for 32-bit ones, a number that the format allows. */
export function readRange(r: Reader, what: string, largest: number): Range {
  const flags = r.byte();
  if (flags & ~(HAS_MAXIMUM | SHARED | WIDE))
    throw unsupported(`${what} has the flags ${hex(flags)}; Weir knows a maximum, shared and 64 bits`);
  const wide = (flags & WIDE) !== 0;
  const minimum = wide ? r.u64() : r.u32();
  const maximum = flags & HAS_MAXIMUM ? (wide ? r.u64() : r.u32()) : null;
  const most = wide ? Number.POSITIVE_INFINITY : largest;
  if (minimum > most || (maximum ?? 0) > most) throw malformed(`${what} is larger than the format allows`);
  if (maximum !== null && maximum < minimum) throw malformed(`${what} has a maximum below its minimum`);
  return { flags, minimum, maximum };
}

export function readMemory(r: Reader, index: number): Range {
  const range = readRange(r, `memory ${index}`, MAX_PAGES);
  if (isShared(range) && range.maximum === null)
    throw malformed(`memory ${index} is shared and has no maximum`);
  if (isWide(range) && (range.maximum ?? 0) > 2 ** 48)
    throw malformed(`memory ${index} is larger than the format allows`);
  return range;
}

/** What each may grow to, so that all together stay within `limit`. */
function shares(ranges: readonly Range[], sum: number, limit: number): number[] {
  const spare = Math.floor((limit - sum) / ranges.length);
  return ranges.map(range => Math.min(range.maximum ?? Number.POSITIVE_INFINITY, range.minimum + spare));
}

const sumOf = (ranges: readonly Range[]) => ranges.reduce((sum, range) => sum + range.minimum, 0);

/** Maxima in pages of the memories a module defines. @throws ModuleError MODULE_LIMIT */
export function memoryMaxima(memories: readonly Range[], limit: number): number[] {
  if (memories.length > MAX_MEMORIES)
    throw overLimit(`has ${memories.length} memories, Weir takes up to ${MAX_MEMORIES}`);
  const sum = sumOf(memories);
  if (sum * PAGE > limit)
    throw overLimit(
      `needs ${inBytes(sum * PAGE)} of memory at the start, limits.memory is ${inBytes(limit)}`,
    );
  return shares(memories, sum, Math.floor(limit / PAGE)).map((pages, i) =>
    Math.min(pages, isWide(memories[i]!) ? MAX_PAGES_WIDE : MAX_PAGES),
  );
}

/** Maxima of the tables a module defines. @throws ModuleError MODULE_LIMIT */
export function tableMaxima(tables: readonly Range[], limit: number): number[] {
  if (tables.length > MAX_TABLES)
    throw overLimit(`has ${tables.length} tables, Weir takes up to ${MAX_TABLES}`);
  const sum = sumOf(tables);
  if (sum > limit)
    throw overLimit(`needs ${sum} table elements at the start, limits.tableElements is ${limit}`);
  return shares(tables, sum, limit);
}
