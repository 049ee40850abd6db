import type { Reader } from '../binary.ts';
import { hex, malformed, unsupported } from './faults.ts';
import * as op from './opcodes.ts';
import type { Types } from './types.ts';

/** How many of each the module has by itself: an index above is refused, also when what we append is there. */
export interface Counts {
  readonly types: Types;
  functions: number;
  memories: number;
}

export function functionIndex(r: Reader, counts: Counts): number {
  const index = r.u32();
  if (index >= counts.functions) throw malformed(`there is no function ${index}`);
  return index;
}

/** A memory index. Behind the module's own lies the interruption flag, which no guest may reach. */
export function memoryIndex(r: Reader, counts: Counts): number {
  const index = r.u32();
  if (index >= counts.memories) throw malformed(`there is no memory ${index}`);
  return index;
}

const MEMORY_FOLLOWS = 0x40;

/** Alignment, memory, offset. */
export function memarg(r: Reader, counts: Counts): void {
  const align = r.u32();
  if (align & MEMORY_FOLLOWS) memoryIndex(r, counts);
  else if (counts.memories === 0) throw malformed('there is no memory 0');
  r.skipLeb(10);
}

/** Passes the immediates of an instruction that only computes. */
export function skipImmediates(r: Reader, kind: number, counts: Counts): void {
  const { INDEX, INDEX2, BULK_INDEX, BULK_INDEX2 } = op;
  if (kind === op.NONE) return;
  if (kind === INDEX || kind === BULK_INDEX || kind === op.S32) r.skipLeb(5);
  else if (kind === op.S64) r.skipLeb(10);
  else if (kind === op.MEMARG || kind === op.MEMARG_LANE) {
    memarg(r, counts);
    if (kind === op.MEMARG_LANE) r.skip(1);
  } else if (kind >= op.BYTE && kind <= op.BYTES16) r.skip(FIXED[kind - op.BYTE]!);
  else if (kind === INDEX2 || kind === BULK_INDEX2) {
    r.skipLeb(5);
    r.skipLeb(5);
  } else if (kind === op.FUNCTION) functionIndex(r, counts);
  else if (kind === op.HEAP_TYPE) counts.types.heap(r);
  else if (kind === op.SELECT_TYPES) for (let n = r.u32(); n > 0; n--) counts.types.value(r);
  else if (kind === op.MEMORY || kind === op.MEMORY2 || kind === op.DATA_MEMORY) {
    if (kind === op.MEMORY2) memoryIndex(r, counts);
    if (kind === op.DATA_MEMORY) r.skipLeb(5);
    memoryIndex(r, counts);
  } else throw malformed('an instruction is where it may not be');
}

/** Lengths of BYTE, BYTES4, BYTES8, BYTES16. */
const FIXED = [1, 4, 8, 16];

export function refuseUnknown(opcode: number, sub: number, where: string): never {
  const name = sub < 0 ? hex(opcode) : `${hex(opcode)} ${hex(sub)}`;
  throw unsupported(`the instruction ${name} in ${where} is unknown`);
}

export function refuseAllocation(sub: number, where: string): never {
  throw unsupported(
    `${op.ALLOCATION_NAMES[sub]} in ${where}: what the garbage collector holds can't be limited`,
  );
}

const END = 0x0b;
const REF_FUNC = 0xd2;

/** A constant expression, to its end; `reference` hears of each function whose address is taken. */
export function skipConstant(r: Reader, counts: Counts, reference: (index: number) => void): void {
  const where = 'a constant expression';
  for (;;) {
    const opcode = r.byte();
    if (opcode === END) return;
    if (opcode === REF_FUNC) {
      reference(functionIndex(r, counts));
      continue;
    }
    let kind = op.PLAIN_OPCODES[opcode]!;
    if (opcode >= op.GC && opcode <= op.ATOMIC) {
      const sub = r.u32();
      kind = op.prefixTable(opcode)[sub] ?? 0;
      if (kind === 0) refuseUnknown(opcode, sub, where);
      if (kind === op.ALLOCATION) refuseAllocation(sub, where);
    } else if (kind === 0) refuseUnknown(opcode, -1, where);
    skipImmediates(r, kind, counts);
  }
}
