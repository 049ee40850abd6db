import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rewrite } from '../../../src/engine/rewrite/index.ts';
import * as op from '../../../src/engine/rewrite/opcodes.ts';
import { type Bytes, body, build, FUNCREF, func, I32, leb } from './build.ts';

const LIMITS = { memory: 2 ** 24, tableElements: 1000, functionSize: 2 ** 23 };
const ANYREF = 0x6e;
const STRUCT = 2;
const ARRAY = 3;
const PACKED = 4;
const REFERENCES = 5;

/** A module with one of everything, and a function with this body. */
const moduleOf = (code: Bytes) =>
  build({
    types: [
      func([], []),
      func([I32], []),
      [0x5f, 2, I32, 1, 0x78, 1], // struct {mut i32, mut i8}
      [0x5e, I32, 1],
      [0x5e, 0x78, 1],
      [0x5e, FUNCREF, 1],
    ],
    functions: [0],
    tables: [[FUNCREF, 0, 10]],
    memories: [[0, 1]],
    tags: [[0, 0]],
    globals: [[I32, 1, 0x41, 0, 0x0b]],
    elements: [[5, FUNCREF, 1, 0xd2, 0, 0x0b]],
    dataCount: 1,
    code: [body(code, [[1, I32]])],
    data: [[1, 1, 0]],
  });

const valid = (code: Bytes) => WebAssembly.validate(moduleOf(code));

/** Blocks that an instruction needs around it: what comes before and after. */
type Frame = readonly [before: Bytes, after: Bytes];
/** What the instruction leaves is dropped; were its first byte an immediate, the next would be a wrong memory.grow. */
const REST = [0x02, 0x40, 0x0b, 0x00];
const PLAIN: Frame = [[0x00], REST];
const IN_TRY: Frame = [[0x06, 0x40], []];

/** Immediates by kind, as many as it takes for one to fit each instruction of the kind. */
const IMMEDIATES: Readonly<Record<number, readonly Bytes[]>> = {
  [op.NONE]: [[]],
  [op.INDEX]: [[0], [ARRAY], [PACKED]],
  [op.INDEX2]: [
    [STRUCT, 0],
    [STRUCT, 1],
  ],
  [op.MEMARG]: [0, 1, 2, 3].map(align => [align, 0]),
  [op.MEMARG_LANE]: [[0, 0, 0]],
  [op.BYTE]: [[0]],
  [op.BYTES4]: [[0, 0, 0, 0]],
  [op.BYTES8]: [Array(8).fill(0)],
  [op.BYTES16]: [Array(16).fill(0)],
  [op.S32]: [[0]],
  [op.S64]: [[0]],
  [op.FUNCTION]: [[0]],
  [op.HEAP_TYPE]: [[FUNCREF], [ANYREF]],
  [op.SELECT_TYPES]: [[1, I32]],
  [op.MEMORY]: [[0]],
  [op.DATA_MEMORY]: [[0, 0]],
  [op.MEMORY2]: [[0, 0]],
  [op.CALL]: [[0]],
  [op.CALL_INDIRECT]: [[0, 0]],
  [op.CALL_REF]: [[0]],
  [op.BRANCH_IF]: [[0]],
  [op.BRANCH_CAST]: [[3, 0, ANYREF, ANYREF]],
  [op.BULK_INDEX]: [[0]],
  [op.BULK_INDEX2]: [[0, 0]],
  [op.ALLOCATION]: [[STRUCT], [ARRAY], [ARRAY, 0], [PACKED, 0], [REFERENCES, 0], [ARRAY, ARRAY]],
};

/** By opcode, where the kind does not say it: frame and immediates. */
const CONTROL: Readonly<Record<number, readonly [Frame, Bytes]>> = {
  0: [PLAIN, []],
  2: [[[0x00], [0x0b]], [0x40]],
  3: [[[0x00], [0x0b]], [0x40]],
  4: [[[0x00], [0x0b]], [0x40]],
  5: [[[0x00, 0x04, 0x40], [0x0b]], []],
  6: [[[0x00], [0x0b]], [0x40]],
  7: [[[0x06, 0x40], [0x0b]], [0]],
  8: [PLAIN, [0]],
  9: [[[0x06, 0x40, 0x19], [0x0b]], [0]],
  10: [PLAIN, []],
  11: [[[0x02, 0x40], []], []],
  12: [PLAIN, [0]],
  14: [PLAIN, [2, 0, 0, 0]],
  15: [PLAIN, []],
  24: [IN_TRY, [0]],
  25: [[[0x06, 0x40], [0x0b]], []],
  31: [
    [[0x00], [0x0b]],
    [0x40, 3, 0, 0, 0, 2, 0, 2, 0],
  ],
};
const WITH_RESULT: Frame = [
  [0x02, ANYREF, 0x00],
  [...REST, 0x0b, 0x1a],
];

interface Instruction {
  readonly name: string;
  readonly opcode: Bytes;
  readonly kind: number;
}

const PREFIXES = [op.GC, op.MISC, op.SIMD, op.ATOMIC];

function* instructions(): Generator<Instruction> {
  for (const [opcode, kind] of op.PLAIN_OPCODES.entries())
    if (kind !== 0) yield { name: opcode.toString(16), opcode: [opcode], kind };
  for (const prefix of PREFIXES) {
    for (const [sub, kind] of op.prefixTable(prefix).entries()) {
      const name = `${prefix.toString(16)} ${sub.toString(16)}`;
      if (kind !== 0) yield { name, opcode: [prefix, ...leb(sub)], kind };
    }
  }
}

function candidates({ opcode, kind }: Instruction): readonly (readonly [Frame, Bytes])[] {
  if (kind === op.CONTROL) return [CONTROL[opcode[0]!]!];
  const frame = kind === op.BRANCH_CAST || opcode[0] === 0xd6 ? WITH_RESULT : PLAIN;
  return IMMEDIATES[kind]!.map(immediates => [frame, immediates] as const);
}

test('V8 takes every instruction in the table, with the same immediates', () => {
  let count = 0;
  for (const instruction of instructions()) {
    const { name, opcode } = instruction;
    const fits = candidates(instruction).find(([[before, after], immediates]) =>
      valid([...before, ...opcode, ...immediates, ...after]),
    );
    assert.ok(fits !== undefined, `V8 refuses ${name}`);
    const [[before, after], immediates] = fits;
    count++;
    // One byte fewer is wrong: V8 reads as many as the table says (of zeros left over each would be `unreachable`).
    if (immediates.length > 0 && instruction.kind !== op.CONTROL)
      assert.ok(!valid([...before, ...opcode, ...immediates.slice(0, -1), ...after]), `${name} cut off`);
    const bytes = moduleOf([...before, ...opcode, ...immediates, ...after]);
    if (instruction.kind === op.ALLOCATION) {
      assert.throws(() => rewrite(bytes, LIMITS), { code: 'MODULE_UNSUPPORTED' }, name);
      continue;
    }
    const rewritten = rewrite(bytes, LIMITS).bytes as Uint8Array<ArrayBuffer>;
    assert.ok(WebAssembly.validate(rewritten), `${name} is not valid once rewritten`);
    assert.doesNotThrow(() => new WebAssembly.Module(rewritten));
  }
  assert.ok(count > 500, String(count));
});

test('V8 takes no instruction that is not in the table', () => {
  // Zeros that are not immediates are `unreachable`.
  const tails = [0, 1, 2, 3, 4, 5, 17].map(length => Array<number>(length).fill(0));
  const refused = (opcode: Bytes) => {
    for (const tail of tails) {
      const code = [0x00, ...opcode, ...tail];
      assert.ok(!valid(code), `V8 compiles ${code.map(b => b.toString(16)).join(' ')}`);
    }
  };
  for (let opcode = 0; opcode < 256; opcode++) {
    if (op.PLAIN_OPCODES[opcode] !== 0 || PREFIXES.includes(opcode)) continue;
    refused([opcode]);
    for (let next = 0; next < 256; next++) refused([opcode, next]);
  }
  for (const prefix of PREFIXES) {
    const kinds = op.prefixTable(prefix);
    for (let sub = 0; sub < 0x200; sub++) if (!kinds[sub]) refused([prefix, ...leb(sub)]);
  }
});

test('an unknown instruction is refused by its number and place', () => {
  assert.throws(() => rewrite(moduleOf([0x27]), LIMITS), {
    code: 'MODULE_UNSUPPORTED',
    message: 'the instruction 0x27 in function 0 is unknown',
  });
  assert.throws(() => rewrite(moduleOf([0xfd, 0x9a, 0x01]), LIMITS), {
    message: 'the instruction 0xfd 0x9a in function 0 is unknown',
  });
});
