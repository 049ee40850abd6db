import assert from 'node:assert/strict';
import { test } from 'node:test';
import { body, build, exportOf, func, I32, I64 } from './build.ts';
import { guest, LIMITS } from './run.ts';

const PAGE = 65536;
const PAGES = 70;
const SIZE = PAGES * PAGE;
const CHUNK = 2 ** 20;

/** Two memories, and functions that fill the first and copy from the second (or the first) to it. */
function bulkModule(wide: readonly [boolean, boolean], from: 0 | 1): Uint8Array<ArrayBuffer> {
  const address = (memory: 0 | 1) => (wide[memory] ? I64 : I32);
  const length = wide[0] && wide[from] ? I64 : I32;
  const memory = (w: boolean) => [w ? 4 : 0, PAGES];
  const args = [0x20, 0, 0x20, 1, 0x20, 2];
  return build({
    types: [func([address(0), I32, address(0)], []), func([address(0), address(from), length], [])],
    functions: [0, 1],
    memories: [memory(wide[0]), memory(wide[1])],
    exports: [exportOf('fill', 0, 0), exportOf('copy', 0, 1), exportOf('0', 2, 0), exportOf('1', 2, 1)],
    code: [body([...args, 0xfc, 11, 0]), body([...args, 0xfc, 10, 0, from])],
  });
}

type Exports = Record<string, unknown>;

const view = (exports: Exports, memory: string) =>
  Buffer.from((exports[memory] as WebAssembly.Memory).buffer);

/** Contents in which no two places look alike. */
const PATTERN = Buffer.alloc(SIZE);
for (let at = 0; at < SIZE; at += 4) PATTERN.writeUInt32LE(Math.imul(at, 0x9e3779b1) >>> 0, at);

/** Calls the function in the plain and in the rewritten module: both must do the same to both memories. */
function same(plain: Exports, rewritten: Exports, name: string, args: readonly (number | bigint)[]): boolean {
  const [a, b] = [plain, rewritten].map(exports => {
    for (const memory of ['0', '1']) PATTERN.copy(view(exports, memory));
    try {
      (exports[name] as (...args: unknown[]) => void)(...args);
      return 'returned';
    } catch (error) {
      return String(error);
    }
  });
  assert.equal(b, a, `${name} ${args}`);
  for (const memory of ['0', '1'])
    assert.equal(Buffer.compare(view(plain, memory), view(rewritten, memory)), 0, `${name} ${args}`);
  return a === 'returned';
}

/** What is done without a check. */
const SHORT = 4096;
const LENGTHS = [
  0,
  1,
  7,
  SHORT - 1,
  SHORT,
  SHORT + 1,
  CHUNK - 1,
  CHUNK,
  CHUNK + 1,
  2 * CHUNK,
  3 * CHUNK + 5,
  SIZE,
];
const OFFSETS = [0, 1, CHUNK - 1, CHUNK + 1, SIZE - 2 * CHUNK, SIZE - 1, SIZE, SIZE + 1];
const FAR = [0x7fff_ffff, 0xffff_ffff];

for (const [wide, from] of [
  [[false, false], 0],
  [[false, false], 1],
  [[true, true], 0],
  [[true, false], 1],
  [[false, true], 1],
] as const) {
  const widths = wide.map(w => (w ? 64 : 32));
  test(`copies from memory ${from} to 0 (${widths} bits), and fills, are those of V8`, () => {
    const module = bulkModule(wide, from);
    const plain = new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
    const { exports, rewritten } = guest(module, {}, { ...LIMITS, memory: 2 * SIZE });
    assert.deepEqual(
      rewritten.facts.memories.map(memory => memory.address),
      wide.map(w => (w ? 'i64' : 'i32')),
    );
    const number = (value: number, isWide: boolean) => (isWide ? BigInt(value) : value | 0);
    let done = 0;
    let calls = 0;
    const run = (name: string, args: readonly (number | bigint)[]) => {
      calls++;
      if (same(plain, exports, name, args)) done++;
    };
    for (const length of [...LENGTHS, ...FAR]) {
      for (const to of [...OFFSETS, ...FAR]) {
        run('fill', [number(to, wide[0]), 0x1a5, number(length, wide[0])]);
      }
    }
    // Overlaps by a byte, a chunk and all in between, both ways; and what is outside of one memory or both.
    const pairs: [number, number][] = OFFSETS.map(offset => [offset, 3]);
    pairs.push(...OFFSETS.map((offset): [number, number] => [3, offset]));
    pairs.push([0, 0], [SHORT, 1], [1, SHORT], [SHORT + 1, 0], [SIZE - SHORT, 0], [0, SIZE - SHORT]);
    pairs.push([CHUNK, CHUNK], [0xffff_ffff, 0xffff_ffff], [1, 0xffff_ffff]);
    for (const length of [...LENGTHS, ...FAR]) {
      for (const [to, source] of pairs) {
        const wideLength = wide[0] && wide[from];
        run('copy', [number(to, wide[0]), number(source, wide[from]), number(length, wideLength)]);
      }
    }
    assert.ok(done > 60 && done < calls - 60, `${done} of ${calls} did something`);
  });
}

test('64-bit addresses beyond 2^32 are outside, also where sums would overflow', () => {
  const module = bulkModule([true, true], 0);
  const plain = new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
  const { exports } = guest(module, {}, { ...LIMITS, memory: 2 * SIZE });
  const big = [2n ** 32n, 2n ** 63n, -1n, -BigInt(CHUNK), -BigInt(2 * CHUNK)];
  for (const value of big) {
    assert.equal(same(plain, exports, 'fill', [value, 1, 1n]), false);
    assert.equal(same(plain, exports, 'copy', [0n, value, 1n]), false);
    assert.equal(same(plain, exports, 'copy', [value, 0n, 1n]), false);
    assert.equal(same(plain, exports, 'fill', [0n, 1, value]), false);
    assert.equal(same(plain, exports, 'copy', [0n, 0n, value]), false);
    assert.equal(same(plain, exports, 'fill', [value, 1, BigInt(2 * CHUNK)]), false);
    assert.equal(same(plain, exports, 'fill', [BigInt(CHUNK), 1, value]), false);
    assert.equal(same(plain, exports, 'copy', [0n, value, BigInt(2 * CHUNK)]), false);
    assert.equal(same(plain, exports, 'copy', [value, 0n, BigInt(2 * CHUNK)]), false);
  }
});
