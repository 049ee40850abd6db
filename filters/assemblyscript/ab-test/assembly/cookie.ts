import { Headers } from '@gcoredev/proxy-wasm-sdk-as/assembly/runtime';

const COOKIE = 'cookie';
const SPACE: u8 = 0x20;
const TAB: u8 = 0x09;
const SEMICOLON: u8 = 0x3b;
const EQUALS: u8 = 0x3d;

/** The value of the first cookie of that name in all Cookie fields, in order, or the empty string. */
export function findCookie(headers: Headers, name: string): string {
  for (let i = 0; i < headers.length; i++) {
    if (!isCookie(Uint8Array.wrap(headers[i].key))) continue;
    const value = findInField(Uint8Array.wrap(headers[i].value), name);
    if (value !== null) return value;
  }
  return '';
}

function isCookie(name: Uint8Array): bool {
  if (name.length != COOKIE.length) return false;
  for (let i = 0; i < COOKIE.length; i++) {
    if ((name[i] | 0x20) != COOKIE.charCodeAt(i)) return false;
  }
  return true;
}

/**
 * Null: there is none of that name. Works on bytes: what a client sends need not be UTF-8, and decoding it as such
 * could swallow the semicolon after a stray byte.
 */
function findInField(header: Uint8Array, name: string): string | null {
  let start = 0;
  while (start < header.length) {
    let end = start;
    let equals = -1;
    for (; end < header.length && header[end] != SEMICOLON; end++) {
      if (equals < 0 && header[end] == EQUALS) equals = end;
    }
    if (equals >= 0 && trimmed(header, start, equals, name.length) == name) {
      return trimmed(header, equals + 1, end, 256);
    }
    start = end + 1;
  }
  return null;
}

/** What stands between start and end without white space around it; the empty string when longer than `most`. */
function trimmed(bytes: Uint8Array, start: i32, end: i32, most: i32): string {
  while (start < end && (bytes[start] == SPACE || bytes[start] == TAB)) start++;
  while (start < end && (bytes[end - 1] == SPACE || bytes[end - 1] == TAB)) end--;
  if (end - start > most) return '';
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]);
  return text;
}
