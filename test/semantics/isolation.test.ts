import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assemble } from '../support/guest-wat.ts';
import { get } from '../support/raw-client.ts';
import { startTestWeir } from '../support/weir.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-isolation-'));
after(() => rmSync(folder, { recursive: true }));

/**
 * Looks for what an earlier request may have left, in all of its memory, a global and the memory's size, and answers
 * 418 when there is anything. Then it leaves something in each.
 */
const SPY = `(module
  (import "env" "proxy_send_local_response"
    (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2 8)
  (global $left (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (func $search (result i32) (local $at i32)
    (loop $next
      (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (return (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 65536)))))
    (i32.or (global.get $left) (i32.ne (memory.size) (i32.const 2))))
  (func $leave (local $at i32)
    (drop (memory.grow (i32.const 1)))
    (global.set $left (i32.const 1))
    (loop $next
      (i64.store (local.get $at) (i64.const 0x7365637265742121))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 65536))))))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (call $search)
      (then (drop (call $answer (i32.const 418) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const -1)))))
    (call $leave)
    (i32.const 0)))`;

async function statuses(t: Parameters<typeof startTestWeir>[0], isolation: 'shared' | 'request') {
  const module = join(folder, 'spy.wasm');
  writeFileSync(module, assemble(SPY));
  const { port } = await startTestWeir(t, { filters: { spy: { module, isolation, pool: 3 } } });
  const found: number[] = [];
  for (let i = 0; i < 20; i++) found.push((await get(port, '/')).status);
  const together = await Promise.all(Array.from({ length: 20 }, () => get(port, '/')));
  return [...found, ...together.map(answer => answer.status)];
}

test('isolation: request: a filter that looks for what other requests left finds nothing', async t => {
  assert.deepEqual(await statuses(t, 'request'), Array(40).fill(200));
});

test('isolation: shared: it does find what the first one left', async t => {
  assert.deepEqual(await statuses(t, 'shared'), [200, ...Array(39).fill(418)]);
});
