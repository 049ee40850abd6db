/**
 * Immediates of every instruction that Node's V8 compiles by default; test/engine/rewrite/opcodes.test.ts holds
 * this table against V8. Zero: no such instruction.
 */
export const NONE = 1;
/** One u32 that nothing here looks at: a local, global, type, table, field, segment, tag … */
export const INDEX = 2;
export const INDEX2 = 3;
export const MEMARG = 4;
export const MEMARG_LANE = 5;
export const BYTE = 6;
export const BYTES4 = 7;
export const BYTES8 = 8;
export const BYTES16 = 9;
export const S32 = 10;
export const S64 = 11;
export const FUNCTION = 12;
export const HEAP_TYPE = 13;
export const SELECT_TYPES = 14;
export const MEMORY = 15;
export const DATA_MEMORY = 16;
export const MEMORY2 = 17;
/** Changes where execution goes on: the walker of bodies treats each by its opcode. */
export const CONTROL = 18;
export const CALL = 19;
export const CALL_INDIRECT = 20;
export const CALL_REF = 21;
/** A conditional branch: its label, and for casts flags before and two heap types behind. */
export const BRANCH_IF = 22;
export const BRANCH_CAST = 23;
/** An instruction with a cost of its own, which a check goes before: one or two indices. */
export const BULK_INDEX = 24;
export const BULK_INDEX2 = 25;
/** Allocates on the engine's heap, or works on what only such an instruction makes. */
export const ALLOCATION = 26;

const table = (
  size: number,
  ...ranges: readonly (readonly [first: number, last: number, kind: number])[]
) => {
  const kinds = new Uint8Array(size);
  for (const [first, last, kind] of ranges) kinds.fill(kind, first, last + 1);
  return kinds;
};

/** Prefix bytes: the instruction is a u32 that follows. */
export const GC = 0xfb;
export const MISC = 0xfc;
export const SIMD = 0xfd;
export const ATOMIC = 0xfe;

export const PLAIN_OPCODES = table(
  256,
  [0x00, 0x00, CONTROL], // unreachable
  [0x01, 0x01, NONE],
  [0x02, 0x09, CONTROL], // block loop if else try catch throw rethrow
  [0x0a, 0x0c, CONTROL], // throw_ref end br
  [0x0d, 0x0d, BRANCH_IF],
  [0x0e, 0x0f, CONTROL], // br_table return
  [0x10, 0x10, CALL],
  [0x11, 0x11, CALL_INDIRECT],
  [0x12, 0x12, CALL], // return_call
  [0x13, 0x13, CALL_INDIRECT],
  [0x14, 0x15, CALL_REF],
  [0x18, 0x19, CONTROL], // delegate catch_all
  [0x1a, 0x1b, NONE], // drop select
  [0x1c, 0x1c, SELECT_TYPES],
  [0x1f, 0x1f, CONTROL], // try_table
  [0x20, 0x26, INDEX], // local, global, table
  [0x28, 0x3e, MEMARG],
  [0x3f, 0x40, MEMORY],
  [0x41, 0x41, S32],
  [0x42, 0x42, S64],
  [0x43, 0x43, BYTES4],
  [0x44, 0x44, BYTES8],
  [0x45, 0xc4, NONE],
  [0xd0, 0xd0, HEAP_TYPE],
  [0xd1, 0xd1, NONE],
  [0xd2, 0xd2, FUNCTION],
  [0xd3, 0xd4, NONE], // ref.eq ref.as_non_null
  [0xd5, 0xd6, BRANCH_IF], // br_on_null br_on_non_null
);

export const GC_OPCODES = table(
  0x1f,
  [0x00, 0x01, ALLOCATION],
  [0x02, 0x05, INDEX2], // struct.get struct.set
  [0x06, 0x0a, ALLOCATION],
  [0x0b, 0x0e, INDEX], // array.get array.set
  [0x0f, 0x0f, NONE],
  [0x10, 0x13, ALLOCATION], // array.fill, copy, init: no array can exist
  [0x14, 0x17, HEAP_TYPE],
  [0x18, 0x19, BRANCH_CAST],
  [0x1a, 0x1e, NONE],
);

export const MISC_OPCODES = table(
  0x12,
  [0x00, 0x07, NONE], // saturating conversions
  [0x08, 0x08, DATA_MEMORY], // memory.init
  [0x09, 0x09, INDEX],
  [0x0a, 0x0a, MEMORY2],
  [0x0b, 0x0b, MEMORY], // memory.fill
  [0x0c, 0x0c, BULK_INDEX2], // table.init
  [0x0d, 0x0d, INDEX],
  [0x0e, 0x0e, BULK_INDEX2], // table.copy
  [0x0f, 0x0f, BULK_INDEX], // table.grow
  [0x10, 0x10, INDEX], // table.size
  [0x11, 0x11, BULK_INDEX], // table.fill
);

const SIMD_HOLES = [
  0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf,
].concat([0xd0, 0xd2, 0xd3, 0xd4, 0xe2, 0xee]);

export const SIMD_OPCODES = table(
  0x114,
  [0x00, 0x0b, MEMARG],
  [0x0c, 0x0d, BYTES16],
  [0x0e, 0x14, NONE],
  [0x15, 0x22, BYTE],
  [0x23, 0x53, NONE],
  [0x54, 0x5b, MEMARG_LANE],
  [0x5c, 0x5d, MEMARG],
  [0x5e, 0x113, NONE],
  ...SIMD_HOLES.map(hole => [hole, hole, 0] as const),
);

export const ATOMIC_OPCODES = table(
  0x4f,
  [0x00, 0x02, MEMARG], // notify wait32 wait64
  [0x03, 0x03, BYTE], // fence
  [0x10, 0x4e, MEMARG],
);

const NO_OPCODES = new Uint8Array(0);

/** Table of a prefix byte's instructions; an empty one for any other byte. */
export function prefixTable(prefix: number): Uint8Array {
  if (prefix === MISC) return MISC_OPCODES;
  if (prefix === SIMD) return SIMD_OPCODES;
  if (prefix === ATOMIC) return ATOMIC_OPCODES;
  return prefix === GC ? GC_OPCODES : NO_OPCODES;
}

/** Names of the allocating instructions, by sub-opcode: messages have them. */
export const ALLOCATION_NAMES: Readonly<Record<number, string>> = {
  0: 'struct.new',
  1: 'struct.new_default',
  6: 'array.new',
  7: 'array.new_default',
  8: 'array.new_fixed',
  9: 'array.new_data',
  10: 'array.new_elem',
  16: 'array.fill',
  17: 'array.copy',
  18: 'array.init_data',
  19: 'array.init_elem',
};
