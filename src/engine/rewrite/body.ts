import { lebEnd, Reader } from '../binary.ts';
import { malformed, overLimit } from './faults.ts';
import type { Helpers } from './helpers.ts';
import {
  type Counts,
  functionIndex,
  memoryIndex,
  refuseAllocation,
  refuseUnknown,
  skipImmediates,
} from './immediates.ts';
import { LEAF, type Leaves } from './leaves.ts';
import * as op from './opcodes.ts';
import { BLOCK, IF, LOOP, Paths, TRY } from './paths.ts';
import { lebLength, type Writer } from './writer.ts';

/** A copy or fill that is done without a check costs its caller as much as this many bytes of code. */
const SHORT_BULK = 256;
/** V8's limit. */
const LONGEST_BODY = 7_654_321;
/** memory.grow */
const GROW = 0x40;
/** `drop; i64.const 0`: in place of the time to wait. */
const NO_WAIT = Uint8Array.of(0x1a, 0x42, 0);

export interface CodeContext extends Counts {
  readonly importedFunctions: number;
  /** Whether a call through a table or reference may reach a function of the host. */
  readonly hostReferences: boolean;
  readonly leaves: Leaves;
  readonly helpers: Helpers;
  /** The interruption check's instructions. */
  readonly check: Uint8Array;
}

/** Copies function bodies to the output, with interruption checks spliced in. */
export class Bodies {
  readonly #bytes: Uint8Array;
  readonly #out: Writer;
  readonly #context: CodeContext;
  readonly #paths = new Paths();
  /** Whether any function can catch exceptions. */
  catches = false;
  /** The function that is being copied: its index, and how far it was copied. */
  #index = 0;
  #from = 0;
  /** Where the last check was put. */
  #checked = -1;

  constructor(bytes: Uint8Array, out: Writer, context: CodeContext) {
    this.#bytes = bytes;
    this.#out = out;
    this.#context = context;
  }

  /** The body of one of the module's own functions, which lies from `start` to `end`; written with its length. */
  copy(own: number, start: number, end: number): void {
    const out = this.#out;
    const header = out.at;
    const width = lebLength(end - start);
    out.room(width);
    out.at += width;
    const index = this.#context.importedFunctions + own;
    this.#index = index;
    this.#from = start;
    const r = new Reader(this.#bytes, start, end);
    for (let groups = r.u32(); groups > 0; groups--) {
      r.skipLeb(5);
      this.#context.types.value(r);
    }
    this.#checked = -1;
    this.#paths.begin(r.at);
    if (this.#context.leaves.cost(own) === undefined) this.#check(r.at);
    this.#walk(r);
    if (r.at !== end) throw malformed(`function ${index} goes on after its end`);
    out.part(this.#bytes, this.#from, end);
    this.#writeLength(header, width);
  }

  #writeLength(header: number, width: number): void {
    const out = this.#out;
    const length = out.at - header - width;
    if (length > LONGEST_BODY)
      throw overLimit(
        `function ${this.#index} is ${length} bytes long with its checks, V8 takes ${LONGEST_BODY}`,
      );
    const needed = Math.max(width, lebLength(length));
    if (needed > width) {
      out.room(needed - width);
      out.bytes.copyWithin(header + needed, header + width, out.at);
    }
    out.at = header;
    out.leb(length, needed);
    out.at += length;
  }

  /** Copies up to `at`; what is written next replaces the input up to `next`. */
  #splice(at: number, next: number): void {
    this.#out.part(this.#bytes, this.#from, at);
    this.#from = next;
  }

  #check(at: number): void {
    this.#paths.reset(at);
    if (this.#checked === at) return;
    this.#splice(at, at);
    this.#out.all(this.#context.check);
    this.#checked = at;
  }

  /** Most instructions are passed here, without a call; the others move `r`. */
  #walk(r: Reader): void {
    const { bytes, end } = r;
    const paths = this.#paths;
    const kinds = op.PLAIN_OPCODES;
    const someMemory = this.#context.memories > 0;
    let at = r.at;
    for (;;) {
      if (at >= paths.due) this.#check(at);
      if (at >= end) throw malformed(`function ${this.#index} has no end`);
      const kind = kinds[bytes[at]!]!;
      if (kind === op.NONE) at++;
      else if (kind === op.INDEX || kind === op.S32) at = lebEnd(bytes, at + 1, 5);
      else if (kind === op.MEMARG && bytes[at + 1]! < 0x40 && someMemory) at = lebEnd(bytes, at + 2, 10);
      else {
        r.at = at + 1;
        if (this.#step(bytes[at]!, kind, at, r)) return;
        at = r.at;
      }
    }
  }

  /** An instruction whose opcode was read; true at the function's end. */
  #step(opcode: number, kind: number, at: number, r: Reader): boolean {
    if (kind === op.CONTROL) return this.#control(opcode, at, r);
    if (kind === op.BRANCH_IF) this.#paths.branch(this.#label(r), at);
    else if (kind >= op.CALL && kind <= op.CALL_REF) this.#call(kind, opcode, at, r);
    else if (kind !== 0) {
      if (opcode === GROW) {
        this.#help(this.#context.helpers.grow(memoryIndex(r, this.#context)), at, r.at);
        // It begins with a check.
        this.#paths.reset(r.at);
      } else skipImmediates(r, kind, this.#context);
    } else if (opcode >= op.GC && opcode <= op.ATOMIC) this.#prefixed(opcode, at, r);
    else refuseUnknown(opcode, -1, `function ${this.#index}`);
    return false;
  }

  #prefixed(prefix: number, at: number, r: Reader): void {
    const sub = r.u32();
    const kind = op.prefixTable(prefix)[sub] ?? 0;
    if (kind === 0) refuseUnknown(prefix, sub, `function ${this.#index}`);
    if (kind === op.ALLOCATION) refuseAllocation(sub, `function ${this.#index}`);
    if (kind === op.BRANCH_CAST) {
      r.byte();
      this.#paths.branch(this.#label(r), at);
      this.#context.types.heap(r);
      this.#context.types.heap(r);
    } else if (kind === op.MEMORY2) {
      const to = memoryIndex(r, this.#context);
      this.#help(this.#context.helpers.copy(to, memoryIndex(r, this.#context)), at, r.at);
      this.#paths.add(SHORT_BULK);
    } else if (kind === op.MEMORY) {
      this.#help(this.#context.helpers.fill(memoryIndex(r, this.#context)), at, r.at);
      this.#paths.add(SHORT_BULK);
    } else {
      if (kind === op.DATA_MEMORY || kind === op.BULK_INDEX || kind === op.BULK_INDEX2) this.#check(at);
      skipImmediates(r, kind, this.#context);
      if (prefix === op.ATOMIC && (sub === 1 || sub === 2)) {
        this.#splice(at, at);
        this.#out.all(NO_WAIT);
      }
    }
  }

  /** A call of a helper in place of the instruction between these positions. */
  #help(helper: number, at: number, next: number): void {
    this.#splice(at, next);
    this.#out.byte(0x10);
    this.#out.leb(helper);
  }

  #call(kind: number, opcode: number, at: number, r: Reader): void {
    const { importedFunctions, hostReferences, leaves, types } = this.#context;
    let leaf: number | undefined;
    let host = hostReferences;
    if (kind === op.CALL) {
      const target = functionIndex(r, this.#context);
      host = target < importedFunctions;
      if (!host) leaf = leaves.cost(target - importedFunctions);
    } else {
      types.index(r);
      if (kind === op.CALL_INDIRECT) r.skipLeb(5);
    }
    if (host) this.#check(at);
    if (opcode === 0x12 || opcode === 0x13 || opcode === 0x15) {
      // A leaf goes on from here, and back to the caller, without a check.
      if (at + (leaf ?? LEAF) >= this.#paths.due) this.#check(at);
      this.#paths.reset(r.at);
    } else if (leaf !== undefined) this.#paths.add(leaf);
    else if (kind !== op.CALL) this.#paths.afterAnyCall(r.at, LEAF);
    else if (!host) this.#paths.afterCall(r.at);
  }

  #label(r: Reader): number {
    const label = r.u32();
    if (label > this.#paths.depth)
      throw malformed(`function ${this.#index} branches out of more blocks than there are`);
    return label;
  }

  /** Blocks and what leaves them; true at the function's end. */
  #control(opcode: number, at: number, r: Reader): boolean {
    const paths = this.#paths;
    switch (opcode) {
      case 0x02: // block
      case 0x04: // if
        this.#context.types.block(r);
        paths.open(opcode === 0x02 ? BLOCK : IF, r.at);
        return false;
      case 0x03: // loop
        this.#context.types.block(r);
        paths.open(LOOP, r.at);
        this.#check(r.at);
        return false;
      case 0x0b: // end
        if (paths.depth === 0) return true;
        paths.close(r.at);
        return false;
      case 0x0c: // br
        paths.branch(this.#label(r), at);
        break;
      case 0x0e: // br_table: as many labels as it says, and one more
        for (let more = r.u32(); more >= 0; more--) paths.branch(this.#label(r), at);
        break;
      case 0x05: // else
        if (paths.kind !== IF) throw malformed(`function ${this.#index} has an else without an if`);
        paths.alternative(r.at);
        return false;
      case 0x00: // unreachable
      case 0x0f: // return
      case 0x0a: // throw_ref
        break;
      case 0x08: // throw
        r.skipLeb(5);
        break;
      case 0x09: // rethrow
        this.#label(r);
        break;
      default:
        this.#exceptions(opcode, at, r);
        return false;
    }
    // No path goes on from here.
    paths.reset(r.at);
    return false;
  }

  /** try, catch, catch_all, delegate, try_table */
  #exceptions(opcode: number, at: number, r: Reader): void {
    const paths = this.#paths;
    this.catches = true;
    if (opcode === 0x06) {
      this.#context.types.block(r);
      paths.open(TRY, r.at);
    } else if (opcode === 0x1f) {
      this.#context.types.block(r);
      for (let n = r.u32(); n > 0; n--) {
        const form = r.byte();
        if (form > 3) throw malformed(`function ${this.#index} has an unknown kind of catch`);
        if (form < 2) r.skipLeb(5);
        paths.caught(this.#label(r));
      }
      paths.open(BLOCK, r.at);
    } else {
      if (paths.kind !== TRY) throw malformed(`function ${this.#index} has a handler without a try`);
      if (opcode === 0x18) {
        paths.close(r.at);
        this.#label(r);
        return;
      }
      if (opcode === 0x07) r.skipLeb(5);
      paths.handler(at);
      this.#check(r.at);
    }
  }
}
