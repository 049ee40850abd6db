import { ModuleError } from '../errors.ts';

const malformed = (message: string) => new ModuleError('MODULE_MALFORMED', message);
const tooLong = () => malformed('a number in the module is too long');

/** Reads a core module's binary format, never past `end`. @throws ModuleError MODULE_MALFORMED */
export class Reader {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, at: number, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  byte(): number {
    if (this.at >= this.end) throw malformed('the module ends in the middle of a section');
    return this.bytes[this.at++]!;
  }

  /** Unsigned LEB128 of up to 63 bits; exact up to 2^53. */
  leb(): number {
    let value = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw tooLong();
  }

  /** u32: at most five bytes, nothing above bit 31. */
  u32(): number {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    byte = this.byte();
    if (byte > 0x0f) throw tooLong();
    return (value | (byte << 28)) >>> 0;
  }

  /** u64 as a number: exact up to 2^53, and never smaller than it is. */
  u64(): number {
    let value = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    const byte = this.byte();
    if (byte > 1) throw tooLong();
    return value + byte * 2 ** 63;
  }

  /** s33 of a block or heap type: a type index, or a negative number that stands for a type. */
  s33(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return byte & 0x40 ? value - 2 ** (shift + 7) : value;
    }
    const byte = this.byte();
    const sign = byte & 0x10;
    if (byte > 0x7f || (byte & 0x60) !== (sign ? 0x60 : 0)) throw tooLong();
    return value + (byte & 0x0f) * 2 ** 28 - (sign ? 2 ** 32 : 0);
  }

  /** Passes a LEB128 of at most this many bytes; its value is V8's to judge. */
  skipLeb(longest: number): void {
    for (let n = 0; n < longest; n++) if (this.byte() < 0x80) return;
    throw tooLong();
  }

  skip(length: number): void {
    if (length > this.end - this.at) throw malformed('the module ends in the middle of a section');
    this.at += length;
  }

  text(): string {
    const length = this.u32();
    const start = this.at;
    if (length > this.end - start) throw malformed('a name ends outside the module');
    this.at = start + length;
    return Buffer.from(this.bytes.subarray(start, this.at)).toString('utf8');
  }
}

/** Where a LEB128 of at most this many bytes ends; beyond the input's end it never does. */
export function lebEnd(bytes: Uint8Array, start: number, longest: number): number {
  for (let at = start; at < start + longest; at++) if (bytes[at]! < 0x80) return at + 1;
  throw tooLong();
}
