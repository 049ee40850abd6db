/** Builds guests/NAME.wat to guests/NAME.wasm: node_modules/.bin/node test/hostile/build.ts */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import wabt from 'wabt';
import { HOSTCALL_TYPES, WASI_TYPES } from '../support/guest-wat.ts';

export const GUESTS = join(import.meta.dirname, 'guests');

const FEATURES = {
  exceptions: true,
  tail_call: true,
  threads: true,
  multi_memory: true,
  memory64: true,
  bulk_memory: true,
  reference_types: true,
  multi_value: true,
  simd: true,
} as const;

const wat = await wabt();

/** Text to bytes, with the name section: backtraces need it. */
export function assemble(name: string, text: string): Uint8Array {
  const module = wat.parseWat(name, text, FEATURES);
  try {
    return new Uint8Array(module.toBinary({ write_debug_names: true }).buffer);
  } finally {
    module.destroy();
  }
}

const types = (letters: string) => [...letters].map(c => (c === 'i' ? 'i32' : 'i64')).join(' ');

function importOf(module: string, name: string, letters: string): string {
  const result = letters.endsWith('>') ? '' : '(result i32)';
  const params = types(letters.replace('>', ''));
  return `(import "${module}" "${name}" (func $${name} ${params === '' ? '' : `(param ${params})`} ${result}))`;
}

/**
 * A guest's text as a whole module. What doesn't begin with `(module` gets one around it: imports of the hostcalls
 * it mentions as `$name`; and, unless it has its own, `memory` (2 pages), an allocator ($allocate) that hands out
 * memory from 4096 up and starts over at 32768, and the marker of ABI 0.2.1.
 */
export function wholeText(text: string): string {
  if (/^\s*\(module/m.test(text)) return text;
  const uses = (name: string) => new RegExp(`\\$${name}\\b`).test(text);
  const imports = [
    ...Object.entries(HOSTCALL_TYPES['0.2.1']).map(([name, letters]) => ['env', name, letters] as const),
    ...Object.entries(WASI_TYPES).map(
      ([name, letters]) => ['wasi_snapshot_preview1', name, letters] as const,
    ),
  ].filter(([, name]) => uses(name));
  const parts = [...imports.map(([module, name, letters]) => importOf(module, name, letters)), text];
  if (!text.includes('(memory ')) parts.push('(memory (export "memory") 2)');
  if (!text.includes('proxy_on_memory_allocate"') && !text.includes('"malloc"')) parts.push(ALLOCATOR);
  if (!text.includes('"proxy_abi_version_')) parts.push('(func (export "proxy_abi_version_0_2_1"))');
  return `(module\n${parts.join('\n')}\n)`;
}

const ALLOCATOR = `(global $heap (mut i32) (i32.const 4096))
(func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
  (if (i32.gt_u (i32.add (global.get $heap) (local.get $size)) (i32.const 32768))
    (then (global.set $heap (i32.const 4096))))
  (global.get $heap)
  (global.set $heap (i32.add (global.get $heap) (local.get $size))))`;

/** Every guest's name and its binary, made now. */
export function* buildAll(): Iterable<readonly [name: string, bytes: Uint8Array]> {
  for (const file of readdirSync(GUESTS).sort()) {
    if (!file.endsWith('.wat')) continue;
    try {
      yield [file.slice(0, -4), assemble(file, wholeText(readFileSync(join(GUESTS, file), 'utf8')))];
    } catch (error) {
      // The stack quotes the whole of wabt.
      throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

if (import.meta.main) {
  try {
    for (const [name, bytes] of buildAll()) writeFileSync(join(GUESTS, `${name}.wasm`), bytes);
  } catch (error) {
    console.error(String(error));
    process.exitCode = 1;
  }
}
