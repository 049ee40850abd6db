import { bytesOf, isFieldValue, isToken, type RawFields } from '../../message/fields.ts';
import type { HttpInstance } from './instance.ts';

/** Variant `wasi:http/types.header-error` as jco wants it thrown. */
export type HeaderError = { readonly tag: 'invalid-syntax' | 'forbidden' | 'immutable' };

/**
 * Fields of one connection, or of its framing: no guest sees or sets them (as in wasmtime). `Host` is the authority of a
 * request.
 */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'host',
  'http2-settings',
]);

const invalid: HeaderError = { tag: 'invalid-syntax' };
const forbidden: HeaderError = { tag: 'forbidden' };
const immutable: HeaderError = { tag: 'immutable' };

/** Resource `wasi:http/types.fields` (wasi-http 0.2, wit/types.wit). Methods throw HeaderError as jco's `err`. */
export class Fields {
  readonly #instance: HttpInstance;
  readonly #mutable: boolean;
  #raw: RawFields;
  /** Others have the list too: it is copied before it is changed. */
  #shared: boolean;
  /** Bytes of names and values; -1: not counted, as long as it shares a list that the guest didn't make. */
  #bytes: number;
  #open = true;

  /**
   * `raw` is shared, never written to; `bytes` of it count once more, as others that have it may go first. Throws
   * WasiTrap for one resource too many.
   */
  constructor(instance: HttpInstance, raw: RawFields = [], mutable = true, bytes = -1) {
    instance.wasi.take();
    if (bytes > 0) instance.account(bytes);
    this.#bytes = bytes;
    this.#instance = instance;
    this.#raw = raw;
    this.#mutable = mutable;
    this.#shared = true;
  }

  /** Fields of a message that came, without those that guests may not see: they can't be changed. */
  static incoming(instance: HttpInstance, raw: readonly string[]): Fields {
    return new Fields(instance, visible(raw), false);
  }

  /** `[static]fields.from-list`. Throws HeaderError; `forbidden` also for more than the limits allow. */
  static fromList(instance: HttpInstance, entries: readonly (readonly [string, Uint8Array])[]): Fields {
    const fields = new Fields(instance);
    try {
      for (const [name, value] of entries) fields.append(name, value);
    } catch (error) {
      fields[Symbol.dispose]();
      throw error;
    }
    return fields;
  }

  /** What the guest put there, for the host: not to be changed. */
  get raw(): RawFields {
    return this.#raw;
  }

  /** The same fields, which can't be changed. */
  view(): Fields {
    this.#shared = true;
    return new Fields(this.#instance, this.#raw, false, this.#bytes);
  }

  /** `[method]fields.get` */
  get(name: string): Uint8Array[] {
    const lower = name.toLowerCase();
    const values: Uint8Array[] = [];
    for (let i = 0; i < this.#raw.length; i += 2) {
      if (this.#raw[i]!.toLowerCase() === lower) values.push(Buffer.from(this.#raw[i + 1]!, 'latin1'));
    }
    return values;
  }

  /** `[method]fields.has` */
  has(name: string): boolean {
    const lower = name.toLowerCase();
    for (let i = 0; i < this.#raw.length; i += 2) if (this.#raw[i]!.toLowerCase() === lower) return true;
    return false;
  }

  /** `[method]fields.set`: in place of all values. */
  set(name: string, values: readonly Uint8Array[]): void {
    this.#check(name);
    const texts = values.map(textOf);
    const lower = name.toLowerCase();
    const raw: RawFields = [];
    for (let i = 0; i < this.#raw.length; i += 2) {
      if (this.#raw[i]!.toLowerCase() !== lower) raw.push(this.#raw[i]!, this.#raw[i + 1]!);
    }
    for (const text of texts) raw.push(name, text);
    this.#replace(raw);
  }

  /** `[method]fields.delete` */
  delete(name: string): void {
    this.set(name, []);
  }

  /** `[method]fields.append`: beside the values that are there. */
  append(name: string, value: Uint8Array): void {
    this.#check(name);
    const text = textOf(value);
    this.#own();
    this.#limit(this.#raw.length / 2 + 1, this.#bytes + name.length + text.length);
    this.#raw.push(name, text);
    this.#grow(name.length + text.length);
  }

  /** `[method]fields.entries`: names as they were written, in order. */
  entries(): [string, Uint8Array][] {
    const entries: [string, Uint8Array][] = [];
    for (let i = 0; i < this.#raw.length; i += 2)
      entries.push([this.#raw[i]!, Buffer.from(this.#raw[i + 1]!, 'latin1')]);
    return entries;
  }

  /** `[method]fields.clone`: one that can be changed. */
  clone(): Fields {
    this.#shared = true;
    return new Fields(this.#instance, this.#raw, true, this.#bytes);
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#instance.wasi.release();
    if (this.#bytes > 0) this.#instance.account(-this.#bytes);
    this.#bytes = -1;
  }

  #check(name: string): void {
    if (!this.#mutable) throw immutable;
    if (!isToken(name)) throw invalid;
    if (FORBIDDEN.has(name.toLowerCase())) throw forbidden;
  }

  #limit(count: number, bytes: number): void {
    const { headerCount, headerBytes } = this.#instance.limits;
    if (count > headerCount) {
      this.#instance.limits.hit('headerCount');
      throw forbidden;
    }
    if (bytes > headerBytes) {
      this.#instance.limits.hit('headerBytes');
      throw forbidden;
    }
  }

  /** From here on the list is this map's own. */
  #own(): void {
    if (!this.#shared) return;
    const bytes = bytesOf(this.#raw);
    this.#raw = this.#raw.slice();
    this.#shared = false;
    const before = Math.max(this.#bytes, 0);
    this.#bytes = bytes;
    this.#instance.account(bytes - before);
  }

  #replace(raw: RawFields): void {
    const bytes = bytesOf(raw);
    this.#limit(raw.length / 2, bytes);
    const before = Math.max(this.#bytes, 0);
    this.#raw = raw;
    this.#shared = false;
    this.#bytes = bytes;
    this.#instance.account(bytes - before);
  }

  #grow(bytes: number): void {
    this.#bytes += bytes;
    this.#instance.account(bytes);
  }
}

function textOf(value: Uint8Array): string {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
  // Blanks around a value are no part of it: RFC 9110 section 5.5.
  if (!isFieldValue(text)) throw invalid;
  return text;
}

function visible(raw: readonly string[]): RawFields {
  const out: RawFields = [];
  for (let i = 0; i < raw.length; i += 2) {
    if (!FORBIDDEN.has(raw[i]!.toLowerCase())) out.push(raw[i]!, raw[i + 1]!);
  }
  return out;
}
