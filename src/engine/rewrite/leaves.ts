import { Reader } from '../binary.ts';
import { type Counts, functionIndex, skipImmediates } from './immediates.ts';
import * as op from './opcodes.ts';

/** A leaf, together with all it calls, is no longer than this: its callers count it, and it has no check of its own. */
export const LEAF = 256;
/** Costs of functions that are no leaf, or whose walk is not over: what calls itself is none. */
const NO_LEAF = 0xffff;
const UNKNOWN = 0;

const GROW = 0x40;
/** Atomic instructions up to this one wait or wake. */
const WAIT64 = 2;

/** A function whose walk has begun. */
interface Walk {
  readonly index: number;
  readonly r: Reader;
  /** Of its code, its locals (each is written at the entry), and the calls so far. */
  cost: number;
}

export interface LeafContext extends Counts {
  readonly importedFunctions: number;
}

/**
 * Finds the leaves among a module's own functions: no loop, only calls of leaves, nothing that takes long. Each short
 * function is walked once; one that meets a call of another waits until that has been walked.
 */
export class Leaves {
  readonly #bytes: Uint8Array;
  readonly #starts: ArrayLike<number>;
  readonly #lengths: ArrayLike<number>;
  readonly #context: LeafContext;
  readonly #costs: Uint16Array;

  /** @param starts where each body lies, and how long it is */
  constructor(
    bytes: Uint8Array,
    starts: ArrayLike<number>,
    lengths: ArrayLike<number>,
    context: LeafContext,
  ) {
    this.#bytes = bytes;
    this.#starts = starts;
    this.#lengths = lengths;
    this.#context = context;
    this.#costs = new Uint16Array(starts.length);
    const waiting: Walk[] = [];
    for (let i = 0; i < starts.length; i++) {
      for (let next = i; next >= 0; ) {
        if (this.#costs[next] === UNKNOWN) waiting.push(this.#begin(next));
        next = waiting.length > 0 ? this.#resume(waiting.at(-1)!) : -1;
        if (next < 0 && waiting.length > 0) {
          const { index, cost } = waiting.pop()!;
          if (cost <= LEAF) this.#costs[index] = cost;
          next = waiting.at(-1)?.index ?? -1;
        }
      }
    }
  }

  /** What a call of this function of the module's own costs its caller, in bytes of code; undefined: it is no leaf. */
  cost(index: number): number | undefined {
    const cost = this.#costs[index]!;
    return cost <= LEAF ? cost : undefined;
  }

  #begin(index: number): Walk {
    this.#costs[index] = NO_LEAF;
    const start = this.#starts[index]!;
    const length = this.#lengths[index]!;
    const r = new Reader(this.#bytes, start, start + length);
    const walk = { index, r, cost: length };
    if (length > LEAF) return walk;
    for (let groups = r.u32(); groups > 0; groups--) {
      walk.cost += r.u32();
      this.#context.types.value(r);
    }
    return walk;
  }

  /** Walks on, to a call of a function that is to be walked before, which it returns, or until the cost is known. */
  #resume(walk: Walk): number {
    const { r } = walk;
    while (walk.cost <= LEAF && r.at < r.end) {
      const at = r.at;
      const opcode = r.byte();
      const kind = op.PLAIN_OPCODES[opcode]!;
      if (kind === op.CALL) {
        const target = functionIndex(r, this.#context) - this.#context.importedFunctions;
        if (this.#costs[target] === UNKNOWN) {
          r.at = at;
          return target;
        }
        // Imported functions have no cost here.
        walk.cost += this.#costs[target] ?? NO_LEAF;
      } else if (!this.#passes(opcode, kind, r)) walk.cost = NO_LEAF;
    }
    return -1;
  }

  /** Passes an instruction; false when a leaf may not have it. */
  #passes(opcode: number, kind: number, r: Reader): boolean {
    if (kind === op.CONTROL) return this.#control(opcode, r);
    if (kind === op.BRANCH_IF) r.skipLeb(5);
    else if (kind === op.CALL_INDIRECT || kind === op.CALL_REF || opcode === GROW) return false;
    else if (kind !== 0) skipImmediates(r, kind, this.#context);
    else {
      if (opcode < op.GC || opcode > op.ATOMIC) return false;
      const sub = r.u32();
      const prefixed = op.prefixTable(opcode)[sub] ?? 0;
      // What copies, fills or is about to be refused; casts that branch are too rare to be read here.
      if (prefixed === 0 || prefixed > op.SELECT_TYPES) return false;
      if (opcode === op.ATOMIC && sub <= WAIT64) return false;
      skipImmediates(r, prefixed, this.#context);
    }
    return true;
  }

  #control(opcode: number, r: Reader): boolean {
    switch (opcode) {
      case 0x02: // block
      case 0x04: // if
        this.#context.types.block(r);
        return true;
      case 0x0e: // br_table
        for (let more = r.u32(); more >= 0; more--) r.skipLeb(5);
        return true;
      case 0x0c: // br
        r.skipLeb(5);
        return true;
      default:
        // unreachable, else, end, return: not a loop, nor what throws or catches.
        return opcode === 0x00 || opcode === 0x05 || opcode === 0x0b || opcode === 0x0f;
    }
  }
}
