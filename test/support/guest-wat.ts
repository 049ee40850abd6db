import wabt from 'wabt';
import { CALLBACK_TYPES, HOSTCALL_TYPES } from '../../src/abi/signatures.ts';
import type { AbiVersion } from '../../src/abi/types.ts';
import { WASI_TYPES } from '../../src/wasi/signatures.ts';

export { HOSTCALL_TYPES, WASI_TYPES };

/** Callbacks in the order of the index that a puppet passes to `test_on`. */
export const CALLBACKS = [
  'proxy_on_context_create',
  'proxy_on_vm_start',
  'proxy_on_configure',
  'proxy_on_request_headers',
  'proxy_on_request_body',
  'proxy_on_request_trailers',
  'proxy_on_response_headers',
  'proxy_on_response_body',
  'proxy_on_response_trailers',
  'proxy_on_tick',
  'proxy_on_http_call_response',
  'proxy_on_grpc_receive_initial_metadata',
  'proxy_on_grpc_receive',
  'proxy_on_grpc_receive_trailing_metadata',
  'proxy_on_grpc_close',
  'proxy_on_queue_ready',
  'proxy_on_foreign_function',
  'proxy_on_new_connection',
  'proxy_on_downstream_data',
  'proxy_on_downstream_connection_close',
  'proxy_on_upstream_data',
  'proxy_on_upstream_connection_close',
  'proxy_on_done',
  'proxy_on_log',
  'proxy_on_delete',
] as const;
export type CallbackName = (typeof CALLBACKS)[number];

const wat = await wabt();

/** WebAssembly text to bytes; exception handling is the older proposal's (try, catch_all). */
export function assemble(text: string): Uint8Array {
  const module = wat.parseWat('guest.wat', text, { exceptions: true });
  try {
    return new Uint8Array(module.toBinary({}).buffer);
  } finally {
    module.destroy();
  }
}

export interface PuppetShape {
  readonly abi: AbiVersion;
  /** Callbacks it exports; default all. */
  readonly callbacks?: readonly CallbackName[];
  /** Module that WASI functions come from; default wasi_snapshot_preview1. */
  readonly wasi?: 'wasi_snapshot_preview1' | 'wasi_unstable';
  /** Hostcalls it doesn't import. */
  readonly without?: readonly string[];
}

/** Where the puppet's own allocator begins to hand out memory: all before it is the test's. */
export const HEAP = 65536;

const types = (letters: string) =>
  [...letters.replace('>', '')].map(c => (c === 'i' ? 'i32' : 'i64')).join(' ');
const signature = (letters: string) => {
  const params = types(letters);
  return `${params === '' ? '' : `(param ${params})`} ${letters.endsWith('>') ? '' : '(result i32)'}`;
};
const locals = (count: number) => Array.from({ length: count }, (_, i) => `(local.get ${i})`).join(' ');

/** A module that does nothing by itself: the test decides what its callbacks do, and calls out through it. */
export function puppetText(shape: PuppetShape): string {
  const wasiModule = shape.wasi ?? 'wasi_snapshot_preview1';
  const imports: string[] = [];
  const calls: string[] = [];
  const refs: string[] = [];
  const trampoline = (module: string, name: string, letters: string) => {
    const count = letters.replace('>', '').length;
    imports.push(`(import "${module}" "${name}" (func $${name} ${signature(letters)}))`);
    calls.push(`(func $call_${name} ${signature(letters)} (call $${name} ${locals(count)}))`);
    refs.push(name);
  };
  for (const [name, letters] of Object.entries(HOSTCALL_TYPES[shape.abi])) {
    if (!shape.without?.includes(name)) trampoline('env', name, letters);
  }
  for (const [name, letters] of Object.entries(WASI_TYPES)) trampoline(wasiModule, name, letters);
  const callbacks = (shape.callbacks ?? CALLBACKS).map(name => {
    const letters = CALLBACK_TYPES[shape.abi][name]!;
    const params = letters.replace('>', '').length;
    const args = [0, 1, 2, 3, 4].map(i => (i < params ? `(local.get ${i})` : '(i32.const -1)')).join(' ');
    const call = `(call $test_on (i32.const ${CALLBACKS.indexOf(name)}) ${args})`;
    const result = letters.endsWith('>');
    return `(func (export "${name}") (param ${'i32 '.repeat(params)}) ${result ? '' : '(result i32)'}
      ${result ? `(drop ${call})` : call})`;
  });
  const handed = [...refs.map(name => `call_${name}`), 'set_mode', 'trap', 'grow', 'spin'];
  const hand = handed.map((name, i) => `(call $test_ref (i32.const ${i}) (ref.func $${name}))`).join('\n');
  return `(module
    ${imports.join('\n')}
    (import "${wasiModule}" "test_on" (func $test_on (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "${wasiModule}" "test_alloc" (func $test_alloc (param i32)))
    (import "${wasiModule}" "test_ref" (func $test_ref (param i32 funcref)))
    (memory (export "memory") 2 64)
    (global $next (mut i32) (i32.const ${HEAP}))
    (global $mode (mut i32) (i32.const 0))
    ${calls.join('\n')}
    (func $set_mode (param i32) (global.set $mode (local.get 0)))
    (func $trap unreachable)
    (func $spin (loop $again (br $again)))
    (func $grow (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "proxy_on_memory_allocate") (param $size i32) (result i32) (local $at i32)
      (call $test_alloc (local.get $size))
      (if (i32.eq (global.get $mode) (i32.const 1)) (then (return (i32.const 0))))
      (if (i32.eq (global.get $mode) (i32.const 2)) (then (return (i32.const 0xfffffff0))))
      (if (i32.eq (global.get $mode) (i32.const 3)) (then (global.set $next (i32.or (global.get $next) (i32.const 1)))))
      (if (i32.eq (global.get $mode) (i32.const 4)) (then (drop (memory.grow (i32.const 1)))))
      (if (i32.eq (global.get $mode) (i32.const 5))
        (then (return (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.sub (local.get $size) (i32.const 1))))))
      (if (i32.eq (global.get $mode) (i32.const 6)) (then (call $trap)))
      (local.set $at (global.get $next))
      (global.set $next (i32.add (local.get $at) (local.get $size)))
      (local.get $at))
    (elem declare func ${handed.map(name => `$${name}`).join(' ')})
    (func (export "_initialize") ${hand})
    (func (export "proxy_abi_version_${shape.abi.replaceAll('.', '_')}"))
    ${callbacks.join('\n')}
  )`;
}

/** Names behind the indexes of `test_ref`, in order. */
export function puppetRefs(shape: PuppetShape): readonly string[] {
  const env = Object.keys(HOSTCALL_TYPES[shape.abi]).filter(name => !shape.without?.includes(name));
  return [...env, ...Object.keys(WASI_TYPES), 'set_mode', 'trap', 'grow', 'spin'];
}
