import type { GuestMemory } from '../engine/memory.ts';
import type { RawFields } from '../message/fields.ts';

/** As Envoy's host: more than this from a guest is refused. */
export const PAIRS_MAX_BYTES = 1024 * 1024;
export const PAIRS_MAX_COUNT = 1024;

/**
 * Size in bytes of a serialized map (specification, "Serialization"):
 *
 *     u32 count | (u32 name length, u32 value length) * count | (name NUL value NUL) * count
 *
 * An empty map is empty.
 */
export function pairsSize(pairs: RawFields): number {
  if (pairs.length === 0) return 0;
  let size = 4;
  for (let i = 0; i < pairs.length; i++) size += pairs[i]!.length + 5;
  return size;
}

/** Writes a non-empty map; `pairsSize` bytes at `ptr` must lie inside the memory. */
export function writePairs(memory: GuestMemory, ptr: number, pairs: RawFields): void {
  memory.setU32(ptr, pairs.length >> 1);
  let at = ptr + 4;
  for (let i = 0; i < pairs.length; i++) {
    memory.setU32(at, pairs[i]!.length);
    at += 4;
  }
  // One write for all names and values: each call into native code costs more than the joining.
  memory.writeLatin1(at, `${pairs.join('\0')}\0`);
}

/** The same, for a property's value. */
export function pairsToBytes(pairs: RawFields): Buffer {
  const bytes = Buffer.alloc(pairsSize(pairs));
  if (pairs.length === 0) return bytes;
  bytes.writeUInt32LE(pairs.length >> 1, 0);
  for (let i = 0; i < pairs.length; i++) bytes.writeUInt32LE(pairs[i]!.length, 4 + 4 * i);
  bytes.write(`${pairs.join('\0')}\0`, 4 + 4 * pairs.length, 'latin1');
  return bytes;
}

/**
 * Reads a map that a guest serialized; names come out lower-case. Undefined when it is larger than
 * PAIRS_MAX_BYTES or PAIRS_MAX_COUNT or not exactly well-formed. Size 0, one 0x00 byte and a count of 0 are the
 * empty map. The range must lie inside the memory.
 */
export function readPairs(memory: GuestMemory, ptr: number, size: number): RawFields | undefined {
  const start = ptr >>> 0;
  const length = size >>> 0;
  if (length === 0) return [];
  if (length > PAIRS_MAX_BYTES) return undefined;
  const bytes = memory.bytes;
  if (length === 1) return bytes[start] === 0 ? [] : undefined;
  if (length < 4) return undefined;
  const count = memory.u32(start);
  if (count > PAIRS_MAX_COUNT || 4 + count * 8 > length) return undefined;
  const end = start + length;
  const pairs: RawFields = new Array<string>(count * 2);
  let at = start + 4 + count * 8;
  for (let i = 0; i < count * 2; i++) {
    const n = memory.u32(start + 4 + 4 * i);
    if (at + n + 1 > end || bytes[at + n] !== 0) return undefined;
    const text = memory.latin1(at, n);
    pairs[i] = (i & 1) === 0 ? text.toLowerCase() : text;
    at += n + 1;
  }
  return at === end ? pairs : undefined;
}
