import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GuestMemory } from '../../src/engine/memory.ts';

const PAGE = 65536;
const make = (initial = 1) => {
  const wasm = new WebAssembly.Memory({ initial, maximum: 8 });
  return { wasm, memory: new GuestMemory(wasm) };
};

test('a range is inside only as a whole, and pointers are u32', () => {
  const { memory } = make();
  for (const [ptr, size, inside] of [
    [0, 0, true],
    [0, PAGE, true],
    [PAGE, 0, true],
    [PAGE - 1, 1, true],
    [PAGE - 1, 2, false],
    [PAGE, 1, false],
    [PAGE + 1, 0, false],
    [0, PAGE + 1, false],
    [-1, 0, false],
    [-1, 1, false],
    [1, -1, false],
    [-1, -1, false],
    [0xffffffff, 1, false],
    [0x80000000, 0x80000000, false],
  ] as const) {
    assert.equal(memory.has(ptr, size), inside, `${ptr} ${size}`);
  }
});

test('growth is seen, by whatever is asked first', () => {
  for (const look of [
    (m: GuestMemory) => m.has(PAGE, 4),
    (m: GuestMemory) => m.has(0, 1),
    (m: GuestMemory) => m.size === 2 * PAGE,
    (m: GuestMemory) => m.bytes.length === 2 * PAGE,
  ]) {
    const { wasm, memory } = make();
    memory.setU8(0, 7);
    wasm.grow(1);
    assert.equal(look(memory), true);
    assert.equal(memory.bytes[0], 7);
    memory.setU32(2 * PAGE - 4, 0x01020304);
    assert.equal(memory.u32(2 * PAGE - 4), 0x01020304);
  }
});

test('growth by nothing detaches too', () => {
  const { wasm, memory } = make();
  wasm.grow(0);
  assert.equal(memory.has(0, PAGE), true);
  memory.setU32(0, 1);
  assert.equal(memory.size, PAGE);
});

test('a memory without a page holds only the empty range', () => {
  const { wasm, memory } = make(0);
  assert.equal(memory.has(0, 0), true);
  assert.equal(memory.has(0, 1), false);
  assert.equal(memory.size, 0);
  wasm.grow(1);
  assert.equal(memory.has(0, 1), true);
});

test('latin1 loses no byte, whatever the length', () => {
  const { memory } = make();
  for (let i = 0; i < 256; i++) memory.setU8(i, i);
  const all = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('');
  for (const n of [0, 1, 23, 24, 25, 256]) assert.equal(memory.latin1(256 - n, n), all.slice(256 - n));
  memory.writeLatin1(1000, all);
  assert.equal(memory.latin1(1000, 256), all);
});

test('numbers are little-endian and need no alignment', () => {
  const { memory } = make();
  memory.setU32(1, 0xfffefdfc);
  assert.equal(memory.copy(1, 4).toString('hex'), 'fcfdfeff');
  assert.equal(memory.u32(1), 0xfffefdfc);
  memory.setU64(9, 0x0102030405060708n);
  assert.equal(memory.copy(9, 8).toString('hex'), '0807060504030201');
});

test('a copy is a copy, bytes are live', () => {
  const { memory } = make();
  memory.write(0, Buffer.from('abc'));
  const copy = memory.copy(0, 3);
  const live = memory.bytes;
  memory.write(0, Buffer.from('xyz'));
  assert.equal(copy.toString(), 'abc');
  assert.equal(live.toString('latin1', 0, 3), 'xyz');
});

test('text for people replaces what is not UTF-8', () => {
  const { memory } = make();
  memory.write(0, Buffer.from([0x61, 0xc3, 0xa9, 0xff]));
  assert.equal(memory.utf8(0, 4), 'aé\ufffd');
});

test('an empty range at 0 can be copied after the memory grew', () => {
  const wasm = new WebAssembly.Memory({ initial: 1, maximum: 2 });
  const memory = new GuestMemory(wasm);
  wasm.grow(1);
  assert.equal(memory.has(0, 0), true);
  assert.equal(memory.copy(0, 0).length, 0);
  assert.equal(memory.latin1(0, 0), '');
  assert.equal(memory.utf8(0, 0), '');
});
