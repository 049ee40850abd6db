import { ModuleError } from '../errors.ts';
import type { CompiledModule } from './compile.ts';
import { ENGINE_MODULE, INTERRUPT_IMPORT, REFUSED_AT } from './rewrite/names.ts';
import type { SpareMemories } from './spare-memories.ts';

/** The memories that the host made for an instance. */
export interface Memories {
  /** Those the module defines, in order. */
  readonly own: readonly WebAssembly.Memory[];
  /** What each of them may grow to, in pages. */
  readonly maxima: readonly number[];
  /** For `WebAssembly.Instance`, beside what the module itself imports. */
  readonly imports: Readonly<Record<string, WebAssembly.ModuleImports>>;
}

/**
 * Makes the memories that a rewritten module imports in place of its own, zeroed, and adds the interruption flag.
 * `spare`: of instances that ended, where there are any.
 * @throws ModuleError MODULE_LIMIT when the system has no room for them
 */
export function makeMemories(
  compiled: CompiledModule,
  interrupt: WebAssembly.Memory,
  spare?: SpareMemories,
): Memories {
  const { memories } = compiled.facts;
  const own = spare?.take() ?? newMemories(compiled);
  const imports: Record<string, WebAssembly.Memory> = { [INTERRUPT_IMPORT]: interrupt };
  memories.forEach(({ name }, i) => {
    imports[name] = own[i]!;
  });
  return { own, maxima: memories.map(memory => memory.maximum), imports: { [ENGINE_MODULE]: imports } };
}

/** @throws ModuleError MODULE_LIMIT */
function newMemories({ facts }: CompiledModule): WebAssembly.Memory[] {
  return facts.memories.map(({ initial, maximum, shared, address }) => {
    const big = address === 'i64';
    const descriptor = {
      initial: big ? BigInt(initial) : initial,
      maximum: big ? BigInt(maximum) : maximum,
      shared,
      address,
    };
    try {
      // The types know no 64-bit memories yet.
      return new WebAssembly.Memory(descriptor as WebAssembly.MemoryDescriptor);
    } catch (error) {
      throw new ModuleError('MODULE_LIMIT', `no room for ${initial} pages of memory: ${String(error)}`, {
        cause: error,
      });
    }
  });
}

/** How often memory.grow failed in rewritten modules of this thread. */
export class RefusedGrowths {
  readonly #words: Int32Array;

  constructor(interrupt: WebAssembly.Memory) {
    this.#words = new Int32Array(interrupt.buffer, REFUSED_AT, 1);
  }

  /** Since the last call. */
  take(): number {
    const count = this.#words[0]!;
    if (count !== 0) this.#words[0] = 0;
    return count >>> 0;
  }
}
