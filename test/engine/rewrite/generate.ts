import { type Bytes, body, build, exportOf, FUNCREF, func, I32, I64, leb, sleb } from './build.ts';
import type { Choices } from './random.ts';

const F32 = 0x7d;
const F64 = 0x7c;
const V128 = 0x7b;
type Type = typeof I32 | typeof I64 | typeof F32 | typeof F64 | typeof V128;
const TYPES: readonly Type[] = [I32, I64, F32, F64, V128];

/** Functions, each (i32, i64) -> i32; one calls only those behind it, so that all of them come to an end. */
const FUNCTIONS = 4;
const TYPE_RUN = 0;
const TYPE_VOID = 1;
/** Per type one local for values; further ones count the iterations of loops, by depth. */
const LOCAL: Readonly<Record<Type, number>> = { [I32]: 2, [I64]: 1, [F32]: 3, [F64]: 4, [V128]: 5 };
const COUNTERS = 6;
const MAX_LOOPS = 3;

/** Binary operations that are total or trap, and never show which NaN it is. */
const BINARY: Readonly<Record<Type, readonly Bytes[]>> = {
  [I32]: [0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x70, 0x71, 0x73, 0x74, 0x76, 0x77, 0x46, 0x48, 0x4d].map(o => [o]),
  [I64]: [0x7c, 0x7d, 0x7e, 0x7f, 0x80, 0x82, 0x83, 0x85, 0x86, 0x88, 0x89].map(o => [o]),
  [F32]: [[0x92], [0x93], [0x94], [0x95], [0x96]],
  [F64]: [[0xa0], [0xa1], [0xa2], [0xa3], [0xa5]],
  [V128]: [0x0e, 0x23, 0x4e, 0x50, 0x51, 0x6e, 0x95, 0xae, 0xb5, 0xba, 0xce].map(o => [0xfd, ...leb(o)]),
};
const UNARY: Readonly<Record<Type, readonly Bytes[]>> = {
  [I32]: [[0x45], [0x67], [0x68], [0x69], [0xc0], [0xc1]],
  [I64]: [[0x79], [0x7a], [0x7b], [0xc2], [0xc4]],
  [F32]: [[0x8b], [0x8c], [0x8d], [0x91]],
  [F64]: [[0x99], [0x9a], [0x9b], [0x9f]],
  [V128]: [
    [0xfd, 0x4d],
    [0xfd, 0x60],
    [0xfd, ...leb(0xa0)],
    [0xfd, ...leb(0xc1)],
  ],
};
/** Conversions to a type: from which, and how. */
const CONVERSIONS: Readonly<Record<Type, readonly (readonly [Type, Bytes])[]>> = {
  [I32]: [
    [I64, [0xa7]],
    [F32, [0xfc, 0]],
    [F64, [0xfc, 3]],
    [V128, [0xfd, 0x1b, 2]],
    [I64, [0x50]],
  ],
  [I64]: [
    [I32, [0xac]],
    [I32, [0xad]],
    [F64, [0xfc, 6]],
    [V128, [0xfd, 0x1d, 1]],
  ],
  [F32]: [
    [I32, [0xb2]],
    [I64, [0xb5]],
    [F64, [0xb6]],
  ],
  [F64]: [
    [I32, [0xb7]],
    [I64, [0xba]],
    [F32, [0xbb]],
  ],
  [V128]: [
    [I32, [0xfd, 0x0f]],
    [I32, [0xfd, 0x11]],
    [I64, [0xfd, 0x12]],
  ],
};
const LOADS: Readonly<Partial<Record<Type, Bytes>>> = {
  [I32]: [0x28, 2],
  [I64]: [0x31, 0],
  [V128]: [0xfd, 0, 4],
};
const STORES: Readonly<Partial<Record<Type, Bytes>>> = {
  [I32]: [0x36, 2],
  [I64]: [0x3e, 2],
  [V128]: [0xfd, 11, 0],
};

class Generator {
  readonly #c: Choices;
  readonly #legacy: boolean;
  /** Index of the function being made, open blocks, and loops among them. */
  #function = 0;
  #labels: ('block' | 'loop')[] = [];
  #loops = 0;

  constructor(choices: Choices) {
    this.#c = choices;
    this.#legacy = choices.pick(2) === 0;
  }

  module(): Uint8Array<ArrayBuffer> {
    const code: number[][] = [];
    for (let f = 0; f < FUNCTIONS; f++) {
      this.#function = f;
      this.#labels = [];
      this.#loops = 0;
      const statements = this.#statements(3);
      code.push(
        body(
          [...statements, ...this.#value(I32, 2)],
          [
            [1, I32],
            [1, F32],
            [1, F64],
            [1, V128],
            [MAX_LOOPS, I32],
          ],
        ),
      );
    }
    return build({
      types: [func([I32, I64], [I32]), func([], [])],
      functions: code.map(() => TYPE_RUN),
      tables: [[FUNCREF, 0, 4]],
      memories: [
        [0, 1],
        [1, 1, 3],
      ].slice(0, 1 + this.#c.pick(2)),
      tags: [[0, TYPE_VOID]],
      globals: [
        [I32, 1, 0x41, 7, 0x0b],
        [I64, 1, 0x42, 9, 0x0b],
      ],
      exports: [exportOf('run', 0, 0), exportOf('memory', 2, 0), exportOf('a', 3, 0), exportOf('b', 3, 1)],
      elements: [[0, 0x41, 0, 0x0b, 2, 2, 3]],
      dataCount: 1,
      code,
      data: [[1, 4, 1, 2, 3, 4]],
    });
  }

  #statements(depth: number): number[] {
    const out: number[] = [];
    for (let n = this.#c.pick(5); n > 0; n--) {
      // One by one: padding nested deep is more than a call has room for.
      for (const byte of this.#statement(depth)) out.push(byte);
    }
    return out;
  }

  /** A block's body: the labels in it include the block itself. */
  #inside(label: 'block' | 'loop', depth: number): number[] {
    this.#labels.push(label);
    const out = this.#statements(depth - 1);
    this.#labels.pop();
    return out;
  }

  #statement(depth: number): number[] {
    const type = TYPES[this.#c.pick(TYPES.length)]!;
    const choice = this.#c.pick(depth > 0 ? 17 : 9);
    switch (choice) {
      case 0:
      case 1:
        return [...this.#value(type, 2), 0x21, LOCAL[type]];
      case 2:
        return [...this.#value(I32, 2), 0x24, 0];
      case 3: {
        const at = STORES[type] === undefined ? I64 : type;
        return [...this.#address(), ...this.#value(at, 2), ...STORES[at]!, ...leb(this.#c.pick(300))];
      }
      case 4:
        return this.#branch();
      case 5:
        return [...this.#call(1), 0x1a];
      case 6:
        return this.#bulk();
      case 7:
        // A long way without a check: the padding has no effect but its length.
        return Array<number>(this.#c.pick(4) === 0 ? 16500 : 300).fill(0x01);
      case 8:
        return [...this.#value(I32, 1), 0x04, 0x40, this.#c.pick(3) === 0 ? 0x08 : 0x01, 0x00, 0x0b];
      case 9:
      case 10:
        return [0x02, 0x40, ...this.#inside('block', depth), 0x0b];
      case 11:
      case 12: {
        const then = this.#value(I32, 2);
        const yes = this.#inside('block', depth);
        const no = this.#c.pick(2) === 0 ? [] : [0x05, ...this.#inside('block', depth)];
        return [...then, 0x04, 0x40, ...yes, ...no, 0x0b];
      }
      case 13:
      case 14:
        return this.#loop(depth);
      default:
        return this.#try(depth);
    }
  }

  /** Out of some block, never back to a loop's head: only the counter goes there. */
  #branch(): number[] {
    const out = this.#labels.flatMap((label, i) => (label === 'block' ? [this.#labels.length - 1 - i] : []));
    out.push(this.#labels.length);
    const target = out[this.#c.pick(out.length)]!;
    if (target === this.#labels.length)
      return [...this.#value(I32, 1), 0x04, 0x40, ...this.#value(I32, 1), 0x0f, 0x0b];
    if (this.#c.pick(3) > 0) return [...this.#value(I32, 1), 0x0d, ...leb(target)];
    const other = out[this.#c.pick(out.length - 1)]!;
    return [0x02, 0x40, ...this.#value(I32, 1), 0x0e, 1, 0, ...leb(other + 1), 0x0b];
  }

  #loop(depth: number): number[] {
    if (this.#loops === MAX_LOOPS) return [];
    const counter = COUNTERS + this.#loops++;
    const inside = this.#inside('loop', depth);
    this.#loops--;
    const times = [0x41, 1 + this.#c.pick(4), 0x21, counter];
    return [...times, 0x03, 0x40, ...inside, 0x20, counter, 0x41, 1, 0x6b, 0x22, counter, 0x0d, 0, 0x0b];
  }

  #try(depth: number): number[] {
    if (this.#legacy)
      return [0x06, 0x40, ...this.#inside('block', depth), 0x19, ...this.#inside('block', depth), 0x0b];
    this.#labels.push('block');
    const inside = this.#inside('block', depth);
    this.#labels.pop();
    return [0x02, 0x40, 0x1f, 0x40, 1, 2, 0, ...inside, 0x0b, 0x0b];
  }

  #call(depth: number): number[] {
    const args = () => [...this.#value(I32, depth), ...this.#value(I64, depth)];
    const next = this.#function + 1;
    if (next >= FUNCTIONS) return this.#value(I32, 0);
    if (next <= 2 && this.#c.pick(3) === 0)
      return [...args(), ...this.#value(I32, 0), 0x41, 3, 0x71, 0x11, TYPE_RUN, 0];
    return [...args(), 0x10, next + this.#c.pick(FUNCTIONS - next)];
  }

  #bulk(): number[] {
    const length = [0x41, ...sleb(this.#c.pick(3) === 0 ? this.#c.pick(70000) : this.#c.pick(64))];
    const kind = this.#c.pick(4);
    if (kind === 0) return [...this.#address(), ...this.#value(I32, 1), ...length, 0xfc, 11, 0];
    if (kind === 1) return [...this.#address(), ...this.#address(), ...length, 0xfc, 10, 0, 0];
    if (kind === 2) return [...this.#address(), 0x41, 1, 0x41, this.#c.pick(5), 0xfc, 8, 0, 0];
    return [0x41, this.#c.pick(2), 0x40, 0, 0x1a];
  }

  /** Mostly within the first page. */
  #address(): number[] {
    if (this.#c.pick(8) === 0) return this.#value(I32, 1);
    return [...this.#value(I32, 1), 0x41, ...sleb(0x7fff), 0x71];
  }

  #value(type: Type, depth: number): number[] {
    if (depth === 0 || this.#c.pick(4) === 0) return this.#leaf(type);
    const among = (from: readonly Bytes[]) => from[this.#c.pick(from.length)]!;
    switch (this.#c.pick(7)) {
      case 0:
      case 1:
        return [...this.#value(type, depth - 1), ...this.#value(type, depth - 1), ...among(BINARY[type])];
      case 2:
        return [...this.#value(type, depth - 1), ...among(UNARY[type])];
      case 3: {
        const [from, how] = CONVERSIONS[type][this.#c.pick(CONVERSIONS[type].length)]!;
        return [...this.#value(from, depth - 1), ...how];
      }
      case 4:
        if (LOADS[type] === undefined) return this.#leaf(type);
        return [...this.#address(), ...LOADS[type], ...leb(this.#c.pick(300))];
      case 5:
        if (type === I32) return this.#call(depth - 1);
        return [
          ...this.#value(type, depth - 1),
          ...this.#value(type, depth - 1),
          ...this.#value(I32, 0),
          0x1c,
          1,
          type,
        ];
      default:
        return [
          ...this.#value(I32, 0),
          0x04,
          type,
          ...this.#value(type, depth - 1),
          0x05,
          ...this.#leaf(type),
          0x0b,
        ];
    }
  }

  #leaf(type: Type): number[] {
    if (this.#c.pick(3) > 0) return [0x20, type === I32 ? 2 * this.#c.pick(2) : LOCAL[type]];
    if (type === I32) return [0x41, ...sleb(this.#c.pick(65536) - 300)];
    if (type === I64) return [0x42, ...sleb(BigInt(this.#c.pick(65536)) << BigInt(this.#c.pick(40)))];
    if (type === F32) return [0x43, 0, 0, 0x80, 0x3f + this.#c.pick(3)];
    if (type === F64) return [0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f + this.#c.pick(2)];
    return [0xfd, 12, ...Array.from({ length: 16 }, (_, i) => (i * 37) & 0xff)];
  }
}

/** A valid module: `run`, two globals, a memory; it ends, and gives the same each time. */
export const generateModule = (choices: Choices) => new Generator(choices).module();
