import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PAIRS_MAX_BYTES, pairsSize, pairsToBytes, readPairs, writePairs } from '../../src/abi/pairs.ts';
import { GuestMemory } from '../../src/engine/memory.ts';
import { serialise } from '../support/guest.ts';

const memory = new GuestMemory(new WebAssembly.Memory({ initial: 33, maximum: 40 }));

function read(bytes: Uint8Array, at = memory.size - bytes.length): string[] | undefined {
  memory.write(at, bytes);
  return readPairs(memory, at, bytes.length);
}

test("the specification's example", () => {
  const bytes = Buffer.from([
    ...[2, 0, 0, 0],
    ...[1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0],
    ...[0x61, 0, 0x31, 0, 0x62, 0, 0x32, 0x32, 0],
  ]);
  const pairs = ['a', '1', 'b', '22'];
  assert.equal(pairsSize(pairs), bytes.length);
  assert.deepEqual(pairsToBytes(pairs), bytes);
  memory.bytes.fill(0xaa, 100, 200);
  writePairs(memory, 104, pairs);
  assert.deepEqual(memory.copy(104, bytes.length), bytes);
  assert.deepEqual([memory.bytes[103], memory.bytes[104 + bytes.length]], [0xaa, 0xaa]);
  assert.deepEqual(read(bytes), pairs);
});

test('the empty map is size 0, one 0x00 byte, or a count of 0', () => {
  assert.equal(pairsSize([]), 0);
  assert.equal(pairsToBytes([]).length, 0);
  assert.deepEqual(read(Buffer.alloc(0)), []);
  assert.deepEqual(read(Buffer.from([0])), []);
  assert.deepEqual(read(Buffer.alloc(4)), []);
});

test('names come out in lower case, values as they are', () => {
  assert.deepEqual(read(serialise(['X-NAME', 'VaLuE', 'x-name', ''])), ['x-name', 'VaLuE', 'x-name', '']);
});

for (const [what, bytes] of [
  ['one byte that is not 0', Buffer.from([1])],
  ['two bytes', Buffer.alloc(2)],
  ['three bytes', Buffer.alloc(3)],
  ['a count without sizes', Buffer.from([1, 0, 0, 0])],
  ['a count of 0xffffffff', Buffer.from([255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0])],
  ['a count of 0x20000000, whose sizes wrap to nothing', Buffer.from([0, 0, 0, 0x20])],
  ['a count of 0 with bytes behind it', Buffer.alloc(5)],
  ['a byte behind the last value', Buffer.concat([serialise(['a', 'b']), Buffer.from([0])])],
  ['the last byte missing', serialise(['a', 'b']).subarray(0, -1)],
  ['no NUL after a name', Buffer.from(serialise(['a', 'b']).map((b, i) => (i === 13 ? 1 : b)))],
  ['no NUL after a value', Buffer.from(serialise(['a', 'b']).map((b, i) => (i === 15 ? 1 : b)))],
  [
    'a name length of 0xffffffff',
    Buffer.from(serialise(['a', 'b']).map((b, i) => (i >= 4 && i < 8 ? 255 : b))),
  ],
  [
    'a value length that reaches past the end',
    Buffer.from(serialise(['a', 'b']).map((b, i) => (i === 8 ? 2 : b))),
  ],
] as const) {
  test(`${what} is no map`, () => {
    assert.equal(read(bytes), undefined);
  });
}

test('every prefix of a map is refused but the empty one', () => {
  const bytes = serialise(['name', 'value', 'n', '']);
  for (let n = 2; n < bytes.length; n++) assert.equal(read(bytes.subarray(0, n)), undefined, String(n));
});

test('1024 pairs are a map, 1025 are not', () => {
  const pairs = Array.from({ length: 2048 }, (_, i) => (i % 2 === 0 ? 'n' : String(i)));
  assert.deepEqual(read(serialise(pairs)), pairs);
  assert.equal(read(serialise([...pairs, 'n', ''])), undefined);
});

test('1 MiB is a map, a byte more is not', () => {
  const value = 'v'.repeat(PAIRS_MAX_BYTES - 12 - 3);
  const bytes = serialise(['n', value]);
  assert.equal(bytes.length, PAIRS_MAX_BYTES);
  assert.deepEqual(read(bytes), ['n', value]);
  assert.equal(read(serialise(['n', `${value}v`])), undefined);
});

const latin1 = fc.string({ unit: fc.nat(255).map(c => String.fromCharCode(c)), maxLength: 40 });

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(latin1, latin1), { maxLength: 12 }), fc.nat(9), (entries, odd) => {
      const pairs = entries.flatMap(([name, value]) => [name.toLowerCase(), value]);
      const size = pairsSize(pairs);
      assert.deepEqual(pairsToBytes(pairs), pairs.length === 0 ? Buffer.alloc(0) : serialise(pairs));
      if (pairs.length > 0) writePairs(memory, 1000 + odd, pairs);
      assert.deepEqual(readPairs(memory, 1000 + odd, size), pairs);
    }),
    { numRuns: 200 },
  );
});

test('arbitrary bytes give a map or nothing, and never an exception', () => {
  const u32 = fc.oneof(fc.nat(6), fc.constantFrom(0x7fffffff, 0x80000000, 0xffffffff, 1024, 1025));
  const structured = fc
    .tuple(fc.array(u32, { maxLength: 9 }), fc.uint8Array({ maxLength: 30 }))
    .map(([words, rest]) => Buffer.concat([Buffer.from(new Uint32Array(words).buffer), rest]));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), structured), bytes => {
      const pairs = read(bytes);
      if (pairs === undefined || pairs.length === 0) return;
      assert.equal(pairsSize(pairs), bytes.length);
    }),
    { numRuns: 1500 },
  );
});

test('one changed byte in a map gives a map of the same size or nothing', () => {
  const good = serialise(['content-type', 'text/html', 'x', '', 'y', 'z']);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (i, b) => {
      const bytes = Buffer.from(good);
      bytes[i] = b;
      const pairs = read(bytes);
      if (pairs !== undefined) assert.equal(pairsSize(pairs), bytes.length);
    }),
    { numRuns: 500 },
  );
});
