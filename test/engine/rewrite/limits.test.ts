import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENGINE_MODULE, rewrite } from '../../../src/engine/rewrite/index.ts';
import { customSections } from '../../../src/engine/sections.ts';
import { body, build, custom, exportOf, FUNCREF, func, I32, leb, type Parts, text } from './build.ts';
import { guest } from './run.ts';
import { wat } from './wat.ts';

const MIB = 2 ** 20;
const LIMITS = { memory: 16 * MIB, tableElements: 1000, functionSize: 2 ** 23 };
const facts = (parts: Parts, limits = LIMITS) => rewrite(build(parts), limits).facts.memories;
const maxima = (parts: Parts, limits = LIMITS) => facts(parts, limits).map(memory => memory.maximum);

test('memories are clamped to the limit, all of them together', () => {
  assert.deepEqual(facts({ memories: [[0, 2]] }), [
    { name: 'memory0', initial: 2, maximum: 256, shared: false, address: 'i32' },
  ]);
  assert.deepEqual(maxima({ memories: [[1, 2, 9]] }), [9]);
  assert.deepEqual(maxima({ memories: [[1, 2, ...leb(65536)]] }), [256]);
  assert.deepEqual(
    maxima({
      memories: [
        [0, 10],
        [0, 1],
        [1, 0, 3],
      ],
    }),
    [91, 82, 3],
  );
  assert.deepEqual(
    facts({
      memories: [
        [3, 1, 2],
        [5, 1, ...leb(2 ** 40)],
        [0, 0],
      ],
    }),
    [
      { name: 'memory0', initial: 1, maximum: 2, shared: true, address: 'i32' },
      { name: 'memory1', initial: 1, maximum: 85, shared: false, address: 'i64' },
      { name: 'memory2', initial: 0, maximum: 84, shared: false, address: 'i32' },
    ],
  );
  assert.deepEqual(maxima({ memories: [[0, 1]] }, { ...LIMITS, memory: 2 ** 36 }), [65536]);
  assert.deepEqual(maxima({ memories: [[4, 1]] }, { ...LIMITS, memory: 2 ** 36 }), [262144]);
});

test('a guest gets no more memory than that', () => {
  const { call } = guest(
    wat('(module (memory 1) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))'),
    {},
    LIMITS,
  );
  assert.deepEqual([call('grow', 256), call('grow', 255), call('grow', 1)], [-1, 1, -1]);
});

test('a guest gets no more table elements than that', () => {
  const { call } = guest(
    wat(`(module (table 10 funcref) (table $b 1 externref) (func (export "grow") (param i32) (result i32)
      (table.grow 0 (ref.null func) (local.get 0))) (func (export "growB") (param i32) (result i32)
      (table.grow $b (ref.null extern) (local.get 0))))`),
    {},
    LIMITS,
  );
  assert.deepEqual([call('grow', 495), call('grow', 494), call('grow', 1)], [-1, 10, -1]);
  assert.deepEqual([call('growB', 495), call('growB', 494)], [-1, 1]);
});

const HEAP = [func([], []), [0x5f, 1, I32, 1]];
const withCode = (code: number[], more: Parts = {}) => ({
  types: HEAP,
  functions: [0],
  code: [body(code)],
  ...more,
});
const many = <T>(count: number, item: T): T[] => Array<T>(count).fill(item);

const REFUSED: readonly (readonly [string, Parts, string, string])[] = [
  [
    'too much memory',
    { memories: [[0, ...leb(512)]] },
    'MODULE_LIMIT',
    'needs 32 MiB of memory at the start, limits.memory is 16 MiB',
  ],
  [
    'too much memory in several memories',
    {
      memories: [
        [0, ...leb(200)],
        [0, 57],
      ],
    },
    'MODULE_LIMIT',
    'needs 16448 KiB of memory at the start, limits.memory is 16 MiB',
  ],
  [
    'too many memories',
    { memories: many(17, [0, 0]) },
    'MODULE_LIMIT',
    'has 17 memories, Weir takes up to 16',
  ],
  [
    'another page size',
    { memories: [[8, 1, 0]] },
    'MODULE_UNSUPPORTED',
    'memory 0 has the flags 0x08; Weir knows a maximum, shared and 64 bits',
  ],
  [
    'too large tables',
    {
      tables: [
        [FUNCREF, 0, ...leb(600)],
        [FUNCREF, 0, ...leb(401)],
      ],
    },
    'MODULE_LIMIT',
    'needs 1001 table elements at the start, limits.tableElements is 1000',
  ],
  [
    'too many tables',
    { tables: many(65, [FUNCREF, 0, 0]) },
    'MODULE_LIMIT',
    'has 65 tables, Weir takes up to 64',
  ],
  [
    'too many globals',
    { globals: many(10_001, [I32, 0, 0x41, 0, 0x0b]) },
    'MODULE_LIMIT',
    'has 10001 globals, Weir takes up to 10000',
  ],
  [
    'a struct made by code',
    withCode([0xfb, 1, 1, 0x1a]),
    'MODULE_UNSUPPORTED',
    "struct.new_default in function 0: what the garbage collector holds can't be limited",
  ],
  [
    'a struct made for a global',
    { types: HEAP, globals: [[0x64, 1, 0, 0xfb, 1, 1, 0x0b]] },
    'MODULE_UNSUPPORTED',
    "struct.new_default in a constant expression: what the garbage collector holds can't be limited",
  ],
  [
    'a tag with 17 parameters',
    { types: [func(many(17, I32), [])], tags: [[0, 0]] },
    'MODULE_UNSUPPORTED',
    'a tag has 17 parameters, Weir takes up to 16',
  ],
  [
    'an exception within an exception',
    { types: [func([0x69], [])], tags: [[0, 0]] },
    'MODULE_UNSUPPORTED',
    'a tag has an exception reference as a parameter',
  ],
  [
    'a table of exceptions',
    { tables: [[0x69, 0, 1]] },
    'MODULE_UNSUPPORTED',
    'has a table of exception references: what exceptions hold can only be limited on the stack',
  ],
  [
    "the engine's own imports",
    { imports: [[...text(ENGINE_MODULE), ...text('interrupt'), 2, 3, 1, 1]] },
    'MODULE_UNSUPPORTED',
    "imports weir:engine interrupt: that module name is the engine's own",
  ],
];

for (const [what, parts, code, message] of REFUSED) {
  test(`${what} is ${code}`, () => {
    assert.throws(() => rewrite(build(parts), LIMITS), { name: 'ModuleError', code, message });
  });
}

/** Everything that names a memory, naming the first one that isn't the module's: there lies the flag. */
const reaching = (memories: number): readonly (readonly [string, Parts])[] => {
  const own = { memories: many(memories, [0, 1]) };
  const code = (...instructions: number[]) =>
    withCode([0x00, ...instructions, 0x00], { dataCount: 1, ...own });
  const align = (a: number) => (memories === 0 ? [a] : [a | 0x40, memories]);
  return [
    ['i32.load', code(0x28, ...align(2), 0)],
    ['i32.store', code(0x36, ...align(2), 0)],
    ['v128.load', code(0xfd, 0, ...align(0), 0)],
    ['v128.load8_lane', code(0xfd, 0x54, ...align(0), 0, 0)],
    ['i32.atomic.store', code(0xfe, 0x17, ...align(2), 0)],
    ['memory.atomic.notify', code(0xfe, 0, ...align(2), 0)],
    ['memory.size', code(0x3f, memories)],
    ['memory.grow', code(0x40, memories)],
    ['memory.fill', code(0xfc, 11, memories)],
    ['memory.init', code(0xfc, 8, 0, memories)],
    ['memory.copy to it', code(0xfc, 10, memories, 0)],
    ['memory.copy from it', code(0xfc, 10, 0, memories)],
    ['an export', { ...own, exports: [exportOf('m', 2, memories)] }],
    ['a data segment', { ...own, data: [[...(memories === 0 ? [0] : [2, memories]), 0x41, 0, 0x0b, 0]] }],
  ];
};

for (const memories of [0, 1, 2]) {
  test(`no instruction reaches the flag behind ${memories} memories`, () => {
    for (const [what, parts] of reaching(memories)) {
      assert.equal(WebAssembly.validate(build(parts)), false, what);
      assert.throws(
        () => rewrite(build(parts), LIMITS),
        { code: 'MODULE_MALFORMED', message: /there is no memory/ },
        what,
      );
    }
  });
}

test('the functions we append can not be called by their index', () => {
  const parts = withCode([0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0, 0x41, 0, 0x41, 0, 0x41, 0, 0x10, 1], {
    memories: [[0, 1]],
  });
  assert.throws(() => rewrite(build(parts), LIMITS), { message: 'there is no function 1' });
});

test('a wait for memory does not wait', () => {
  const shared = (op: string, value: string) =>
    `(func (export "${op}") (result i32) (memory.atomic.${op} (i32.const 0) (${value}.const 0) (i64.const -1)))`;
  const { call } = guest(
    wat(`(module (memory 1 1 shared) ${shared('wait32', 'i32')} ${shared('wait64', 'i64')})`),
  );
  // 2: timed out.
  assert.deepEqual([call('wait32'), call('wait64')], [2, 2]);
});

test('custom sections stay, but for those with offsets of code', () => {
  const names = [
    'name',
    'producers',
    'target_features',
    'dylink.0',
    'mine',
    '.debug_info',
    'sourceMappingURL',
  ];
  names.push('external_debug_info', 'reloc.CODE', 'linking', 'metadata.code.branch_hint');
  const bytes = Uint8Array.from([...build({ memories: [[0, 1]] }), ...names.flatMap(name => custom(name))]);
  assert.deepEqual(
    customSections(rewrite(bytes, LIMITS).bytes).map(section => section.name),
    names.slice(0, 5),
  );
});

test('the least of modules is rewritten, and one that only imports', () => {
  assert.deepEqual(guest(build({})).rewritten.facts, {
    memories: [],
    catches: false,
    imports: [],
    exports: {},
  });
  const memory = new WebAssembly.Memory({ initial: 1 });
  const own = guest(build({ imports: [[...text('a'), ...text('b'), 2, 0, 1]], memories: [[0, 1]] }), {
    a: { b: memory },
  });
  assert.equal(own.rewritten.facts.memories.length, 1);
});
