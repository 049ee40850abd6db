import type { Reader } from '../binary.ts';
import { malformed, overLimit, unsupported } from './faults.ts';
import { type Counts, functionIndex, memoryIndex, skipConstant } from './immediates.ts';
import { isWide, type Range, readMemory, readRange } from './limits.ts';
import { ENGINE_MODULE } from './names.ts';
import { EXNREF, NULL_EXNREF, Types } from './types.ts';

const MAX_GLOBALS = 10_000;
const TABLE_WITH_VALUE = 0x40;
/** Value types from here to 0x7f are numbers and vectors; all others are references. */
const FIRST_NUMBER = 0x7b;
const LAST_NUMBER = 0x7f;

/** Where something lies in the input. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A table the module defines: its type, its limits, and how it is filled at first (a constant expression). */
export interface Table {
  readonly type: Span;
  readonly range: Range;
  readonly fill: Span | null;
}

/** What all sections but the code say. */
export class Shape implements Counts {
  readonly types = new Types();
  functions = 0;
  importedFunctions = 0;
  memories = 0;
  /** For every memory, whether its addresses have 64 bits. */
  readonly wide: boolean[] = [];
  readonly ownMemories: Range[] = [];
  readonly ownTables: Table[] = [];
  /** Number of imports, and the bytes behind that number. */
  imports = 0;
  importBytes: Span = { start: 0, end: 0 };
  /** Number of functions the module defines, and the bytes behind that number. */
  ownFunctions = 0;
  functionBytes: Span = { start: 0, end: 0 };
  /** Whether a function of the host can be called through a table or reference. */
  hostReferences = false;
  /** Type index of each function. */
  readonly #typeOf: number[] = [];
  /** Signatures of the exported functions, by name. */
  readonly exported = new Map<string, string>();
  #globals = 0;

  /** Signatures of the imported functions, in order. */
  get imported(): string[] {
    return this.#typeOf.slice(0, this.importedFunctions).map(type => this.types.signatures[type]!);
  }

  readonly reference = (index: number) => {
    if (index < this.importedFunctions) this.hostReferences = true;
  };

  /** Any section but the code. */
  section(id: number, r: Reader): void {
    if (id === 1) this.types.read(r);
    else if (id === 2) this.#imports(r);
    else if (id === 3) this.#functions(r);
    else if (id === 4) this.#tables(r);
    else if (id === 5) this.#memories(r);
    else if (id === 6) this.#globalsOf(r);
    else if (id === 7) this.#exports(r);
    else if (id === 8) functionIndex(r, this);
    else if (id === 9) this.#elements(r);
    else if (id === 11) this.#data(r);
    else if (id === 12) r.u32();
    else for (let n = r.u32(); n > 0; n--) this.types.tag(r);
  }

  #imports(r: Reader): void {
    this.imports = r.u32();
    const start = r.at;
    for (let n = this.imports; n > 0; n--) {
      const module = r.text();
      const name = r.text();
      if (module === ENGINE_MODULE)
        throw unsupported(`imports ${module} ${name}: that module name is the engine's own`);
      this.#import(r, `${module} ${name}`);
    }
    this.importBytes = { start, end: r.at };
  }

  #import(r: Reader, name: string): void {
    const kind = r.byte();
    if (kind === 0) {
      this.#typeOf.push(this.types.index(r));
      this.importedFunctions = ++this.functions;
    } else if (kind === 1) {
      this.#tableType(r);
      readRange(r, `the imported table ${name}`, 2 ** 32);
      this.hostReferences = true;
    } else if (kind === 2) {
      this.wide.push(isWide(readMemory(r, this.memories++)));
    } else if (kind === 3) {
      // A global may hold a reference to a function of the host.
      const type = this.types.value(r);
      if (type < FIRST_NUMBER || type > LAST_NUMBER) this.hostReferences = true;
      r.byte();
      this.#countGlobals(1);
    } else if (kind === 4) this.types.tag(r);
    else throw malformed(`the import ${name} is of an unknown kind`);
  }

  #functions(r: Reader): void {
    this.ownFunctions = r.u32();
    const start = r.at;
    for (let n = this.ownFunctions; n > 0; n--) this.#typeOf.push(this.types.index(r));
    this.functionBytes = { start, end: r.at };
    this.functions += this.ownFunctions;
  }

  #tables(r: Reader): void {
    for (let n = r.u32(); n > 0; n--) {
      const filled = r.bytes[r.at] === TABLE_WITH_VALUE;
      if (filled) {
        r.byte();
        if (r.byte() !== 0) throw malformed('a table has an unknown form');
      }
      const type = { start: r.at, end: r.at };
      this.#tableType(r);
      type.end = r.at;
      const range = readRange(r, `table ${this.ownTables.length}`, 2 ** 32);
      const start = r.at;
      if (filled) skipConstant(r, this, this.reference);
      this.ownTables.push({ type, range, fill: filled ? { start, end: r.at } : null });
    }
  }

  #tableType(r: Reader): void {
    const type = this.types.value(r);
    // Each entry would hold an exception, with all that it carries.
    if (type === EXNREF || type === NULL_EXNREF)
      throw unsupported(
        'has a table of exception references: what exceptions hold can only be limited on the stack',
      );
  }

  #memories(r: Reader): void {
    for (let n = r.u32(); n > 0; n--) {
      const range = readMemory(r, this.memories++);
      this.ownMemories.push(range);
      this.wide.push(isWide(range));
    }
  }

  #globalsOf(r: Reader): void {
    const count = r.u32();
    this.#countGlobals(count);
    for (let n = count; n > 0; n--) {
      this.types.value(r);
      r.byte();
      skipConstant(r, this, this.reference);
    }
  }

  #countGlobals(more: number): void {
    this.#globals += more;
    if (this.#globals > MAX_GLOBALS)
      throw overLimit(`has ${this.#globals} globals, Weir takes up to ${MAX_GLOBALS}`);
  }

  #exports(r: Reader): void {
    for (let n = r.u32(); n > 0; n--) {
      const name = r.text();
      const kind = r.byte();
      if (kind === 0) {
        const index = functionIndex(r, this);
        // An exported function can also be meant by ref.func.
        this.reference(index);
        this.exported.set(name, this.types.signatures[this.#typeOf[index]!]!);
      } else if (kind === 2) memoryIndex(r, this);
      else r.skipLeb(5);
    }
  }

  /** Element segments: bit 0 not active, bit 1 a table (or declared only), bit 2 expressions. */
  #elements(r: Reader): void {
    for (let n = r.u32(); n > 0; n--) {
      const flags = r.u32();
      if (flags > 7) throw unsupported(`an element segment has the flags ${flags}`);
      if ((flags & 1) === 0) {
        if (flags & 2) r.skipLeb(5);
        skipConstant(r, this, this.reference);
      }
      const expressions = (flags & 4) !== 0;
      if ((flags & 3) !== 0) {
        if (expressions) this.types.value(r);
        else if (r.byte() !== 0) throw unsupported('an element segment is of an unknown kind');
      }
      for (let items = r.u32(); items > 0; items--) {
        if (expressions) skipConstant(r, this, this.reference);
        else this.reference(functionIndex(r, this));
      }
    }
  }

  #data(r: Reader): void {
    for (let n = r.u32(); n > 0; n--) {
      const flags = r.u32();
      if (flags > 2) throw unsupported(`a data segment has the flags ${flags}`);
      if (flags === 2) memoryIndex(r, this);
      else if (flags === 0 && this.memories === 0) throw malformed('there is no memory 0');
      if (flags !== 1) skipConstant(r, this, this.reference);
      r.skip(r.u32());
    }
  }
}
