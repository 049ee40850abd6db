/** Writes guests/host-matrix-….wat from the tables of hostcalls: node_modules/.bin/node test/hostile/host-matrix.ts */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOSTCALLS } from '../../src/abi/hostcalls/index.ts';
import type { AbiVersion } from '../../src/abi/types.ts';
import { WASI_PREVIEW1 } from '../../src/wasi/index.ts';
import { HOSTCALL_TYPES, WASI_TYPES } from '../support/guest-wat.ts';
import { GUESTS } from './build.ts';

/** Guests by name: an ABI version, and where WASI is imported from. */
export const MATRICES: Readonly<Record<string, readonly [AbiVersion, string]>> = {
  'host-matrix-010': ['0.1.0', 'wasi_unstable'],
  'host-matrix-020': ['0.2.0', 'wasi_snapshot_preview1'],
  'host-matrix-021': ['0.2.1', 'wasi_snapshot_preview1'],
};

/** Not in the specification, and so not in the tables of its types. */
const EMSCRIPTEN: Readonly<Record<string, string>> = {
  emscripten_notify_memory_growth: 'i>',
  pthread_equal: 'ii',
};
/** These end the VM: host-script has them. */
const DEADLY = new Set(['proc_exit', 'proc_raise']);

/** Calls of one hostcall in one callback. */
export const ROUNDS = 160;
/** Largest proxy_status_t, and largest errno. */
const STATUS_MAX = 12;
const ERRNO_MAX = 76;

export interface Import {
  readonly module: string;
  readonly name: string;
  /** As in test/support/guest-wat.ts: i for i32, l for i64, > for no result. */
  readonly letters: string;
}

/** Everything that a module of that version can import and outlive. */
export function importsOf(abi: AbiVersion, wasiModule: string): Import[] {
  const known: Readonly<Record<string, string>> = { ...HOSTCALL_TYPES[abi], ...EMSCRIPTEN };
  const of = (module: string, names: readonly string[], types: Readonly<Record<string, string>>) =>
    names.map(name => {
      const letters = types[name];
      if (letters === undefined) throw new Error(`the type of ${name} is not known`);
      return { module, name, letters };
    });
  const wasi = Object.keys(WASI_PREVIEW1).filter(name => !DEADLY.has(name));
  return [...of('env', Object.keys(HOSTCALLS[abi]), known), ...of(wasiModule, wasi, WASI_TYPES)];
}

/** Pointers and sizes; what depends on the memory's size or on the allocator is made by the guest. */
const VALUES = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 48, 64, 1024, 65_535, 65_536, 65_537, 0x0fffffff, 0x20000000, 0x7fffffff,
  0x80000000, 0xfffffff0, 0xfffffffc, 0xfffffffe, 0xffffffff, 64, 64, 65, 66, 68, 128, 128, 160, 160, 192,
] as const;
/** Distances below the end of the memory, and above (negative). */
const FROM_END = [0, 1, 2, 4, 8, 24, -1, -4] as const;

const hex = (value: number) =>
  [0, 8, 16, 24].map(shift => `\\${((value >>> shift) & 255).toString(16).padStart(2, '0')}`).join('');

const type = (letter: string) => (letter === 'i' ? 'i32' : 'i64');

function importText({ module, name, letters }: Import): string {
  const params = [...letters.replace('>', '')].map(type).join(' ');
  const result = letters.endsWith('>') ? '' : ' (result i32)';
  return `(import "${module}" "${name}" (func $${name}${params === '' ? '' : ` (param ${params})`}${result}))`;
}

/** ROUNDS calls with values that are picked anew for each. */
function batchText({ module, name, letters }: Import): string {
  const args = [...letters.replace('>', '')].map(l => (l === 'i' ? '(call $pick)' : '(call $pick64)'));
  const call = `(call $${name}${args.map(arg => ` ${arg}`).join('')})`;
  const most = module === 'env' ? STATUS_MAX : ERRNO_MAX;
  const checked = letters.endsWith('>') ? call : `(call $check ${call} (i32.const ${most}))`;
  return `(func $batch_${name} (local $i i32)
  (loop $on
    ${checked}
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $on (i32.lt_u (local.get $i) (i32.const ${ROUNDS})))))`;
}

export function matrixText(abi: AbiVersion, wasiModule: string): string {
  const imports = importsOf(abi, wasiModule);
  const count = imports.length;
  const headersType = abi === '0.1.0' ? '(param i32 i32)' : '(param i32 i32 i32)';
  const callback = (name: string, params: string, result: number | undefined) =>
    `(func (export "${name}") ${params}${result === undefined ? '' : ' (result i32)'}
  (call $next_batch)${result === undefined ? '' : ` (i32.const ${result})`})`;
  const three = '(param i32 i32 i32)';
  const two = '(param i32 i32)';
  return `;; Made by host-matrix.ts. Each callback calls the next hostcall ${ROUNDS} times, with pointers and sizes that are
;; picked from a table: zero, huge, overlapping, at the end of the memory, on each other, on what the allocator is going
;; to return. A status that no hostcall has, or a byte changed where no pointer leads, is a trap.
(module
${imports.map(importText).join('\n')}
(type $batch (func))
(memory (export "memory") 8)
(global $calls (mut i32) (i32.const 0))
(global $batch (mut i32) (i32.const 0))
(global $seed (mut i32) (i32.const 12345))
(global $next (mut i32) (i32.const 65536))
(global $mode (mut i32) (i32.const 0))

;; Page 0: results at 64, a name at 128, a map of one pair at 160, vectors at 192. Pages 1 to 3: the allocator's.
;; Page 5: page 0 as it was, and the table. Page 6: nobody's. Page 7 and up: the end.
(data (i32.const 327808) "x-a\\00")
(data (i32.const 327840) "\\01\\00\\00\\00\\01\\00\\00\\00\\01\\00\\00\\00a\\00b\\00")
(data (i32.const 327872) "\\40\\00\\00\\00\\04\\00\\00\\00\\80\\00\\00\\00\\03\\00\\00\\00")
(data (i32.const 331776) "${VALUES.map(hex).join('')}")

(func $random (result i32)
  (global.set $seed (i32.add (i32.mul (global.get $seed) (i32.const 1664525)) (i32.const 1013904223)))
  (i32.shr_u (global.get $seed) (i32.const 8)))
(func $pick (result i32) (local $n i32)
  (local.set $n (i32.rem_u (call $random) (i32.const ${VALUES.length + FROM_END.length + 2})))
  (if (i32.lt_u (local.get $n) (i32.const ${VALUES.length})) (then
    (return (i32.load offset=331776 (i32.shl (local.get $n) (i32.const 2))))))
${FROM_END.map(
  (distance, i) => `  (if (i32.eq (local.get $n) (i32.const ${VALUES.length + i})) (then
    (return (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const ${distance})))))`,
).join('\n')}
  ;; The next result of the allocator, or just before it.
  (i32.sub (global.get $next) (i32.and (local.get $n) (i32.const 1))))
(func $pick64 (result i64)
  (i64.or (i64.extend_i32_s (call $pick)) (i64.shl (i64.extend_i32_u (call $pick)) (i64.const 32))))
(func $check (param $status i32) (param $most i32)
  (if (i32.gt_u (local.get $status) (local.get $most)) (then unreachable)))

(func (export "proxy_on_memory_allocate") (param $n i32) (result i32) (local $at i32)
  (if (i32.eq (global.get $mode) (i32.const 1)) (then (return (i32.const 0))))
  (if (i32.eq (global.get $mode) (i32.const 2)) (then (return (i32.const 64))))
  (if (i32.eq (global.get $mode) (i32.const 3)) (then
    (return (i32.add (i32.sub (i32.shl (memory.size) (i32.const 16)) (local.get $n)) (i32.const 1)))))
  (if (i32.eq (global.get $mode) (i32.const 4)) (then
    (if (i32.lt_u (memory.size) (i32.const 20)) (then (drop (memory.grow (i32.const 1)))))))
  (if (i32.eq (global.get $mode) (i32.const 5)) (then (global.set $next (i32.or (global.get $next) (i32.const 3)))))
  (local.set $at (global.get $next))
  (if (i32.gt_u (i32.add (local.get $at) (local.get $n)) (i32.const 262144)) (then
    (local.set $at (i32.const 65536))))
  (if (i32.gt_u (local.get $n) (i32.const 196608)) (then (return (i32.const 0))))
  (global.set $next (i32.add (local.get $at) (local.get $n)))
  (local.get $at))

(func $untouched (local $at i32)
  (local.set $at (i32.const 393216))
  (loop $on
    (if (i64.ne (i64.load (local.get $at)) (i64.const 0x5a5a5a5a5a5a5a5a)) (then unreachable))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br_if $on (i32.lt_u (local.get $at) (i32.const 458752)))))

${imports.map(batchText).join('\n')}
(table ${count} funcref)
(elem (i32.const 0) ${imports.map(({ name }) => `$batch_${name}`).join(' ')})

(func $next_batch
  ;; What an earlier batch did to the arguments is undone.
  (memory.copy (i32.const 0) (i32.const 327680) (i32.const 4096))
  (global.set $next (i32.const 65536))
  (global.set $mode (i32.rem_u (call $random) (i32.const 8)))
  (call_indirect (type $batch) (i32.rem_u (global.get $batch) (i32.const ${count})))
  (global.set $batch (i32.add (global.get $batch) (i32.const 1)))
  (call $untouched))

(func (export "proxy_abi_version_${abi.replaceAll('.', '_')}"))
(func (export "_initialize")
  (memory.fill (i32.const 393216) (i32.const 0x5a) (i32.const 65536)))
(func (export "proxy_on_context_create") ${two}
  (if (local.get 1) (then (call $next_batch))))
${callback('proxy_on_vm_start', two, 1)}
${callback('proxy_on_configure', two, 1)}
${callback('proxy_on_request_headers', headersType, 0)}
${callback('proxy_on_request_body', three, 0)}
${callback('proxy_on_request_trailers', two, 0)}
${callback('proxy_on_response_headers', headersType, 0)}
${callback('proxy_on_response_body', three, 0)}
${callback('proxy_on_response_trailers', two, 0)}
${callback('proxy_on_done', '(param i32)', 1)}
(func (export "proxy_on_log") (param i32)
  (call $next_batch)
  (call $tell))
${callback('proxy_on_delete', '(param i32)', undefined)}

;; Logs "calls=00" and their number in eight digits.
(data (i32.const 332800) "calls=00")
(func $tell (local $n i32) (local $at i32)
  (local.set $n (global.get $calls))
  (local.set $at (i32.const 332815))
  (loop $on
    (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
    (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
    (br_if $on (i32.ge_u (local.get $at) (i32.const 332808))))
  (drop (call $proxy_log (i32.const 4) (i32.const 332800) (i32.const 16))))
)
`;
}

if (import.meta.main) {
  for (const [name, [abi, wasi]] of Object.entries(MATRICES)) {
    writeFileSync(join(GUESTS, `${name}.wat`), matrixText(abi, wasi));
  }
}
