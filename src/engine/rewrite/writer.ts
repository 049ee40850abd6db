/** Up to this many bytes a loop copies faster than a call of `set` with its view. */
const SHORT = 64;

/** Bytes needed for an unsigned LEB128 of a 32-bit number. */
export function lebLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}

/** A growing output. */
export class Writer {
  bytes: Uint8Array<ArrayBuffer>;
  at = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Makes room for as many bytes more. */
  room(length: number): void {
    const needed = this.at + length;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
  }

  byte(value: number): void {
    this.room(1);
    this.bytes[this.at++] = value;
  }

  /** Unsigned LEB128, in at least `width` bytes; exact up to 2^53. */
  leb(value: number, width = 1): void {
    this.room(10);
    let rest = value;
    for (let n = 1; rest >= 0x80 || n < width; n++) {
      this.bytes[this.at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.at++] = rest;
  }

  all(bytes: ArrayLike<number>): void {
    this.room(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Copies a part of other bytes. */
  part(from: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.room(length);
    if (length > SHORT) this.bytes.set(from.subarray(start, end), this.at);
    else for (let i = 0; i < length; i++) this.bytes[this.at + i] = from[start + i]!;
    this.at += length;
  }

  text(text: string): void {
    const bytes = Buffer.from(text);
    this.leb(bytes.length);
    this.all(bytes);
  }

  done(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.at);
  }
}
