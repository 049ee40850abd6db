import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ENGINE_MODULE, rewrite } from '../../../src/engine/rewrite/index.ts';
import { body, build, exportOf, FUNCREF, func, I32, sleb } from './build.ts';
import { type Choices, choicesFrom } from './random.ts';
import { engineImports, flagMemory, LIMITS } from './run.ts';

/** What the rewriter allows between two checks, and the longest piece of code here. */
const LONGEST = 16384;
const PIECE = 5000;
const [MARK, LEAF, PAIR, LONG, RUN] = [0, 1, 2, 3, 4];
const [COUNTER, WORST, RANDOM] = [0, 1, 2];

/** As many bytes of code as it adds to the counter. */
function piece(length: number): number[] {
  const count = [0x23, COUNTER, 0x41, ...sleb(length), 0x6a, 0x24, COUNTER];
  return [...count, ...Array<number>(length - count.length).fill(0x01)];
}

/** A fill of nothing, counted as the fill of 4 KiB that it might be. */
const FILL = [0x23, COUNTER, 0x41, ...sleb(256), 0x6a, 0x24, COUNTER, 0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0];

/** What takes its time without being much code; in the table are a leaf and a function with its own check. */
const CALLED = [[0x10, LEAF], [0x10, PAIR], [0x10, LONG], [0x41, 0, 0x11, 0, 0], [0x41, 1, 0x11, 0, 0], FILL];

/** A bit that is another one each time. */
const BIT = [
  0x23,
  RANDOM,
  0x41,
  ...sleb(1664525),
  0x6c,
  0x41,
  ...sleb(1013904223),
  0x6a,
  0x24,
  RANDOM,
].concat([...[0x23, RANDOM, 0x41, 20, 0x76, 0x41, 1, 0x71]]);

class Maze {
  readonly #c: Choices;
  readonly #legacy: boolean;
  #depth = 0;

  constructor(choices: Choices) {
    this.#c = choices;
    this.#legacy = choices.pick(2) === 0;
  }

  code(budget: number): number[] {
    return Array.from({ length: 1 + this.#c.pick(4) }, () => this.#part(budget)).flat();
  }

  #inside(budget: number, labels = 1): number[] {
    this.#depth += labels;
    const out = this.code(budget - 1);
    this.#depth -= labels;
    return out;
  }

  #part(budget: number): number[] {
    const choice = this.#c.pick(budget > 0 ? 12 : 6);
    if (choice < 2) return piece(500 + this.#c.pick(PIECE - 500));
    if (choice < 4) {
      const short = CALLED[this.#c.pick(CALLED.length)]!;
      return Array<number[]>(1 + this.#c.pick(20))
        .fill(short)
        .flat();
    }
    if (choice === 4) return [...BIT, 0x0d, this.#c.pick(this.#depth + 1)];
    if (choice === 5) {
      const label = () => this.#c.pick(this.#depth + 1);
      return [...BIT, 0x04, 0x40, ...BIT, 0x0e, 1, 1 + label(), 1 + label(), 0x0b];
    }
    if (choice < 8) return [0x02, 0x40, ...this.#inside(budget), 0x0b];
    if (choice === 8) return [...BIT, 0x04, 0x40, ...this.#inside(budget), 0x0b];
    if (choice === 9)
      return [...BIT, 0x04, 0x40, ...this.#inside(budget), 0x05, ...this.#inside(budget), 0x0b];
    const thrown = [...BIT, 0x04, 0x40, 0x08, 0, 0x0b];
    if (!this.#legacy)
      return [0x02, 0x40, 0x1f, 0x40, 1, 2, 0, ...this.#inside(budget, 2), ...thrown, 0x0b, 0x0b];
    return [0x06, 0x40, ...this.#inside(budget), ...thrown, 0x19, ...this.#inside(budget), 0x0b];
  }
}

/** `run(seed)` goes through the maze by the seed's bits; in `worst` is how much ran between two calls of mark. */
const moduleOf = (choices: Choices) =>
  build({
    types: [func([], []), func([I32], [])],
    functions: [0, 0, 0, 0, 1],
    tables: [[FUNCREF, 0, 2]],
    memories: [[0, 1]],
    tags: [[0, 0]],
    globals: Array.from({ length: 3 }, () => [I32, 1, 0x41, 0, 0x0b]),
    exports: [exportOf('run', 0, RUN), exportOf('worst', 3, WORST)],
    elements: [[0, 0x41, 0, 0x0b, 2, LEAF, LONG]],
    code: [
      // A leaf, so that it gets no check itself: worst = max(worst, counter); counter = 0.
      body([
        ...[0x23, COUNTER, 0x23, WORST, 0x4a, 0x04, 0x40, 0x23, COUNTER, 0x24, WORST, 0x0b],
        ...[0x41, 0, 0x24, COUNTER],
      ]),
      body(piece(200)),
      // A leaf that calls a leaf.
      body([...piece(40), 0x10, LEAF]),
      body(piece(PIECE)),
      // Back from a branch to the end of it all: a maze within a block, and then the last mark.
      body([0x20, 0, 0x24, RANDOM, 0x02, 0x40, ...new Maze(choices).code(5), 0x0b, 0x10, MARK]),
    ],
  });

const CHECK = Buffer.from([0x41, 0, 0xfe, 0x12, 0x40, 1, 0, 4, 0x40, 0, 0x0b]);
const MARKED = [0x10, MARK, ...Array<number>(CHECK.length - 2).fill(0x01)];

test('on no path does more code run without a check than is allowed', () => {
  let most = 0;
  const entropy = fc.uint8Array({ minLength: 50, maxLength: 400, size: 'max' });
  fc.assert(
    fc.property(entropy, bytes => {
      const rewritten = rewrite(moduleOf(choicesFrom(bytes)), LIMITS);
      const code = Buffer.from(rewritten.bytes);
      // Checks become marks: of the same length, so nothing else has to change.
      for (let at = code.indexOf(CHECK); at >= 0; at = code.indexOf(CHECK, at)) code.set(MARKED, at);
      const module = new WebAssembly.Module(code);
      const imports = { [ENGINE_MODULE]: engineImports(rewritten, flagMemory()) };
      const { run, worst } = new WebAssembly.Instance(module, imports).exports;
      for (let seed = 0; seed < 40; seed++) (run as (seed: number) => void)(Math.imul(seed, 0x9e3779b1));
      const ran = (worst as WebAssembly.Global).value as number;
      most = Math.max(most, ran);
      // A piece is counted where it begins, and may have its check in the middle.
      assert.ok(ran <= LONGEST + PIECE, `${ran} bytes of code ran without a check`);
    }),
    { numRuns: Number(process.env['WEIR_PROPERTY_RUNS'] ?? 100), endOnFailure: true },
  );
  assert.ok(most > LONGEST / 2, `at most ${most} bytes ran: the mazes are too small to show anything`);
});
