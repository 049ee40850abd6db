import type { GuestMemory } from '../../engine/memory.ts';
import { type ComponentGuest, OK, trap } from './types.ts';

/** The memory of the core module that calls, and its allocator. */
export interface CoreGuest extends ComponentGuest {
  readonly memory: GuestMemory;
  /** Memory for `size` (> 0) bytes that the guest will own, checked to lie inside. @throws RuntimeError */
  allocate(size: number, align: number): number;
}

export type Lowered = (...args: never[]) => number | undefined;
export type LoweredTable = Readonly<Record<string, Readonly<Record<string, Lowered>>>>;

/** A name longer than this is no field's: nobody makes a string of it. */
export const NAME_MAX_BYTES = 64 * 1024;

/** What core functions for a guest take their arguments and give their results with. `ret`, `at`: where those go. */
export interface Lowering {
  /** @throws RuntimeError when a range lies outside of the memory */
  check(ptr: number, size: number): void;
  /** @throws RuntimeError when an enum has no such case */
  one(value: number, names: readonly string[], what: string): void;
  /** `result<_, E>`, E an enum: OK or its case. */
  answer(ret: number, value: number): undefined;
  /** `err` of a result whose payload is aligned to 4. */
  fail(ret: number, error: number): undefined;
  /** A list or string: bytes in memory that the guest owns. */
  list(at: number, address: number, length: number): void;
  giveText(text: string): number;
  /** `option<list<u8>>`. The range must have been checked. */
  option(at: number, value: Uint8Array | undefined): undefined;
  /** A list of bytes. The range must have been checked. */
  giveBytes(at: number, bytes: Uint8Array): void;
  /** In lower case. The range must have been checked. */
  name(ptr: number, size: number): string;
}

export function lowering(guest: CoreGuest): Lowering {
  const check = (ptr: number, size: number): void => {
    if (!guest.memory.has(ptr, size))
      throw trap(`${size >>> 0} bytes at ${ptr >>> 0} are outside of the memory`);
  };
  const list = (at: number, address: number, length: number): void => {
    guest.memory.setU32(at, address);
    guest.memory.setU32(at + 4, length);
  };
  const giveBytes = (at: number, bytes: Uint8Array): void => {
    const address = bytes.length === 0 ? 1 : guest.allocate(bytes.length, 1);
    if (bytes.length > 0) guest.memory.write(address, bytes);
    list(at, address, bytes.length);
  };
  return {
    check,
    one(value, names, what) {
      if (value >>> 0 >= names.length) throw trap(`${value} is no ${what}`);
    },
    answer(ret, value) {
      check(ret, 2);
      const { memory } = guest;
      if (value === OK) memory.setU8(ret, 0);
      else {
        memory.setU8(ret, 1);
        memory.setU8(ret + 1, value);
      }
    },
    fail(ret, error) {
      check(ret, 8);
      guest.memory.setU8(ret, 1);
      guest.memory.setU8(ret + 4, error);
    },
    list,
    giveText(text) {
      if (text.length === 0) return 1;
      const address = guest.allocate(text.length, 1);
      guest.memory.writeLatin1(address, text);
      return address;
    },
    option(at, value) {
      if (value !== undefined) giveBytes(at + 4, value);
      guest.memory.setU8(at, value === undefined ? 0 : 1);
    },
    giveBytes,
    name: (ptr, size) => guest.memory.latin1(ptr, size).toLowerCase(),
  };
}
