import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Bytes, body, build, exportOf, FUNCREF, func, I32 } from './build.ts';
import { guest, LIMITS, raise } from './run.ts';
import { wat } from './wat.ts';
import { startWatchdog } from './watchdog.ts';

const DELAY = 20;
const watchdog = startWatchdog(DELAY);
after(() => watchdog.end());

/** One function that never returns, in a module with what it may need. */
const endless = (code: Bytes) =>
  build({
    types: [func([], [])],
    functions: [0, 0],
    tables: [[FUNCREF, 0, 2]],
    tags: [[0, 0]],
    exports: [exportOf('run', 0, 0)],
    elements: [[0, 0x41, 0, 0x0b, 2, 0, 1]],
    code: [body(code), body([])],
  });

const fibonacci = (call: string) =>
  wat(`(module (type $t (func (param i32) (result i32))) (table funcref (elem $fib))
    (func $fib (type $t) (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (i32.const 1)) (else
      (i32.add ${call.replace('N', '1')} ${call.replace('N', '2')}))))
    (func (export "run") (drop (call $fib (i32.const 90)))))`);

const ENDLESS: readonly (readonly [string, Uint8Array])[] = [
  ['br', endless([0x03, 0x40, 0x0c, 0, 0x0b])],
  ['br_if', endless([0x03, 0x40, 0x41, 1, 0x0d, 0, 0x0b])],
  ['br_table', endless([0x03, 0x40, 0x41, 0, 0x0e, 1, 0, 0, 0x0b])],
  ['br out of a block to the loop around', endless([0x03, 0x40, 0x02, 0x40, 0x0c, 1, 0x0b, 0x0b])],
  ['br_table over two loops', endless([0x03, 0x40, 0x03, 0x40, 0x41, 1, 0x0e, 1, 0, 1, 0x0b, 0x0b])],
  ['br_on_null', endless([0x03, 0x40, 0xd0, FUNCREF, 0xd5, 0, 0x1a, 0x0b])],
  ['a leaf in a loop', endless([0x03, 0x40, 0x10, 1, 0x0c, 0, 0x0b])],
  ['return_call', endless([0x12, 0])],
  ['return_call_indirect', endless([0x41, 0, 0x13, 0, 0])],
  ['return_call_ref', endless([0xd2, 0, 0x15, 0])],
  ['catch_all (legacy)', endless([0x03, 0x40, 0x06, 0x40, 0x08, 0, 0x19, 0x0c, 1, 0x0b, 0x0b])],
  [
    'rethrow (legacy)',
    endless([0x03, 0x40, 0x06, 0x40, 0x06, 0x40, 0x08, 0, 0x19, 0x09, 0, 0x0b, 0x19, 0x0c, 1, 0x0b, 0x0b]),
  ],
  ['try_table to a loop', endless([0x03, 0x40, 0x1f, 0x40, 1, 2, 0, 0x08, 0, 0x0b, 0x0b])],
  ['recursion', fibonacci('(call $fib (i32.sub (local.get 0) (i32.const N)))')],
  [
    'recursion by call_indirect',
    fibonacci('(call_indirect (type $t) (i32.sub (local.get 0) (i32.const N)) (i32.const 0))'),
  ],
];

for (const [what, bytes] of ENDLESS) {
  test(`an endless ${what} stops`, () => {
    assert.ok(WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>));
    const { call } = guest(bytes, {}, LIMITS, watchdog.flag);
    const start = performance.now();
    watchdog.arm();
    assert.throws(() => call('run'), new WebAssembly.RuntimeError('unreachable'));
    const took = performance.now() - start;
    assert.ok(took >= DELAY - 5 && took < DELAY + 1000, `${took} ms`);
  });
}

test('a fill of all its memory stops in the middle', () => {
  const { call, exports } = guest(
    wat(`(module (memory (export "memory") 4096)
      (func (export "run") (param i32) (memory.fill (i32.const 0) (local.get 0) (i32.const 0x1000_0000))))`),
    {},
    LIMITS,
    watchdog.flag,
  );
  watchdog.arm();
  assert.throws(() => {
    for (let n = 1; n < 1000; n++) call('run', n);
  }, WebAssembly.RuntimeError);
  // It spends its time within fills, so the flag came up within one: were they whole, both would be equal.
  const memory = new Uint8Array((exports['memory'] as WebAssembly.Memory).buffer);
  assert.notEqual(memory[0], memory[memory.length - 1]);
});

/** A guest that calls the host twice; the host raises the flag in the first call. */
function hostCalls(call: string): number {
  let calls = 0;
  const text = `(module (type $t (func)) (import "host" "call" (func $host (type $t)))
    (table funcref (elem $host)) (func (export "run") ${call} ${call}))`;
  const instance = guest(wat(text), {
    host: {
      call: () => {
        calls++;
        raise(instance.flag);
      },
    },
  });
  assert.throws(() => instance.call('run'), WebAssembly.RuntimeError);
  return calls;
}

test('the host is not called again once the flag is up', () => {
  assert.equal(hostCalls('(call $host)'), 1);
  assert.equal(hostCalls('(call_indirect (type $t) (i32.const 0))'), 1);
});

test('an interruption is no exception that the guest could catch', () => {
  const instance = guest(
    wat(
      '(module (func $f) (func (export "run") (try (do (call $f)) (catch_all))) (func (export "f") (call $f)))',
    ),
  );
  assert.equal(instance.rewritten.facts.catches, true);
  raise(instance.flag);
  assert.throws(() => instance.call('run'), WebAssembly.RuntimeError);
});

/** How often an interruption check stands behind one of these bytes. */
function checksBehind(bytes: Uint8Array, opcodes: Bytes): number {
  const check = Buffer.from([0x41, 0, 0xfe, 0x12]);
  const buffer = Buffer.from(bytes);
  let found = 0;
  for (let at = buffer.indexOf(check); at >= 0; at = buffer.indexOf(check, at + 1))
    if (opcodes.includes(buffer[at - 1]!)) found++;
  return found;
}

const SQRT = 0x9f;
const CONST = [0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
const straight = (code: Bytes) =>
  build({
    types: [func([], [])],
    functions: [0],
    exports: [exportOf('run', 0, 0)],
    code: [body(code, [[1, I32]])],
  });

test('straight code has a check every 16 KiB', () => {
  const { rewritten } = guest(straight([...CONST, ...Array<number>(200_000).fill(SQRT), 0x1a]));
  assert.equal(checksBehind(rewritten.bytes, [SQRT]), Math.floor(200_009 / 16384));
});

test('branches over the places where checks would be do not help', () => {
  const skipped = [0x02, 0x40, 0x41, 1, 0x0d, 0, ...Array<number>(3000).fill(1), 0x0b];
  const part = [...CONST, ...Array<number>(15_000).fill(SQRT), 0x1a, ...skipped];
  const { rewritten } = guest(straight(Array<number[]>(20).fill(part).flat()));
  // 20 times 15,000 bytes that run, and nothing counts that stands where nobody comes by.
  assert.ok(checksBehind(rewritten.bytes, [SQRT, 0x0b, 0x1a]) >= Math.floor((20 * 15_000) / 16384));
  const arms = [
    0x20,
    0,
    0x04,
    0x40,
    ...Array<number>(9000).fill(1),
    0x05,
    ...Array<number>(9000).fill(1),
    0x0b,
  ];
  const both = guest(straight(Array<number[]>(20).fill(arms).flat())).rewritten.bytes;
  assert.ok(checksBehind(both, [1, 0x0b, 0x40, 0x05]) >= 10);
});

test('what runs behind a call is checked soon: a deep recursion returns through all of it', () => {
  const code = [0x10, 0, ...CONST, ...Array<number>(200).fill(SQRT), 0x1a];
  assert.equal(checksBehind(guest(straight(code)).rewritten.bytes, [SQRT]), 1);
});

/** Functions without parameters and results, in a memory of a page. */
const functions = (...bodies: readonly Bytes[]) =>
  build({
    types: [func([], [])],
    functions: bodies.map(() => 0),
    memories: [[0, 1]],
    exports: [exportOf('run', 0, 0)],
    code: bodies.map(code => body(code)),
  });
const repeated = (code: Bytes, times: number) => Array<Bytes>(times).fill(code).flat();

test('a leaf has no check, what calls leaves counts them', () => {
  const leaf = Array<number>(200).fill(1);
  const { bytes } = guest(functions(repeated([0x10, 1], 500), leaf)).rewritten;
  // The entry's, and one for every 16 KiB of leaves; not soon after each, as no deep recursion returns through one.
  assert.equal(checksBehind(bytes, [0]), 1);
  assert.equal(checksBehind(bytes, [1]), Math.floor((500 * 206) / 16384));
  // Nor can a leaf be what keeps the check away that is due soon after other calls.
  const mixed = [0x10, 0, 0x10, 1, 0x01, 0x01];
  assert.equal(checksBehind(guest(functions(mixed, leaf)).rewritten.bytes, [1]), 1);
});

test('behind a call no check is due before the next call that has one', () => {
  const part = [0x10, 0, ...Array<number>(100).fill(1)];
  assert.equal(checksBehind(guest(functions(repeated(part, 20))).rewritten.bytes, [1]), 0);
});

test('what is called through a table counts as a leaf, and as what has come back from far down', () => {
  const through = (code: Bytes) =>
    guest(
      build({
        types: [func([], [])],
        functions: [0],
        tables: [[FUNCREF, 0, 1]],
        code: [body(code)],
      }),
    ).rewritten.bytes;
  const call = [0x41, 0, 0x11, 0, 0];
  // The entry's, and behind every second call.
  assert.equal(checksBehind(through(repeated(call, 20)), [0]), 1 + 10);
  assert.equal(checksBehind(through([...call, ...Array<number>(200).fill(1)]), [1]), 1);
});

test('behind a call no leaf is called at the tail without a check', () => {
  const leaf = Array<number>(200).fill(1);
  const [direct, indirect] = [
    [0x12, 1],
    [0x41, 0, 0x13, 0, 0],
  ];
  for (const tail of [direct, indirect]) {
    const run = [0x10, 0, 0x01, ...tail!];
    const bytes = build({
      types: [func([], [])],
      functions: [0, 0],
      tables: [[FUNCREF, 0, 1]],
      code: [body(run), body(leaf)],
    });
    assert.equal(
      checksBehind(guest(bytes).rewritten.bytes, [tail === direct ? 1 : 0]),
      tail === direct ? 1 : 2,
    );
  }
});

const COPY = [0x41, 0, 0x41, 1, 0x41, 8, 0xfc, 10, 0, 0];
const FILL = [0x41, 0, 0x41, 1, 0x41, 8, 0xfc, 11, 0];

test('short copies and fills have no check each, but are counted', () => {
  for (const operation of [COPY, FILL]) {
    const { bytes } = guest(functions(repeated(operation, 1000))).rewritten;
    // Behind the call of the helper, which is function 2.
    const found = checksBehind(bytes, [2]);
    const checks = (1000 * (256 + operation.length)) / 16384;
    assert.ok(found >= Math.floor(checks) && found <= checks + 1, `${found} checks`);
  }
});

test('copies and fills of more than 4 KiB have a check', () => {
  const { bytes } = guest(functions(COPY, FILL)).rewritten;
  // length > 4096, unsigned: then the function for long ones, of which each way to go on begins with a check.
  const comparison = Buffer.from([
    0x20, 2, 0x41, 0x80, 0x20, 0x4b, 0x04, 0x40, 0x20, 0, 0x20, 1, 0x20, 2, 0x10,
  ]);
  const first = Buffer.from(bytes).indexOf(comparison);
  assert.notEqual(first, Buffer.from(bytes).lastIndexOf(comparison));
});
