import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Core, interrupter, jspi, later, segments } from './suspended.ts';

const TRAP = WebAssembly.RuntimeError;
const PROTO = '__proto__';

describe('adapters around imports and exports', () => {
  for (const [types, args, results] of [
    ['', [], []],
    ['i32', [7], [7]],
    ['i64', [2n ** 62n], [2n ** 62n]],
    ['f32 f64', [0.5, -0.1], [0.5, -0.1]],
    ['i32 i64 f32 f64 i32', [-1, -1n, 1.5, 2.5, 3], [-1, -1n, 1.5, 2.5, 3]],
    [
      'i32 '.repeat(40).trim(),
      Array.from({ length: 40 }, (_, i) => i),
      Array.from({ length: 40 }, (_, i) => i),
    ],
  ] as const) {
    test(`parameters and results (${types.slice(0, 40)})`, async () => {
      const list = types === '' ? [] : types.split(' ');
      const core = new Core(`(module
        (import "host" "echo" (func $echo (param ${types}) (result ${types})))
        (import "host" "plain" (func $plain (param ${types}) (result ${types})))
        (func (export "suspends") (param ${types}) (result ${types})
          ${list.map((_, i) => `(local.get ${i})`).join(' ')} (call $plain) (call $echo) (call $echo)))`);
      const give = (args: unknown[]) => (list.length > 1 ? args : args[0]);
      for (const wait of [true, false]) {
        const of = segments();
        const exports = core.make(of, {
          host: {
            echo: new jspi.Suspending((...args) => (wait ? sleep(1, give(args)) : give(args))),
            plain: (...args: unknown[]) => give(args),
          },
        });
        const result = await jspi.promising(exports['suspends']!)(...args);
        const got = list.length > 1 ? result : list.length === 1 ? [result] : [];
        assert.deepEqual(got, results);
        assert.equal(of.death, undefined);
        assert.equal(interrupter.open, undefined);
      }
    });
  }

  test('what is no function, has references or a vector stays usable', () => {
    const of = segments();
    const exports = new Core(`(module
      (memory (export "memory") 1)
      (table (export "table") 1 funcref)
      (global (export "global") i32 (i32.const 5))
      (func (export "ref") (param externref) (result externref) (local.get 0))
      (func (export "vector") (param v128) (result v128) (local.get 0))
      (func (export "__proto__") (result i32) (i32.const 9))
      (func (export "toString") (result i32) (i32.const 8)))`).make(of);
    assert.ok((exports['memory'] as unknown) instanceof WebAssembly.Memory);
    assert.ok((exports['table'] as unknown) instanceof WebAssembly.Table);
    assert.equal((exports['global'] as unknown as WebAssembly.Global).value, 5);
    assert.equal(exports['ref']!(of), of);
    assert.equal(exports[PROTO]!(), 9);
    assert.equal(exports['toString']!(), 8);
    const user = new Core(`(module
      (import "m" "vector" (func $vector (param v128) (result v128)))
      (import "__proto__" "__proto__" (func $proto (result i32)))
      (func (export "use") (result i32)
        (i32.add (call $proto) (i32x4.extract_lane 2 (call $vector (v128.const i32x4 1 2 3 4))))))`);
    const imports = JSON.parse('{"__proto__": {}}');
    Object.defineProperty(imports[PROTO], '__proto__', {
      value: exports[PROTO],
      enumerable: true,
    });
    assert.equal(user.make(of, { m: exports, ...imports })['use']!(), 12);
  });

  test('an import that suspends and has references is refused', () => {
    const core = new Core('(module (import "host" "f" (func (param externref))))');
    assert.throws(() => core.make(segments(), { host: { f: new jspi.Suspending(() => 1) } }), {
      code: 'MODULE_UNSUPPORTED',
    });
  });

  test('one import under two types does not link', () => {
    const core = new Core(`(module
      (import "host" "f" (func (param i32))) (import "host" "f" (func (param i64))))`);
    assert.throws(
      () => core.make(segments(), { host: { f: new jspi.Suspending(() => 1) } }),
      WebAssembly.LinkError,
    );
  });
});

/** Calls `fail` or `plain`, catches what comes, and then does what it is told: 1 loops, 0 gives 7. */
const catcher = new Core(`(module
  (import "host" "fail" (func $fail (result i32)))
  (import "host" "plain" (func $plain (result i32)))
  (func $then (param i32)
    (if (local.get 0) (then (loop $again (br $again)))))
  (func (export "catches") (param $then i32) (result i32)
    (try (result i32) (do (call $fail))
      (catch_all (call $then (local.get $then)) (i32.const 7))))
  (func (export "catchesPlain") (param $then i32) (result i32)
    (try (result i32) (do (call $plain))
      (catch_all (call $then (local.get $then)) (i32.const 7))))
  (func (export "passes") (result i32) (call $fail)))`);

describe('exceptions of the host', () => {
  const error = new Error('no');
  for (const [how, fail] of [
    ['rejects', () => Promise.reject(error)],
    ['rejects later', () => sleep(2).then(() => Promise.reject(error))],
    [
      'throws',
      () => {
        throw error;
      },
    ],
  ] as const) {
    const make = () => {
      const of = segments();
      const plain = () => {
        throw error;
      };
      const exports = catcher.make(of, { host: { fail: new jspi.Suspending(fail), plain } });
      return { of, call: (name: string, ...args: unknown[]) => jspi.promising(exports[name]!)(...args) };
    };

    test(`an import that ${how}: the guest catches it, and goes on within its budget`, async () => {
      for (const name of ['catches', 'catchesPlain']) {
        const good = make();
        assert.equal(await good.call(name, 0), 7);
        assert.equal(good.of.death, undefined);
        assert.equal(interrupter.open, undefined);
        const evil = make();
        await assert.rejects(evil.call(name, 1), TRAP);
        assert.equal(evil.of.death, 'interrupted');
      }
    });

    test(`an import that ${how}, and the guest does not catch it`, async () => {
      const { of, call } = make();
      await assert.rejects(call('passes'), error);
      assert.equal(of.death, 'unwound');
      assert.equal(interrupter.open, undefined);
    });
  }
});

describe('imports that reach the guest through a table (wit-component)', () => {
  const shim = new Core(`(module
    (type $t (func (param i32 i64) (result i32)))
    (table (export "$imports") 2 funcref)
    (func (export "0") (param i32 i64) (result i32)
      (call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 0)))
    (func (export "1") (param i32) (call_indirect (param i32) (local.get 0) (i32.const 1))))`);
  const main = new Core(`(module
    (import "t:t/host" "wait" (func $wait (param i32 i64) (result i32)))
    (import "t:t/host" "drop" (func $drop (param i32)))
    (memory (export "memory") 1)
    (global $reallocs (mut i32) (i32.const 0))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $reallocs (i32.add (global.get $reallocs) (i32.const 1)))
      (if (i32.eq (local.get 3) (i32.const 666)) (then (loop $again (br $again))))
      (i32.const 1024))
    (func (export "dtor") (param i32) (if (local.get 0) (then (loop $again (br $again)))))
    (func (export "run") (param $after i32) (result i32)
      (call $drop (i32.const 0))
      (drop (call $wait (i32.const 5) (i64.const 6)))
      (if (local.get $after) (then (loop $again (br $again))))
      (call $drop (i32.const 0))
      (i32.add (global.get $reallocs) (call $wait (i32.const 5) (i64.const 6)))))`);
  const fixup = new Core(`(module
    (import "actual" "0" (func $f0 (param i32 i64) (result i32)))
    (import "actual" "1" (func $f1 (param i32)))
    (import "shim" "$imports" (table 2 funcref))
    (elem (i32.const 0) func $f0 $f1))`);

  function component(wait: (realloc: (size: number) => unknown) => unknown) {
    const of = segments();
    const stubs = shim.make(of);
    const exports = main.make(of, { 't:t/host': { wait: stubs['0'], drop: stubs['1'] } });
    const realloc = (size: number) => exports['cabi_realloc']!(0, 0, 1, size);
    const suspending = new jspi.Suspending(() => wait(realloc));
    fixup.make(of, {
      actual: { '0': suspending, '1': exports['dtor'] },
      shim: { $imports: stubs['$imports'] },
    });
    return { of, stubs, run: jspi.promising(exports['run']!) };
  }

  test('it waits, and its allocator is called', async () => {
    const { of, run } = component(async realloc => {
      realloc(8);
      await sleep(2);
      return realloc(16);
    });
    assert.equal(await run(0), 2 + 1024);
    assert.equal(of.death, undefined);
    assert.equal(interrupter.open, undefined);
  });

  test('it loops after it was resumed, in the allocator, or in a destructor that the host calls', async () => {
    const evil = component(() => sleep(2, 1));
    await assert.rejects(evil.run(1), TRAP);
    assert.equal(evil.of.death, 'interrupted');

    const allocator = component(realloc => sleep(2).then(() => realloc(666)));
    await assert.rejects(allocator.run(0), TRAP);
    assert.equal(allocator.of.death, 'interrupted');

    const destructor = component(() => 1);
    assert.throws(() => destructor.stubs['1']!(1), TRAP);
    destructor.of.settle();
    assert.equal(destructor.of.death, 'interrupted');
  });

  test('many at the same time', async () => {
    const gate = later();
    const all = Array.from({ length: 100 }, (_, i) => {
      const { of, run } = component(() => gate.promise.then(() => sleep(i % 7, 1)));
      return { of, result: run(i % 10 === 0 ? 1 : 0).catch(() => 'dead') };
    });
    gate.go();
    for (const [i, { of, result }] of all.entries()) {
      assert.equal(await result, i % 10 === 0 ? 'dead' : 1);
      assert.equal(of.death, i % 10 === 0 ? 'interrupted' : undefined);
    }
  });
});
