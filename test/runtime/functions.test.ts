import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadConfigText } from '../../src/config/load.ts';
import type { WeirError } from '../../src/errors.ts';
import { createFilterChain, startWeir } from '../../src/index.ts';
import { assemble } from '../support/guest-wat.ts';
import { MemoryLog } from '../support/log.ts';

/** Calls `greet` with "you" while it starts, and logs what comes of it, or refuses to start. */
const GUEST = `(module
  (import "env" "proxy_call_foreign_function" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 65536))
  (data (i32.const 0) "greet")
  (data (i32.const 16) "you")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32)
    (global.get $heap) (global.set $heap (i32.add (global.get $heap) (local.get 0))))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (if (call $call (i32.const 0) (i32.const 5) (i32.const 16) (i32.const 3) (i32.const 64) (i32.const 68))
      (then (return (i32.const 0))))
    (drop (call $log (i32.const 2) (i32.load (i32.const 64)) (i32.load (i32.const 68))))
    (i32.const 1)))`;

function folder(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'weir-functions-'));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

const yaml = (workers: number) => `
workers: ${workers}
listeners: [{address: "127.0.0.1:0", routes: [{upstream: app, filters: [f]}]}]
upstreams: {app: {endpoints: ["builtin:echo"]}}
filters: {f: {module: guest.wasm}}
foreignFunctions: ./functions.js`;

const GREET =
  'export function greet(args, { filter }) { return Buffer.from("hello " + args + ", says " + filter); }';

for (const workers of [1, 2]) {
  test(`functions of one's own, named in the configuration; ${workers} workers`, async t => {
    const directory = folder(t, { 'guest.wasm': assemble(GUEST), 'functions.js': GREET });
    const log = new MemoryLog();
    const weir = await startWeir(loadConfigText(yaml(workers), join(directory, 'weir.yaml')), log);
    await weir.close();
    const said = log.lines.filter(({ message }) => message === 'hello you, says f');
    assert.equal(said.length, workers, JSON.stringify(log.lines));
  });

  test(`functions that can't be imported, or are none: nothing starts; ${workers} workers`, async t => {
    for (const [text, reason] of [
      ['export const x = 1;', /exports no function \(export function name/],
      ['throw new Error("no luck");', /can't import .*functions\.js: no luck/],
    ] as const) {
      const directory = folder(t, { 'guest.wasm': assemble(GUEST), 'functions.js': text });
      const config = loadConfigText(yaml(workers), join(directory, 'weir.yaml'));
      await assert.rejects(startWeir(config, new MemoryLog()), (error: WeirError) => {
        assert.equal(error.code, 'FUNCTIONS_INVALID');
        assert.match(error.message, reason);
        return true;
      });
    }
  });
}

test("a chain of one's own takes functions as they are", async () => {
  const log = new MemoryLog();
  const chain = await createFilterChain({
    filters: [{ module: assemble(GUEST), name: 'mine' }],
    foreignFunctions: { greet: (args, { filter }) => Buffer.from(`${args} and ${filter}`) },
    log,
  });
  await chain.close();
  assert.ok(log.lines.some(({ message }) => message === 'you and mine'));
  await assert.rejects(createFilterChain({ filters: [{ module: assemble(GUEST) }], log }));
});
