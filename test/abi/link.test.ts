import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abiVersion, link } from '../../src/abi/link.ts';
import type { AbiVersion } from '../../src/abi/types.ts';
import type { CompiledModule } from '../../src/engine/compile.ts';
import { ModuleError } from '../../src/errors.ts';
import { WASI_PREVIEW1 } from '../../src/wasi/index.ts';
import { assemble, VERSIONS } from '../support/guest.ts';
import { HOSTCALL_TYPES } from '../support/guest-wat.ts';

/** As `compile` gives it, for all that linking looks at. */
const wasm = (text: string): CompiledModule => ({
  module: new WebAssembly.Module(assemble(`(module ${text})`) as Uint8Array<ArrayBuffer>),
  facts: { memories: [], catches: false },
  sha256: '',
  key: '',
  size: 0,
});
const marker = (abi: AbiVersion) => `(func (export "proxy_abi_version_${abi.replaceAll('.', '_')}"))`;
const MEMORY = '(memory (export "memory") 1)';
const ALLOCATE = '(func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 0))';
const filter = (rest = '', abi: AbiVersion = '0.2.1') => wasm(`${rest} ${MEMORY} ${marker(abi)} ${ALLOCATE}`);

function refused(module: CompiledModule): { code: string; message: string } {
  try {
    link(module, WASI_PREVIEW1);
  } catch (error) {
    assert.ok(error instanceof ModuleError);
    return { code: error.code, message: error.message };
  }
  return assert.fail('it was linked');
}

for (const abi of VERSIONS) {
  test(`the marker chooses the version (${abi})`, () => {
    assert.equal(link(filter('', abi), WASI_PREVIEW1).abi, abi);
  });
}

test('of several markers the newest counts', () => {
  assert.equal(link(filter(`${marker('0.1.0')} ${marker('0.2.0')}`, '0.2.1'), WASI_PREVIEW1).abi, '0.2.1');
  assert.equal(link(filter(marker('0.1.0'), '0.2.0'), WASI_PREVIEW1).abi, '0.2.0');
});

test('without a marker, or with one that is no function, it is no filter', () => {
  assert.equal(refused(wasm(`${MEMORY} ${ALLOCATE}`)).code, 'MODULE_NO_ABI');
  const global = '(global (export "proxy_abi_version_0_2_1") i32 (i32.const 1))';
  assert.equal(refused(wasm(`${MEMORY} ${ALLOCATE} ${global}`)).code, 'MODULE_NO_ABI');
  assert.equal(refused(wasm('(func (export "proxy_abi_version_0_3_0"))')).code, 'MODULE_NO_ABI');
  assert.equal(abiVersion([]), null);
});

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
    const all = Object.keys(HOSTCALL_TYPES[abi]).map(name => imported('env', name));
    const emscripten = imported('env', 'emscripten_notify_memory_growth') + imported('env', 'pthread_equal');
    assert.equal(link(filter(all.join('') + emscripten, abi), WASI_PREVIEW1).imports.length, all.length + 2);
  }
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
  assert.equal(link(wasm(`${MEMORY} ${marker('0.2.1')} ${malloc}`), WASI_PREVIEW1).allocator, 'malloc');
  assert.equal(link(filter(malloc), WASI_PREVIEW1).allocator, 'proxy_on_memory_allocate');
});

test('what is called at start, in order', () => {
  const f = (name: string) => `(func (export "${name}"))`;
  const start = (...names: string[]) => link(filter(names.map(f).join('')), WASI_PREVIEW1).start;
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
  const l = link(filter('(func (export "proxy_on_log") (param i32))'), WASI_PREVIEW1);
  assert.deepEqual([...l.callbacks].sort(), ['proxy_on_log', 'proxy_on_memory_allocate']);
  assert.equal(l.changesBodies, false);
  assert.equal(link(filter(imported('env', 'proxy_set_buffer_bytes')), WASI_PREVIEW1).changesBodies, true);
});
