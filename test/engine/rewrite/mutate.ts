import { Reader } from '../../../src/engine/binary.ts';
import { sectionsOf } from '../../../src/engine/sections.ts';
import { ModuleError } from '../../../src/errors.ts';
import { leb } from './build.ts';
import type { Choices } from './random.ts';

type Mutation = (bytes: Uint8Array, choices: Choices, other: Uint8Array) => Uint8Array;

const within = (bytes: Uint8Array, choices: Choices) => choices.pick(Math.max(1, bytes.length));
const joined = (...parts: readonly (Uint8Array | readonly number[])[]) =>
  Uint8Array.from(Buffer.concat(parts.map(part => Uint8Array.from(part))));

/** A place somewhere near the start: most of what these modules are made of comes before the code. */
const early = (bytes: Uint8Array, choices: Choices) =>
  choices.pick(2) === 0 ? within(bytes, choices) : choices.pick(Math.min(bytes.length, 400) + 1);

function sections(bytes: Uint8Array): Uint8Array[] {
  try {
    let from = 8;
    return sectionsOf(bytes).map(({ end }) => {
      const part = bytes.subarray(from, end);
      from = end;
      return part;
    });
  } catch (error) {
    if (error instanceof ModuleError) return [];
    throw error;
  }
}

const BLIND: readonly Mutation[] = [
  // A bit is flipped.
  (bytes, c) => {
    const at = early(bytes, c);
    return at < bytes.length ? bytes.with(at, bytes[at]! ^ (1 << c.pick(8))) : bytes;
  },
  // A byte is replaced by one that means something.
  (bytes, c) => {
    const at = early(bytes, c);
    const some = [0, 1, 2, 3, 4, 0x0b, 0x40, 0x60, 0x7f, 0x80, 0xfb, 0xfc, 0xfd, 0xfe, 0xff, c.pick(256)];
    return at < bytes.length ? bytes.with(at, some[c.pick(some.length)]!) : bytes;
  },
  (bytes, c) => bytes.subarray(0, within(bytes, c)),
  // Bytes come in between, or go.
  (bytes, c) => {
    const at = early(bytes, c);
    const more = Array.from({ length: 1 + c.pick(6) }, () => c.pick(256));
    return joined(bytes.subarray(0, at), more, bytes.subarray(at));
  },
  (bytes, c) => {
    const at = early(bytes, c);
    return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + c.pick(4)));
  },
  // A number is written longer than it need be, or beyond its longest.
  (bytes, c) => {
    const at = early(bytes, c);
    if (at >= bytes.length) return bytes;
    const more = [...Array<number>(c.pick(10)).fill(0x80), c.pick(3) === 0 ? 0x7f : 0];
    return joined(bytes.subarray(0, at), [bytes[at]! | 0x80], more, bytes.subarray(at + 1));
  },
];

/** A section of another module comes instead of one, twice, or one goes. */
const spliceSections: Mutation = (bytes, c, other) => {
  const mine = sections(bytes);
  const theirs = sections(other);
  if (mine.length === 0 || theirs.length === 0) return bytes;
  const put = [theirs[c.pick(theirs.length)]!, mine[c.pick(mine.length)]!].slice(0, c.pick(3));
  mine.splice(c.pick(mine.length), c.pick(2), ...put);
  return joined(bytes.subarray(0, 8), ...mine);
};

/** Behind a length that is right again. */
const framed = (contents: Uint8Array) => joined(leb(contents.length), contents);

/** One function's body of a code section is changed. */
function changeBody(
  code: Uint8Array,
  mutate: (part: Uint8Array) => Uint8Array,
  choices: Choices,
): Uint8Array {
  const r = new Reader(code, 0);
  const count = r.u32();
  const chosen = choices.pick(Math.max(1, count));
  for (let i = 0; i < count; i++) {
    const before = r.at;
    const length = r.u32();
    const start = r.at;
    r.skip(length);
    if (i === chosen)
      return joined(
        code.subarray(0, before),
        framed(mutate(code.subarray(start, r.at))),
        code.subarray(r.at),
      );
  }
  return code;
}

/** One section's contents are changed, in the code one function's, and lengths put right: V8 reads all of it. */
const inSection: Mutation = (bytes, choices, other) => {
  const all = sections(bytes);
  if (all.length === 0) return bytes;
  const i = choices.pick(all.length);
  const section = all[i]!;
  const r = new Reader(section, 1);
  r.u32();
  const contents = section.subarray(r.at);
  const mutate = (part: Uint8Array) => BLIND[choices.pick(BLIND.length)]!(part, choices, other);
  const changed = section[0] === 10 ? changeBody(contents, mutate, choices) : mutate(contents);
  all[i] = joined([section[0]!], framed(changed));
  return joined(bytes.subarray(0, 8), ...all);
};

/** A few of the changes that break a module in ways of its own. */
export const mutate: Mutation = (bytes, choices, other) => {
  try {
    const kind = choices.pick(10);
    if (kind < 7) return inSection(bytes, choices, other);
    return kind < 9
      ? BLIND[choices.pick(BLIND.length)]!(bytes, choices, other)
      : spliceSections(bytes, choices, other);
  } catch (error) {
    // An earlier change left nothing to find a place in.
    if (error instanceof ModuleError) return bytes;
    throw error;
  }
};
