import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader } from '../../../src/engine/binary.ts';
import { rewrite } from '../../../src/engine/rewrite/index.ts';
import { sectionsOf } from '../../../src/engine/sections.ts';
import { type Bytes, body, build, exportOf, FUNCREF, func, I32, leb, type Parts, text } from './build.ts';
import { guest, LIMITS, raise } from './run.ts';

const NOP = 0x01;
const CALL = 0x10;
const nops = (count: number) => Array<number>(count).fill(NOP);
const calls = (target: number, times: number) =>
  Array<number[]>(times)
    .fill([CALL, ...leb(target)])
    .flat();

/** The functions' bodies; functions of the host come before. */
const moduleOf = (bodies: readonly number[][], more: Parts = {}) =>
  build({ types: [func([], [])], functions: bodies.map(() => 0), code: bodies, ...more });

/** Which of the first functions begin with a check. */
function checked(bytes: Uint8Array<ArrayBuffer>, count: number): boolean[] {
  assert.ok(WebAssembly.validate(bytes));
  const rewritten = rewrite(bytes, LIMITS).bytes as Uint8Array<ArrayBuffer>;
  assert.ok(WebAssembly.validate(rewritten));
  const { start, end } = sectionsOf(rewritten).find(section => section.id === 10)!;
  const r = new Reader(rewritten, start, end);
  r.u32();
  return Array.from({ length: count }, () => {
    const next = r.u32() + r.at;
    for (let groups = r.u32(); groups > 0; groups--) r.skip(r.u32() >= 0 ? 1 : 0);
    const found = rewritten.subarray(r.at, r.at + 4).join() === '65,0,254,18';
    r.at = next;
    return found;
  });
}

const checkedOf = (bodies: readonly number[][], more: Parts = {}) =>
  checked(moduleOf(bodies, more), bodies.length);

test('leaves have no check, nor has what only calls leaves, until all of it together is long', () => {
  const chain = [0, 1, 2, 3].map(i => body([...nops(90), ...(i < 3 ? [CALL, i + 1] : [])]));
  assert.deepEqual(checkedOf(chain), [true, true, false, false]);
  // The other way round: those that are called come first.
  const back = [0, 1, 2, 3].map(i => body([...nops(90), ...(i > 0 ? [CALL, i - 1] : [])]));
  assert.deepEqual(checkedOf(back), [false, false, true, true]);
  assert.deepEqual(checkedOf([body(nops(254)), body(nops(255))]), [false, true]);
});

test('each call of a leaf is counted', () => {
  assert.deepEqual(checkedOf([body(nops(18)), body(calls(0, 11)), body(calls(0, 12))]), [false, false, true]);
  // A tree, each level calls the one below twice: 2, 10, 26 … bytes.
  const tree = Array.from({ length: 40 }, (_, i) => body(i === 0 ? [] : calls(i - 1, 2)));
  const found = checkedOf(tree);
  assert.equal(found.indexOf(true), 6);
  // From there on none is a leaf, as none has only leaves to call, but for those that call nothing.
  assert.ok(found.slice(6).every(value => value));
});

test('small functions that call themselves, or each other, are no leaves', () => {
  assert.deepEqual(checkedOf([body([CALL, 0])]), [true]);
  assert.deepEqual(checkedOf([body([0x12, 0])]), [true]);
  assert.deepEqual(checkedOf([1, 2, 0].map(next => body([CALL, next]))), [true, true, true]);
  // One that calls into the cycle, from before it and from behind; and a leaf that the cycle calls.
  const around = [body([CALL, 1]), body([CALL, 2]), body([CALL, 4, CALL, 1]), body([CALL, 2]), body([])];
  assert.deepEqual(checkedOf(around), [true, true, true, true, false]);
});

const EMPTY = body([]);
const CHOSEN: readonly (readonly [string, boolean, Bytes])[] = [
  ['branches', false, [0x02, 0x40, 0x41, 0, 0x0d, 0, 0x41, 0, 0x0e, 1, 0, 0, 0x0b]],
  ['if and else', false, [0x41, 0, 0x04, 0x40, 0x0f, 0x05, 0x00, 0x0b]],
  ['a tail call of a leaf', false, [0x12, 2]],
  ['memory.size', false, [0x3f, 0, 0x1a]],
  ['a prefixed instruction', false, [0x43, 0, 0, 0, 0, 0xfc, 0, 0x1a]],
  ['a loop', true, [0x03, 0x40, 0x0b]],
  ['a call of the host', true, [CALL, 0]],
  ['a call through a table', true, [0x41, 0, 0x11, 0, 0]],
  ['a tail call through a table', true, [0x41, 0, 0x13, 0, 0]],
  ['a call by reference', true, [0xd2, 2, 0x14, 0]],
  ['memory.grow', true, [0x41, 0, 0x40, 0, 0x1a]],
  ['memory.fill', true, [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0]],
  ['memory.copy', true, [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 10, 0, 0]],
  ['memory.init', true, [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 8, 0, 0]],
  ['table.fill', true, [0x41, 0, 0xd0, FUNCREF, 0x41, 0, 0xfc, 17, 0]],
  ['table.grow', true, [0xd0, FUNCREF, 0x41, 0, 0xfc, 15, 0, 0x1a]],
  ['a wait', true, [0x41, 0, 0x41, 0, 0x42, 0, 0xfe, 1, 2, 0, 0x1a]],
  ['a throw', true, [0x08, 0]],
  ['a try', true, [0x06, 0x40, 0x19, 0x0b]],
];

for (const [what, expected, code] of CHOSEN) {
  test(`a function with ${what} is ${expected ? 'no leaf' : 'a leaf'}, nor what calls it`, () => {
    const found = checkedOf([body(code), EMPTY, body([CALL, 1])], {
      imports: [[...text('host'), ...text('call'), 0, 0]],
      tables: [[FUNCREF, 0, 2]],
      memories: [[3, 1, 1]],
      tags: [[0, 0]],
      elements: [[0, 0x41, 0, 0x0b, 1, 2]],
      dataCount: 1,
      data: [[1, 4, 1, 2, 3, 4]],
    });
    assert.deepEqual(found, [expected, false, expected]);
  });
}

test('a function that has many locals to write is no leaf', () => {
  assert.deepEqual(checkedOf([body([], [[...leb(50_000), I32]]), body([], [[200, 1, I32]])]), [true, false]);
});

test('a chain of 200,000 functions is walked once, and not by recursion', () => {
  const count = 200_000;
  const bodies = Array.from({ length: count }, (_, i) => body(i + 1 < count ? calls(i + 1, 1) : []));
  const start = performance.now();
  rewrite(moduleOf(bodies), LIMITS);
  assert.ok(performance.now() - start < 5000);
});

test('a tree of small functions, which takes for ever, has a check on its way', () => {
  const tree = Array.from({ length: 60 }, (_, i) => body(i === 0 ? [] : calls(i - 1, 2)));
  const { call, flag } = guest(moduleOf(tree, { exports: [exportOf('run', 0, 59)] }));
  raise(flag);
  assert.throws(() => call('run'), new WebAssembly.RuntimeError('unreachable'));
});
