import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOSTCALLS } from '../../src/abi/hostcalls/index.ts';
import { abiVersion, link } from '../../src/abi/link.ts';
import { EMSCRIPTEN_TYPES, HOSTCALL_TYPES } from '../../src/abi/signatures.ts';
import type { AbiVersion } from '../../src/abi/types.ts';
import type { CompiledModule } from '../../src/engine/compile.ts';
import { rewrite } from '../../src/engine/rewrite/index.ts';
import { ModuleError } from '../../src/errors.ts';
import { WASI_PREVIEW1 } from '../../src/wasi/index.ts';
import { WASI_TYPES } from '../../src/wasi/signatures.ts';
import { assemble, LIMITS, VERSIONS } from '../support/guest.ts';

/** As `compile` gives it, but at once. */
const wasm = (text: string): CompiledModule => {
  const { bytes, facts } = rewrite(assemble(`(module ${text})`), LIMITS);
  const module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
  return { module, facts, sha256: '', key: '', size: 0 };
};
const WASI = { table: WASI_PREVIEW1, types: WASI_TYPES };
const marker = (abi: AbiVersion) => `(func (export "proxy_abi_version_${abi.replaceAll('.', '_')}"))`;
const MEMORY = '(memory (export "memory") 1)';
const ALLOCATE = '(func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 0))';
const filter = (rest = '', abi: AbiVersion = '0.2.1') => wasm(`${rest} ${MEMORY} ${marker(abi)} ${ALLOCATE}`);

function refused(module: CompiledModule): { code: string; message: string } {
  try {
    link(module, WASI);
  } catch (error) {
    assert.ok(error instanceof ModuleError);
    return { code: error.code, message: error.message };
  }
  return assert.fail('it was linked');
}

for (const abi of VERSIONS) {
  test(`the marker chooses the version (${abi})`, () => {
    assert.equal(link(filter('', abi), WASI).abi, abi);
  });
}

test('of several markers the newest counts', () => {
  assert.equal(link(filter(`${marker('0.1.0')} ${marker('0.2.0')}`, '0.2.1'), WASI).abi, '0.2.1');
  assert.equal(link(filter(marker('0.1.0'), '0.2.0'), WASI).abi, '0.2.0');
});

test('without a marker, or with one that is no function, it is no filter', () => {
  assert.equal(refused(wasm(`${MEMORY} ${ALLOCATE}`)).code, 'MODULE_NO_ABI');
  const global = '(global (export "proxy_abi_version_0_2_1") i32 (i32.const 1))';
  assert.equal(refused(wasm(`${MEMORY} ${ALLOCATE} ${global}`)).code, 'MODULE_NO_ABI');
  assert.equal(refused(wasm('(func (export "proxy_abi_version_0_3_0"))')).code, 'MODULE_NO_ABI');
  assert.equal(abiVersion([]), null);
});

test('the core of a component is told from what is no filter', () => {
  const core = /^the module is the core of a component: .*jco new/;
  for (const name of ['cabi_realloc', 'weir:filter/http-headers@0.1.0#[dtor]http-context']) {
    const { code, message } = refused(wasm(`${MEMORY} (func (export "${name}"))`));
    assert.equal(code, 'MODULE_NO_ABI');
    assert.match(message, core);
  }
  assert.doesNotMatch(refused(wasm('(func (export "_start"))')).message, core);
});

/** A function type from letters, as in signatures.ts. */
const typed = (letters: string) => {
  const params = [...letters.replace('>', '')].map(c => (c === 'l' ? 'i64' : 'i32')).join(' ');
  return `(func (param ${params}) ${letters.endsWith('>') ? '' : '(result i32)'})`;
};
const imported = (from: string, name: string, what = '(func)') => `(import "${from}" "${name}" ${what})`;

test('unknown imports are all named', () => {
  const { code, message } = refused(
    filter(
      imported('env', 'nothing') +
        imported('other', 'proxy_log') +
        imported('wasi_snapshot_preview1', 'fd_none'),
    ),
  );
  assert.equal(code, 'MODULE_IMPORT_UNKNOWN');
  assert.match(message, /env\.nothing, other\.proxy_log, wasi_snapshot_preview1\.fd_none$/);
});

test('names of object members are no hostcalls', () => {
  for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    assert.equal(refused(filter(imported('env', name))).code, 'MODULE_IMPORT_UNKNOWN', name);
    assert.equal(refused(filter(imported(name, 'proxy_log'))).code, 'MODULE_IMPORT_UNKNOWN', name);
  }
});

test("another version's hostcall is refused, and the message says which version has it", () => {
  for (const [abi, name, has] of [
    ['0.2.0', 'proxy_get_log_level', 'ABI 0.2.1 has it'],
    ['0.1.0', 'proxy_get_log_level', 'ABI 0.2.1 has it'],
    ['0.1.0', 'proxy_continue_stream', 'ABI 0.2.0 and 0.2.1 has it'],
    ['0.1.0', 'proxy_close_stream', 'ABI 0.2.0 and 0.2.1 has it'],
    ['0.2.0', 'proxy_get_configuration', 'ABI 0.1.0 has it'],
    ['0.2.1', 'proxy_continue_request', 'ABI 0.1.0 has it'],
    ['0.2.1', 'proxy_continue_response', 'ABI 0.1.0 has it'],
    ['0.2.1', 'proxy_clear_route_cache', 'ABI 0.1.0 has it'],
  ] as const) {
    const { code, message } = refused(filter(imported('env', name), abi));
    assert.equal(code, 'MODULE_IMPORT_UNKNOWN');
    assert.ok(message.includes(`ABI ${abi} does not have: env.${name} (${has})`), message);
  }
});

test('every hostcall of a version can be imported', () => {
  for (const abi of VERSIONS) {
    const types = { ...HOSTCALL_TYPES[abi], ...EMSCRIPTEN_TYPES };
    const all = Object.entries(types).map(([name, letters]) => imported('env', name, typed(letters)));
    assert.equal(link(filter(all.join(''), abi), WASI).imports.length, all.length);
    assert.deepEqual(Object.keys(types).sort(), Object.keys(HOSTCALLS[abi]).sort(), 'each has a signature');
  }
});

test('a hostcall imported with another signature is refused, with both', () => {
  for (const [from, name, what, text] of [
    ['env', 'proxy_log', '(func)', '() -> nothing, which is (i32, i32, i32) -> i32'],
    ['env', 'proxy_log', typed('iii>'), '(i32, i32, i32) -> nothing, which is (i32, i32, i32) -> i32'],
    ['env', 'proxy_record_metric', typed('ii'), '(i32, i32) -> i32, which is (i32, i64) -> i32'],
    ['env', 'proxy_done', '(func (result f64))', '() -> f64, which is () -> i32'],
    ['wasi_unstable', 'proc_exit', typed('i'), '(i32) -> i32, which is (i32) -> nothing'],
  ] as const) {
    const { code, message } = refused(filter(imported(from, name, what)));
    assert.equal(code, 'MODULE_IMPORT_UNKNOWN');
    assert.equal(message, `the module imports what ABI 0.2.1 does not have: ${from}.${name} as ${text}`);
  }
});

test('callbacks, start functions and allocators with other signatures are refused', () => {
  for (const [text, reason] of [
    [
      '(func (export "proxy_on_log") (param i64))',
      'the export proxy_on_log is (i64) -> nothing, not (i32) -> nothing',
    ],
    [
      '(func (export "proxy_on_done") (result f32) (f32.const 0))',
      'the export proxy_on_done is () -> f32, not (i32) -> i32',
    ],
    [
      '(func (export "_initialize") (param f64))',
      'the export _initialize is (f64) -> nothing, not () -> nothing',
    ],
  ] as const) {
    const { code, message } = refused(filter(text));
    assert.equal(code, 'MODULE_EXPORT_INVALID');
    assert.ok(message.startsWith(reason), message);
  }
  const malloc = '(func (export "malloc") (param i64) (result i32) (i32.const 0))';
  const { message } = refused(wasm(`${malloc} ${MEMORY} ${marker('0.2.1')}`));
  assert.equal(message, 'the export malloc is (i64) -> i32, not (i32) -> i32');
});

test('imports that are no functions are refused', () => {
  for (const [kind, what] of [
    ['memory', '(memory 1)'],
    ['global', '(global i32)'],
    ['table', '(table 1 funcref)'],
  ] as const) {
    const memory = kind === 'memory' ? '(export "memory" (memory 0))' : MEMORY;
    const module = wasm(`${imported('env', 'proxy_log', what)} ${memory} ${marker('0.2.1')} ${ALLOCATE}`);
    const { code, message } = refused(module);
    assert.equal(code, 'MODULE_IMPORT_UNKNOWN');
    assert.match(message, new RegExp(`env\\.proxy_log \\(a ${kind}\\)`));
  }
});

test('memory, allocator and callbacks must be what they should be', () => {
  const cases: [text: string, message: RegExp][] = [
    [`${marker('0.2.1')} ${ALLOCATE}`, /no memory named "memory"/],
    [`(memory (export "mem") 1) ${marker('0.2.1')} ${ALLOCATE}`, /no memory named "memory"/],
    [`(func (export "memory")) ${marker('0.2.1')} ${ALLOCATE}`, /no memory named "memory"/],
    [`${MEMORY} ${marker('0.2.1')}`, /no allocator: proxy_on_memory_allocate or malloc/],
    [`${MEMORY} ${marker('0.2.1')} (global (export "malloc") i32 (i32.const 1))`, /no allocator/],
    [
      `${MEMORY} ${marker('0.2.1')} ${ALLOCATE} (global (export "proxy_on_request_headers") i32 (i32.const 1))`,
      /proxy_on_request_headers is a global/,
    ],
  ];
  for (const [text, pattern] of cases) {
    const { code, message } = refused(wasm(text));
    assert.equal(code, 'MODULE_EXPORT_INVALID');
    assert.match(message, pattern);
  }
});

test('malloc serves where there is no proxy_on_memory_allocate, and only there', () => {
  const malloc = '(func (export "malloc") (param i32) (result i32) (i32.const 0))';
  assert.equal(link(wasm(`${MEMORY} ${marker('0.2.1')} ${malloc}`), WASI).allocator, 'malloc');
  assert.equal(link(filter(malloc), WASI).allocator, 'proxy_on_memory_allocate');
});

test('what is called at start, in order', () => {
  const f = (name: string) => `(func (export "${name}"))`;
  const start = (...names: string[]) => link(filter(names.map(f).join('')), WASI).start;
  assert.deepEqual(start(), []);
  assert.deepEqual(start('_start'), ['_start']);
  assert.deepEqual(start('_initialize'), ['_initialize']);
  assert.deepEqual(start('main', '_initialize'), ['_initialize', 'main']);
  assert.deepEqual(start('_initialize', '__main_void'), ['_initialize', '__main_void']);
  assert.deepEqual(start('_initialize', '__main_void', 'main'), ['_initialize', 'main']);
  assert.deepEqual(start('_start', '_initialize'), ['_initialize']);
  assert.deepEqual(start('main'), [], 'main alone is not called');
  assert.deepEqual(start('_start', 'main'), ['_start']);
});

test('callbacks and the power to change bodies are known from the module', () => {
  const l = link(filter('(func (export "proxy_on_log") (param i32))'), WASI);
  assert.deepEqual([...l.callbacks].sort(), ['proxy_on_log', 'proxy_on_memory_allocate']);
  assert.equal(l.changesBodies, false);
  assert.equal(
    link(filter(imported('env', 'proxy_set_buffer_bytes', typed('iiiii'))), WASI).changesBodies,
    true,
  );
});
