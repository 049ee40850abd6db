import { REFUSED_AT } from './names.ts';
import { Writer } from './writer.ts';

/** A function to be appended: its type and its body, as their sections have them. */
export interface Appended {
  readonly type: Uint8Array;
  readonly body: Uint8Array;
}

const I32 = 0x7f;
const I64 = 0x7e;
const VOID = 0x40;
/** Longest copy or fill in one go, as an i32.const or i64.const has it: 1 MiB, some 50 microseconds. */
const CHUNK = [0x80, 0x80, 0xc0, 0x00];
/** Longest one without a check: 4 KiB, some 100 nanoseconds. */
const SHORT = [0x80, 0x20];
/** Parameters of all copies and fills: where to, where from (or with what), how many. */
const TO = 0;
const FROM = 1;
const LENGTH = 2;

/** Instructions, as one writes them by hand. `wide` always tells i64 from i32. */
class Code {
  readonly out = new Writer(512);

  raw(...bytes: readonly number[]): this {
    this.out.all(bytes);
    return this;
  }

  get(local: number): this {
    return this.raw(0x20, local);
  }

  chunk(wide: boolean): this {
    return this.raw(wide ? 0x42 : 0x41, ...CHUNK);
  }

  /** local = local + CHUNK, or minus. */
  move(local: number, by: 'add' | 'sub', wide: boolean): this {
    const opcode = (by === 'add' ? 0x6a : 0x6b) + (wide ? 0x12 : 0);
    return this.get(local).chunk(wide).raw(opcode, 0x21, local);
  }

  /** A local as i64. */
  long(local: number, wide: boolean): this {
    this.get(local);
    return wide ? this : this.raw(0xad);
  }

  /** LENGTH > CHUNK */
  more(wide: boolean): this {
    return this.get(LENGTH)
      .chunk(wide)
      .raw(wide ? 0x56 : 0x4b);
  }

  /** Branches out of the block around when LENGTH bytes from `local` do not fit in the memory; no overflow. */
  leaveWhenOutside(local: number, memory: number, wide: boolean, wideLength: boolean): this {
    const size = () => {
      this.raw(0x3f).out.leb(memory);
      if (!wide) this.raw(0xad);
      return this.raw(0x42, 16, 0x86);
    };
    this.long(LENGTH, wideLength);
    size().raw(0x56, 0x0d, 0);
    this.long(local, wide);
    return size().long(LENGTH, wideLength).raw(0x7d, 0x56, 0x0d, 0);
  }

  done(): Uint8Array {
    const body = new Writer(this.out.at + 8);
    body.leb(this.out.at);
    body.all(this.out.done());
    return body.done();
  }
}

const signature = (...wide: readonly boolean[]) =>
  Uint8Array.of(0x60, wide.length, ...wide.map(w => (w ? I64 : I32)), 0);

/** (to, value, length): memory.fill in chunks, a check before each. Out of bounds it traps and writes nothing. */
export function fillFunction(memory: number, wide: boolean, check: Uint8Array): Appended {
  const code = new Code();
  const fill = () => code.raw(0xfc, 0x0b).out.leb(memory);
  code.raw(0, ...check, 0x02, VOID);
  code.more(wide).raw(0x45, 0x0d, 0);
  code.leaveWhenOutside(TO, memory, wide, wide);
  code
    .raw(0x03, VOID, ...check)
    .get(TO)
    .get(FROM)
    .chunk(wide);
  fill();
  code.move(TO, 'add', wide).move(LENGTH, 'sub', wide);
  code.more(wide).raw(0x0d, 0, 0x0b, 0x0b);
  code.get(TO).get(FROM).get(LENGTH);
  fill();
  code.raw(0x0b);
  return { type: signature(wide, false, wide), body: code.done() };
}

/** The instruction itself when it is short, else the function for `long` ones; so small that V8 puts it into callers. */
function shortFunction(type: Uint8Array, long: number, wide: boolean, instruction: (code: Code) => void) {
  const code = new Code();
  code.raw(0).get(LENGTH);
  code.raw(wide ? 0x42 : 0x41, ...SHORT, wide ? 0x56 : 0x4b, 0x04, VOID);
  code.get(TO).get(FROM).get(LENGTH).raw(0x10).out.leb(long);
  code.raw(0x05).get(TO).get(FROM).get(LENGTH);
  instruction(code);
  code.raw(0x0b, 0x0b);
  return { type, body: code.done() };
}

/** (to, value, length): memory.fill, without a check up to 4 KiB; `long` is the index of `fillFunction`'s. */
export const shortFill = (memory: number, wide: boolean, long: number): Appended =>
  shortFunction(signature(wide, false, wide), long, wide, code => code.raw(0xfc, 0x0b).out.leb(memory));

/** (to, from, length): memory.copy, without a check up to 4 KiB; `long` is the index of `copyFunction`'s. */
export const shortCopy = (
  [to, from]: readonly [number, number],
  [wideTo, wideFrom]: readonly [boolean, boolean],
  long: number,
): Appended =>
  shortFunction(signature(wideTo, wideFrom, wideTo && wideFrom), long, wideTo && wideFrom, code => {
    code.raw(0xfc, 0x0a).out.leb(to);
    code.out.leb(from);
  });

/** (pages) -> pages: memory.grow, and a mark in the page of the interruption flag when it failed. */
export function growFunction(memory: number, wide: boolean, flag: number, check: Uint8Array): Appended {
  const code = new Code();
  code.raw(0, ...check).get(0);
  code.raw(0x40).out.leb(memory);
  code.raw(0x22, 0, wide ? 0x42 : 0x41, 0x7f, wide ? 0x51 : 0x46, 0x04, VOID);
  // i32.atomic.rmw.add (memory flag) offset=4
  code.raw(0x41, 0, 0x41, 1, 0xfe, 0x1e, 0x42).out.leb(flag);
  code.raw(REFUSED_AT, 0x1a, 0x0b).get(0).raw(0x0b);
  const type = wide ? I64 : I32;
  return { type: Uint8Array.of(0x60, 1, type, 1, type), body: code.done() };
}

/**
 * (to, from, length): memory.copy in chunks, a check before each. It begins at the end that an overlap can't have
 * overwritten, also between two memories: the host may have given one twice.
 */
export function copyFunction(
  [to, from]: readonly [number, number],
  [wideTo, wideFrom]: readonly [boolean, boolean],
  check: Uint8Array,
): Appended {
  const code = new Code();
  const wide = wideTo && wideFrom;
  const copy = () => {
    code.raw(0xfc, 0x0a).out.leb(to);
    code.out.leb(from);
  };
  const behind = (local: number, wideLocal: boolean) => {
    // A 32-bit length is extended when the address is wide.
    code.get(local);
    if (wideLocal && !wide) code.long(LENGTH, false);
    else code.get(LENGTH);
    code.raw(wideLocal ? 0x7c : 0x6a);
  };
  code.raw(0, ...check, 0x02, VOID);
  code.more(wide).raw(0x45, 0x0d, 0);
  code.leaveWhenOutside(TO, to, wideTo, wide).leaveWhenOutside(FROM, from, wideFrom, wide);
  code.long(TO, wideTo).long(FROM, wideFrom).raw(0x56, 0x04, VOID);
  code.raw(0x03, VOID, ...check).move(LENGTH, 'sub', wide);
  behind(TO, wideTo);
  behind(FROM, wideFrom);
  code.chunk(wide);
  copy();
  code.more(wide).raw(0x0d, 0, 0x0b, 0x05);
  code
    .raw(0x03, VOID, ...check)
    .get(TO)
    .get(FROM)
    .chunk(wide);
  copy();
  code.move(TO, 'add', wideTo).move(FROM, 'add', wideFrom).move(LENGTH, 'sub', wide);
  code.more(wide).raw(0x0d, 0, 0x0b, 0x0b, 0x0b);
  code.get(TO).get(FROM).get(LENGTH);
  copy();
  code.raw(0x0b);
  return { type: signature(wideTo, wideFrom, wide), body: code.done() };
}
