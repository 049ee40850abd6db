import type { CompiledModule } from './compile.ts';

const PAGE = 65_536;
/** Larger ones take longer to fill with zeros than they save. */
const INSTANCE_MAX = 1024 * 1024;
/** What may wait, in bytes, and how many. */
const BYTES_MAX = 4 * 1024 * 1024;
const COUNT_MAX = 16;

/**
 * Memories of instances of one module that have ended, for later ones: what V8 counts of them is what makes it collect
 * garbage (RATIONALE: "What does a new VM cost?"). A new instance can't tell: they have the size that they began with,
 * and are zeros from end to end, made so when they are handed out, after which nobody but that instance has them.
 */
export class SpareMemories {
  readonly #compiled: CompiledModule;
  readonly #most: number;
  readonly #spare: (readonly WebAssembly.Memory[])[] = [];

  constructor(compiled: CompiledModule) {
    this.#compiled = compiled;
    const { memories } = compiled.facts;
    const bytes = memories.reduce((sum, { initial }) => sum + initial * PAGE, 0);
    // Threads can wait on a shared memory; nobody has filters with 64-bit ones.
    const plain = memories.every(({ shared, address }) => !shared && address !== 'i64');
    this.#most = plain && bytes > 0 && bytes <= INSTANCE_MAX ? Math.min(COUNT_MAX, BYTES_MAX / bytes) : 0;
  }

  /** How many instances' memories wait. */
  get size(): number {
    return this.#spare.length;
  }

  /**
   * Takes the memories of an instance: of `compiled`, none of whose code runs or will ever run again. Those that have
   * grown are left to the garbage collector.
   */
  give(memories: readonly WebAssembly.Memory[]): void {
    if (this.#spare.length + 1 > this.#most || !this.#asNew(memories)) return;
    // Detaches the buffer: a view of it that somebody kept has a length of 0 from here on.
    for (const memory of memories) memory.grow(0);
    this.#spare.push(memories);
  }

  /** Memories as `compiled` asks for, all zeros; undefined when there are none. */
  take(): readonly WebAssembly.Memory[] | undefined {
    const memories = this.#spare.pop();
    if (memories === undefined || !this.#asNew(memories)) return undefined;
    for (const memory of memories) new Uint8Array(memory.buffer).fill(0);
    return memories;
  }

  /** They have the sizes that instances begin with. */
  #asNew(memories: readonly WebAssembly.Memory[]): boolean {
    const wanted = this.#compiled.facts.memories;
    return (
      memories.length === wanted.length &&
      memories.every((memory, i) => memory.buffer.byteLength === wanted[i]!.initial * PAGE)
    );
  }
}
