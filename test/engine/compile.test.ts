import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compile, sha256 } from '../../src/engine/compile.ts';
import { identify } from '../../src/engine/identify.ts';
import { customSections, memoryLimits, producers, sectionsOf } from '../../src/engine/sections.ts';
import { ModuleError } from '../../src/errors.ts';
import { inspectModule } from '../../src/plugin/inspect.ts';
import { assemble, LIMITS } from '../support/guest.ts';

const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const COMPONENT = Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0);

const fails = (bytes: Uint8Array) =>
  compile(bytes, '', LIMITS).then(
    () => assert.fail('it was compiled'),
    error => {
      assert.ok(error instanceof ModuleError, String(error));
      return { code: error.code, message: error.message };
    },
  );

for (const [what, bytes, code, pattern] of [
  ['nothing', new Uint8Array(), 'MODULE_NOT_WASM', /empty/],
  ['text', Buffer.from('<html></html>'), 'MODULE_NOT_WASM', /does not start with/],
  ['WebAssembly text', Buffer.from('\n (module (func))'), 'MODULE_NOT_WASM', /assemble it first/],
  ['component text', Buffer.from('(component)'), 'MODULE_NOT_WASM', /assemble it first/],
  ['half a header', EMPTY_MODULE.subarray(0, 4), 'MODULE_NOT_WASM', /not WebAssembly/],
  ['seven bytes', EMPTY_MODULE.subarray(0, 7), 'MODULE_NOT_WASM', /not WebAssembly/],
  ['another version', EMPTY_MODULE.with(4, 2), 'MODULE_NOT_WASM', /version 2/],
  ['another layer', EMPTY_MODULE.with(6, 2), 'MODULE_NOT_WASM', /layer 2/],
  ['a component', COMPONENT, 'MODULE_UNSUPPORTED', /a component, where a core module/],
  [
    'a module cut off',
    assemble('(module (func (export "f")))').subarray(0, -2),
    'MODULE_MALFORMED',
    /the module is cut off: section 10/,
  ],
] as const) {
  test(`${what} is ${code}`, async () => {
    const error = await fails(bytes);
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
  });
}

test('a module is compiled, with its hash and size', async () => {
  const hash = sha256(EMPTY_MODULE);
  assert.equal(hash, '93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476');
  const compiled = await compile(EMPTY_MODULE, hash, LIMITS);
  assert.ok(compiled.module instanceof WebAssembly.Module);
  assert.equal(compiled.sha256, hash);
  assert.ok(compiled.size > EMPTY_MODULE.length, 'the flag was added');
});

test('bytes that change while they are compiled do no harm', async () => {
  const bytes = Buffer.from(assemble('(module (func (export "f")))'));
  const compiling = compile(bytes, '', LIMITS);
  bytes.fill(0xff);
  assert.deepEqual(WebAssembly.Module.exports((await compiling).module), [{ name: 'f', kind: 'function' }]);
});

test('arbitrary bytes are refused with an error of ours, and inspected without a crash', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), fc.boolean(), async (tail, framed) => {
      const bytes = framed ? Buffer.concat([EMPTY_MODULE, tail]) : tail;
      const outcome = await compile(bytes, '', LIMITS).catch(error => error);
      assert.ok(outcome instanceof ModuleError || outcome.module instanceof WebAssembly.Module);
      try {
        await inspectModule(bytes);
      } catch (error) {
        assert.ok(error instanceof ModuleError, String(error));
      }
    }),
    { numRuns: 300 },
  );
});

test('identify tells modules and components apart', () => {
  assert.equal(identify(EMPTY_MODULE), 'core');
  assert.equal(identify(COMPONENT), 'component');
});

const custom = (name: string, contents: readonly number[]) => {
  const head = [name.length, ...Buffer.from(name)];
  return Uint8Array.of(0, head.length + contents.length, ...head, ...contents);
};

test('sections, custom sections and memory limits are read', () => {
  const memory = assemble('(module (memory 2 16))');
  assert.deepEqual(memoryLimits(memory), { initial: 131072, maximum: 1048576 });
  assert.deepEqual(memoryLimits(assemble('(module (memory 0))')), { initial: 0, maximum: null });
  assert.equal(memoryLimits(EMPTY_MODULE), null);
  const bytes = Buffer.concat([EMPTY_MODULE, custom('abc', [1, 2]), custom('', [])]);
  assert.deepEqual(customSections(bytes), [
    { name: 'abc', size: 2 },
    { name: '', size: 0 },
  ]);
  assert.deepEqual(
    sectionsOf(bytes).map(s => [s.id, s.start, s.end]),
    [
      [0, 10, 16],
      [0, 18, 19],
    ],
  );
});

test('a section that ends outside the module, and a number that never ends, are malformed', () => {
  for (const tail of [[0, 5, 1], [0], [1, 0x80], [0, ...Array.from({ length: 10 }, () => 0x80)]]) {
    assert.throws(() => sectionsOf(Buffer.concat([EMPTY_MODULE, Buffer.from(tail)])), ModuleError);
  }
  assert.throws(() => customSections(Buffer.concat([EMPTY_MODULE, Buffer.from([0, 1, 9])])), ModuleError);
});

test('the producers section is read as far as it goes', () => {
  const text = (s: string) => [s.length, ...Buffer.from(s)];
  const of = (contents: readonly number[]) =>
    producers(new WebAssembly.Module(Buffer.concat([EMPTY_MODULE, custom('producers', contents)])));
  const good = [
    2,
    ...text('language'),
    1,
    ...text('Rust'),
    ...text(''),
    ...text('tool'),
    1,
    ...text('a'),
    ...text('1'),
  ];
  assert.deepEqual(of(good), { language: 'Rust', tool: 'a 1' });
  assert.deepEqual(of(good.slice(0, -3)), { language: 'Rust' });
  assert.deepEqual(of([]), {});
  assert.deepEqual(producers(new WebAssembly.Module(EMPTY_MODULE)), {});
});
