/** Kinds of open blocks. */
export const BLOCK = 0;
export const LOOP = 1;
export const IF = 2;
export const TRY = 3;

/** Code bytes that may run without a check. */
const LONGEST = 16384;
/**
 * And after a call has come back: the callers of a deep recursion all run their rest one after the other, some
 * 20,000 of them, and only their own checks can end that.
 */
const AFTER_CALL = 128;

/**
 * How much code can have run since the last check, on the worst path to where the walker is. Positions are byte
 * offsets: code between two of them costs their difference; branches and merges are followed, not just the text.
 */
export class Paths {
  #kinds = new Uint8Array(64);
  /** Worst cost of the branches to each open block's end so far. */
  #ends = new Float64Array(64);
  /** Cost where each open `if` began. */
  #begins = new Float64Array(64);
  depth = 0;
  /** The position whose cost is 0. */
  #origin = 0;

  /** A function's body begins at `at`, just behind a check. */
  begin(at: number): void {
    this.depth = 0;
    this.#kinds[0] = BLOCK;
    this.#ends[0] = 0;
    this.#origin = at;
  }

  /** Behind a check, or where no path goes on: nothing has run since. */
  reset(at: number): void {
    this.#origin = at;
  }

  /** From this position on a check is due. */
  get due(): number {
    return this.#origin + LONGEST;
  }

  add(cost: number): void {
    this.#origin -= cost;
  }

  /** Behind a call of what begins with a check, and may have come back from far down: the next check is near. */
  afterCall(at: number): void {
    this.#origin = at - (LONGEST - AFTER_CALL);
  }

  /** The same when it may have been a leaf, without a check, of that cost. */
  afterAnyCall(at: number, leaf: number): void {
    this.#origin = Math.min(this.#origin - leaf, at - (LONGEST - AFTER_CALL));
  }

  /** Kind of the innermost open block. */
  get kind(): number {
    return this.#kinds[this.depth]!;
  }

  open(kind: number, at: number): void {
    const depth = ++this.depth;
    if (depth === this.#kinds.length) this.#grow();
    this.#kinds[depth] = kind;
    this.#ends[depth] = 0;
    this.#begins[depth] = at - this.#origin;
  }

  /** A branch at `at` to the end of the block `label` levels out; a loop has a check at its head. */
  branch(label: number, at: number): void {
    this.#arrive(this.depth - label, at - this.#origin);
  }

  /** The block's end can be reached by an exception, from anywhere: it begins with a check. */
  caught(label: number): void {
    this.#arrive(this.depth - label, LONGEST);
  }

  /** `else`: the arm before goes to the end, the new one begins where the `if` did. */
  alternative(at: number): void {
    this.#arrive(this.depth, at - this.#origin);
    this.#origin = at - this.#begins[this.depth]!;
    this.#kinds[this.depth] = BLOCK;
  }

  /** `catch`: the arm before goes to the end; a check follows. */
  handler(at: number): void {
    this.#arrive(this.depth, at - this.#origin);
  }

  close(at: number): void {
    const depth = this.depth--;
    let cost = Math.max(at - this.#origin, this.#ends[depth]!);
    if (this.#kinds[depth] === IF) cost = Math.max(cost, this.#begins[depth]!);
    this.#origin = at - cost;
  }

  #arrive(depth: number, cost: number): void {
    if (cost > this.#ends[depth]! && this.#kinds[depth] !== LOOP) this.#ends[depth] = cost;
  }

  #grow(): void {
    const size = this.#kinds.length * 2;
    const wider = <T extends Uint8Array | Float64Array>(made: T, old: T): T => {
      made.set(old);
      return made;
    };
    this.#kinds = wider(new Uint8Array(size), this.#kinds);
    this.#ends = wider(new Float64Array(size), this.#ends);
    this.#begins = wider(new Float64Array(size), this.#begins);
  }
}
