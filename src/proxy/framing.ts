import type { RawFields } from '../message/fields.ts';

/**
 * The fields that belong to one connection, or to the proxy, not to the message: RFC 9110 section 7.6.1 (hop by
 * hop), 11.7 (proxy credentials) and RFC 9112 section 6 (framing). All lower-case.
 */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'proxy-authenticate',
  'proxy-authorization',
]);

/** A bit for each length that one of the fields in `removeOwnFields` has: few others are looked at more closely. */
const OWN_LENGTHS = [...HOP_BY_HOP, 'content-length', 'host', 'expect'].reduce(
  (bits, { length }) => bits | (1 << length),
  0,
);

/** A legal Content-Length (RFC 9110 section 8.6) in bytes, or -1. */
export function parseLength(value: string): number {
  if (!/^\d+$/.test(value)) return -1;
  const length = Number(value);
  return Number.isSafeInteger(length) ? length : -1;
}

/** The field names a Connection field holds, lower-case, without `close` and `keep-alive`. */
export function connectionOptions(value: string): string[] {
  const names: string[] = [];
  for (const part of value.split(',')) {
    const name = part.trim().toLowerCase();
    if (name !== '' && name !== 'close' && name !== 'keep-alive') names.push(name);
  }
  return names;
}

// Naming one of these in Connection must not remove it: framing and routing would be the sender's to undo.
const NOT_NOMINATED = new Set(['content-length', 'host', 'expect', 'trailer']);

/** Removes the fields that a Connection field named: RFC 9110 section 7.6.1. In place. */
export function removeNominated(raw: RawFields, names: readonly string[]): void {
  let to = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    if (names.includes(name) && !NOT_NOMINATED.has(name)) continue;
    raw[to] = raw[i]!;
    raw[to + 1] = raw[i + 1]!;
    to += 2;
  }
  raw.length = to;
}

/**
 * Removes what filters may have written of the fields that aren't theirs: hop-by-hop fields, Host, Expect and
 * Content-Length, but for `TE: trailers`. In place. True when there was a Content-Length.
 */
export function removeOwnFields(raw: RawFields): boolean {
  let to = 0;
  let hadLength = false;
  for (let i = 0; i < raw.length; i += 2) {
    const { length } = raw[i]!;
    if (length < 32 && ((OWN_LENGTHS >>> length) & 1) !== 0) {
      const name = raw[i]!.toLowerCase();
      if (name === 'content-length') {
        hadLength = true;
        continue;
      }
      if (name === 'host' || name === 'expect') continue;
      if (HOP_BY_HOP.has(name) && !(name === 'te' && raw[i + 1] === 'trailers')) continue;
    }
    if (to !== i) {
      raw[to] = raw[i]!;
      raw[to + 1] = raw[i + 1]!;
    }
    to += 2;
  }
  if (to !== raw.length) raw.length = to;
  return hadLength;
}

/** Removes from trailers what RFC 9110 section 6.5.1 forbids there: framing, routing and connection fields. In place. */
export function cleanTrailers(raw: RawFields): RawFields {
  let to = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    if (HOP_BY_HOP.has(name) || NOT_NOMINATED.has(name)) continue;
    raw[to] = raw[i]!;
    raw[to + 1] = raw[i + 1]!;
    to += 2;
  }
  raw.length = to;
  return raw;
}
