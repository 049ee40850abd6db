/**
 * HTTP fields (headers or trailers) as Node has them: `[name, value, name, value, …]`, latin1 strings, so that
 * no byte is lost. Names keep the case they arrived in; looking one up takes its lower-case form.
 */
export type RawFields = string[];

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** RFC 9110 section 5.6.2: a token, as field names and methods are. */
export function isToken(name: string): boolean {
  return TOKEN.test(name);
}

/** RFC 9110 section 5.5: no CR, LF, NUL or other control character but tab. */
export function isFieldValue(value: string): boolean {
  return !BAD_VALUE.test(value);
}

function same(raw: string, lower: string): boolean {
  return raw === lower || (raw.length === lower.length && raw.toLowerCase() === lower);
}

/** True when all are legal fields, and so none is a pseudo header. */
export function areFields(pairs: readonly string[]): boolean {
  for (let i = 0; i < pairs.length; i += 2) {
    if (!isToken(pairs[i]!) || !isFieldValue(pairs[i + 1]!)) return false;
  }
  return true;
}

/** First value of a field in a raw list, or undefined. `lower` must be lower-case. */
export function fieldValue(raw: readonly string[], lower: string): string | undefined {
  for (let i = 0; i < raw.length; i += 2) {
    if (same(raw[i]!, lower)) return raw[i + 1];
  }
  return undefined;
}

/** Bytes of names and values. */
export function bytesOf(raw: readonly string[]): number {
  let bytes = 0;
  for (let i = 0; i < raw.length; i++) bytes += raw[i]!.length;
  return bytes;
}

function bytesOfField(raw: readonly string[], lower: string): number {
  let bytes = 0;
  for (let i = 0; i < raw.length; i += 2) {
    if (same(raw[i]!, lower)) bytes += lower.length + raw[i + 1]!.length;
  }
  return bytes;
}

/** Removes every field of that name from index `from` on, in place; true when there was one. `lower` must be lower-case. */
export function removeField(raw: RawFields, lower: string, from = 0): boolean {
  let to = from;
  for (let i = from; i < raw.length; i += 2) {
    if (same(raw[i]!, lower)) continue;
    if (to !== i) {
      raw[to] = raw[i]!;
      raw[to + 1] = raw[i + 1]!;
    }
    to += 2;
  }
  const found = to !== raw.length;
  if (found) raw.length = to;
  return found;
}

/**
 * A map of HTTP fields that filters read and change. Setters check what they are given and return false, with
 * nothing changed, when it is not a legal field: no filter can smuggle in a line break or a pseudo header.
 */
export class FieldMap {
  #raw: RawFields;
  /** At least the bytes that are in there; -1: not counted. */
  #bytes = -1;
  /** True once a filter changed anything. */
  mutated = false;

  constructor(raw: RawFields = []) {
    this.#raw = raw;
  }

  get raw(): RawFields {
    return this.#raw;
  }

  set raw(raw: RawFields) {
    this.#raw = raw;
    this.#bytes = -1;
  }

  /**
   * Room for so many bytes more, if the whole map stays within `most`; the values of the field `replaced` go in return.
   * Counts exactly only when what was added so far could have made it too large.
   */
  reserve(bytes: number, most: number, replaced = ''): boolean {
    if (this.#bytes < 0) this.#bytes = bytesOf(this.#raw);
    this.#bytes += bytes;
    if (this.#bytes <= most) return true;
    const now = bytesOf(this.#raw);
    const fits = now + bytes - (replaced === '' ? 0 : bytesOfField(this.#raw, replaced)) <= most;
    this.#bytes = fits ? now + bytes : now;
    return fits;
  }

  /** How many pairs a guest sees. */
  get count(): number {
    return this.raw.length >> 1;
  }

  /** First value, or undefined. `name` must be lower-case. */
  get(name: string): string | undefined {
    return fieldValue(this.raw, name);
  }

  /** Appends a value; values already there stay. */
  add(name: string, value: string): boolean {
    if (!isToken(name) || !isFieldValue(value)) return false;
    this.raw.push(name, value);
    this.mutated = true;
    return true;
  }

  /** Leaves exactly one value, at the place of the first. */
  replace(name: string, value: string): boolean {
    if (!isToken(name) || !isFieldValue(value)) return false;
    const raw = this.raw;
    this.mutated = true;
    for (let i = 0; i < raw.length; i += 2) {
      if (!same(raw[i]!, name)) continue;
      raw[i + 1] = value;
      removeField(raw, name, i + 2);
      return true;
    }
    raw.push(name, value);
    return true;
  }

  /** Removes all values; true also when there were none. */
  remove(name: string): boolean {
    if (removeField(this.raw, name)) this.mutated = true;
    return true;
  }

  /** Replaces the whole map, or nothing when one pair is illegal. Names must be lower-case. */
  setPairs(pairs: RawFields): boolean {
    if (!areFields(pairs)) return false;
    this.raw = pairs;
    this.mutated = true;
    return true;
  }

  /** All pairs as a guest sees them: lower-case names, pseudo headers first. */
  pairs(): RawFields {
    const raw = this.raw;
    const out = new Array<string>(raw.length);
    for (let i = 0; i < raw.length; i += 2) {
      out[i] = raw[i]!.toLowerCase();
      out[i + 1] = raw[i + 1]!;
    }
    return out;
  }
}
