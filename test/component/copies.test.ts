import assert from 'node:assert/strict';
import { test } from 'node:test';
import { componentEmbed, componentNew } from '@bytecodealliance/jco';
import wabt from 'wabt';
import { countCopies } from '../../src/component/copies.ts';
import { Glue } from '../../src/component/glue.ts';
import { transpile } from '../../src/component/transpile.ts';

const MIB = 1024 * 1024;

/** A component whose `run(n)` passes a list of n items, each the same MiB of its memory. */
async function overlapping(item: string): Promise<(n: number) => void> {
  const witSource = `package a:b; interface c { f: func(x: list<${item}>); } world w { import c; export run: func(n: u32); }`;
  const text = `(module
    (import "a:b/c" "f" (func $f (param i32 i32)))
    (memory (export "memory") 33)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "run") (param $n i32) (local $i i32)
      (loop $next
        (i32.store (i32.mul (local.get $i) (i32.const 8)) (i32.const ${MIB}))
        (i32.store offset=4 (i32.mul (local.get $i) (i32.const 8)) (i32.const ${MIB}))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
      (call $f (i32.const 0) (local.get $n))))`;
  const module = (await wabt()).parseWat('overlapping.wat', text);
  const binary = module.toBinary({}).buffer;
  module.destroy();
  const component = await componentNew(await componentEmbed({ binary, witSource, world: 'w' }), []);
  const { glue, cores } = await transpile(component, false);
  const modules = new Map(
    cores.map(({ name, bytes }) => [name, new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>)]),
  );
  const { run } = new Glue(glue, false).instantiate(
    name => modules.get(name)!,
    { 'a:b/c': { f() {} } },
    (core, imports) => new WebAssembly.Instance(core, imports),
  );
  return n => {
    countCopies();
    (run as (n: number) => void)(n);
  };
}

for (const item of ['list<u8>', 'string', 'list<u64>']) {
  test(`items of list<${item}> that are all the same memory are copied up to a bound`, async () => {
    const length = item === 'list<u64>' ? 8 : 1;
    const run = await overlapping(item);
    run(20 / length);
    const before = process.memoryUsage();
    assert.throws(() => run(8000), /components passed more than 134217728 bytes to each other in one call/);
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    assert.ok(arrayBuffers + heapUsed - before.arrayBuffers - before.heapUsed < 512 * MIB);
  });
}
