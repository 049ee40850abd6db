import { readable } from './calls.ts';
import { type ComponentGuest, ERRORS, OK, SERVICE_ERRORS, UNAVAILABLE } from './types.ts';

/** Throws what jco's glue takes for the `err` of a result. */
export function answer(value: number): void {
  if (value !== OK) throw ERRORS[value];
}

/** The same for what lies beyond the stream. */
export function serviceAnswer(value: number): void {
  if (value !== OK) throw SERVICE_ERRORS[value];
}

export const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
export const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

/** The functions that read a map, for jco's glue. `map`: the ABI's number of a case of its enum. */
export function liftedReading(guest: ComponentGuest, map: (type: string) => number) {
  return {
    size(type: string): number {
      const fields = guest.host.fields(map(type));
      if (fields === undefined) throw ERRORS[UNAVAILABLE];
      return fields.count;
    },
    entries(type: string): [string, Uint8Array][] {
      const pairs = guest.host.fields(map(type))?.pairs();
      if (pairs === undefined) throw ERRORS[UNAVAILABLE];
      const entries: [string, Uint8Array][] = [];
      for (let i = 0; i < pairs.length; i += 2) entries.push([pairs[i]!, bytesOf(pairs[i + 1]!)]);
      return entries;
    },
    get(type: string, name: string): Uint8Array | undefined {
      const value = guest.host.fields(map(type))?.get(name.toLowerCase());
      return value === undefined ? undefined : bytesOf(value);
    },
  };
}

/** The function that reads bytes. `buffer`: the ABI's number of a case of its enum. */
export function liftedRead(guest: ComponentGuest, buffer: (type: string) => number) {
  return (type: string, start: number, size: number): Uint8Array => {
    const found = guest.host.buffer(buffer(type));
    if (found === undefined) throw ERRORS[UNAVAILABLE];
    const bytes = Buffer.alloc(readable(found.length, start, size));
    found.copyTo(bytes, 0, start, bytes.length);
    return bytes;
  };
}
