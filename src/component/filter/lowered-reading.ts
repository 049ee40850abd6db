import { readable } from './calls.ts';
import { type CoreGuest, type Lowering, NAME_MAX_BYTES } from './lowering.ts';
import { UNAVAILABLE } from './types.ts';

/** The functions that read a map. `types`: the cases of its enum; the first one is the ABI's map `first`. */
export function readFields(
  guest: CoreGuest,
  low: Lowering,
  types: readonly string[],
  what: string,
  first: number,
) {
  const { check, one, fail, list } = low;
  return {
    size: (map: number, ret: number) => {
      one(map, types, what);
      const fields = guest.host.fields(map + first);
      if (fields === undefined) return fail(ret, UNAVAILABLE);
      check(ret, 8);
      guest.memory.setU8(ret, 0);
      guest.memory.setU32(ret + 4, fields.count);
      return undefined;
    },
    entries: (map: number, ret: number) => {
      one(map, types, what);
      const fields = guest.host.fields(map + first);
      if (fields === undefined) return fail(ret, UNAVAILABLE);
      check(ret, 12);
      const pairs = fields.pairs();
      const count = pairs.length >> 1;
      // A tuple of a string and a list: two addresses, two lengths.
      const tuples = count === 0 ? 4 : guest.allocate(count * 16, 4);
      for (let i = 0; i < pairs.length; i++) {
        const text = pairs[i]!;
        list(tuples + i * 8, low.giveText(text), text.length);
      }
      guest.memory.setU8(ret, 0);
      list(ret + 4, tuples, count);
      return undefined;
    },
    get: (map: number, at: number, size: number, ret: number) => {
      one(map, types, what);
      check(at, size);
      check(ret, 12);
      const named = size >>> 0 <= NAME_MAX_BYTES;
      const value = named ? guest.host.fields(map + first)?.get(low.name(at, size)) : undefined;
      if (value === undefined) {
        guest.memory.setU8(ret, 0);
        return undefined;
      }
      const address = low.giveText(value);
      guest.memory.setU8(ret, 1);
      list(ret + 4, address, value.length);
      return undefined;
    },
  };
}

/** The function that reads bytes. `types`: the cases of its enum, and `buffers` the ABI's numbers of them. */
export function readBytes(
  guest: CoreGuest,
  { check, one, fail, list }: Lowering,
  types: readonly string[],
  what: string,
  buffers: readonly number[],
) {
  return (type: number, start: number, size: number, ret: number): undefined => {
    one(type, types, what);
    check(ret, 12);
    const buffer = guest.host.buffer(buffers[type]!);
    if (buffer === undefined) return fail(ret, UNAVAILABLE);
    const n = readable(buffer.length, start >>> 0, size >>> 0);
    const address = n === 0 ? 1 : guest.allocate(n, 1);
    if (n > 0) buffer.copyTo(guest.memory.bytes, address, start >>> 0, n);
    guest.memory.setU8(ret, 0);
    list(ret + 4, address, n);
    return undefined;
  };
}
