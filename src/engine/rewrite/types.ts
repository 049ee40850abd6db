import type { Reader } from '../binary.ts';
import { hex, malformed, unsupported } from './faults.ts';

/** What a value type is, as far as anyone here asks: its one byte, or CONCRETE for a reference to a type index. */
export const EXNREF = 0x69;
export const NULL_EXNREF = 0x74;
const CONCRETE = 0x100;

const REF_NULL = 0x63;
const REF = 0x64;
const I8 = 0x78;
const I16 = 0x77;
/** Numbers and v128, then the abstract heap types (as references that may be null). */
const ONE_BYTE: ReadonlySet<number> = new Set([
  ...[0x7f, 0x7e, 0x7d, 0x7c, 0x7b],
  ...[0x74, 0x73, 0x72, 0x71, 0x70, 0x6f, 0x6e, 0x6d, 0x6c, 0x6b, 0x6a, 0x69],
]);

/** i32, i64, f32, f64, v128; references are `r`. */
const LETTERS: Readonly<Record<number, string>> = { 127: 'i', 126: 'l', 125: 'f', 124: 'd', 123: 'v' };

const REC = 0x4e;
const SUB_FINAL = 0x4f;
const SUB = 0x50;
const ARRAY = 0x5e;
const STRUCT = 0x5f;
const FUNC = 0x60;

/** The type section, and value types anywhere. */
export class Types {
  /** Type indices there are; while the section is being read no index is too high yet. */
  count = 0;
  /** Bytes of the section's contents behind the number of entries, and that number. */
  entries = 0;
  start = 0;
  end = 0;
  /** Number of parameters of each function type, and whether one can hold an exception; -1 for other types. */
  readonly #params: number[] = [];
  readonly #exceptions: boolean[] = [];
  /** Of function types: a letter for each parameter, a colon, one for each result; empty for other types. */
  readonly signatures: string[] = [];
  #reading = false;
  #highest = -1;

  /** The type section. */
  read(r: Reader): void {
    this.#reading = true;
    this.entries = r.u32();
    this.start = r.at;
    for (let n = this.entries; n > 0; n--) {
      const form = r.byte();
      if (form !== REC) this.#subtype(r, form);
      else for (let members = r.u32(); members > 0; members--) this.#subtype(r, r.byte());
    }
    this.end = r.at;
    this.#reading = false;
    this.count = this.#params.length;
    if (this.#highest >= this.count) throw malformed(`there is no type ${this.#highest}`);
  }

  index(r: Reader): number {
    const index = r.u32();
    this.#check(index);
    return index;
  }

  /** A tag's type: what an exception carries lies on the engine's heap. */
  tag(r: Reader): void {
    if (r.u32() !== 0) throw malformed('a tag has an unknown attribute');
    const index = this.index(r);
    const params = this.#params[index]!;
    if (params > MAX_TAG_PARAMS)
      throw unsupported(`a tag has ${params} parameters, Weir takes up to ${MAX_TAG_PARAMS}`);
    // Exceptions that hold exceptions make lists of any length.
    if (this.#exceptions[index]) throw unsupported('a tag has an exception reference as a parameter');
  }

  value(r: Reader): number {
    const byte = r.byte();
    if (byte === REF || byte === REF_NULL) return this.heap(r);
    if (!ONE_BYTE.has(byte)) throw unsupported(`the value type ${hex(byte)} is unknown`);
    return byte;
  }

  heap(r: Reader): number {
    const type = r.s33();
    if (type >= 0) {
      this.#check(type);
      return CONCRETE;
    }
    const byte = type + 0x80;
    if (byte < 0 || !ONE_BYTE.has(byte)) throw unsupported(`the heap type ${type} is unknown`);
    return byte;
  }

  block(r: Reader): void {
    const type = r.s33();
    const byte = type + 0x80;
    if (type >= 0) this.#check(type);
    else if (byte === REF || byte === REF_NULL) this.heap(r);
    else if (byte !== 0x40 && !ONE_BYTE.has(byte)) throw unsupported(`the block type ${type} is unknown`);
  }

  #check(index: number): void {
    if (this.#reading) this.#highest = Math.max(this.#highest, index);
    else if (index >= this.count) throw malformed(`there is no type ${index}`);
  }

  #subtype(r: Reader, first: number): void {
    let form = first;
    if (form === SUB || form === SUB_FINAL) {
      for (let supers = r.u32(); supers > 0; supers--) this.index(r);
      form = r.byte();
    }
    let params = -1;
    let exceptions = false;
    let signature = '';
    if (form === FUNC) {
      params = r.u32();
      for (let n = params; n > 0; n--) {
        const type = this.value(r);
        exceptions ||= type === EXNREF || type === NULL_EXNREF;
        signature += LETTERS[type] ?? 'r';
      }
      signature += ':';
      for (let results = r.u32(); results > 0; results--) signature += LETTERS[this.value(r)] ?? 'r';
    } else if (form === STRUCT) {
      for (let fields = r.u32(); fields > 0; fields--) this.#field(r);
    } else if (form === ARRAY) {
      this.#field(r);
    } else {
      throw unsupported(`the form ${hex(form)} of a type is unknown`);
    }
    this.#params.push(params);
    this.#exceptions.push(exceptions);
    this.signatures.push(signature);
  }

  #field(r: Reader): void {
    const byte = r.bytes[r.at];
    if (byte === I8 || byte === I16) r.byte();
    else this.value(r);
    r.byte();
  }
}

const MAX_TAG_PARAMS = 16;
