import {
  ENGINE_MODULE,
  INTERRUPT_IMPORT,
  type Rewritten,
  rewrite,
} from '../../../src/engine/rewrite/index.ts';

export const LIMITS = { memory: 2 ** 28, tableElements: 65536, functionSize: 8 * 1024 * 1024 };

/** The interruption flag's memory. */
export const flagMemory = () => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });

export function raise(flag: WebAssembly.Memory): void {
  Atomics.store(new Int32Array(flag.buffer), 0, 1);
}

/** The memories that a rewritten module imports. */
export function engineImports({ facts }: Rewritten, flag: WebAssembly.Memory): WebAssembly.ModuleImports {
  const imports: WebAssembly.ModuleImports = { [INTERRUPT_IMPORT]: flag };
  for (const { name, initial, maximum, shared, address } of facts.memories) {
    const size = (pages: number) => (address === 'i64' ? BigInt(pages) : pages);
    const type = { initial: size(initial), maximum: size(maximum), shared, address };
    imports[name] = new WebAssembly.Memory(type as WebAssembly.MemoryDescriptor);
  }
  return imports;
}

export interface Guest {
  readonly exports: Record<string, unknown>;
  readonly flag: WebAssembly.Memory;
  readonly rewritten: Rewritten;
  call(name: string, ...args: unknown[]): unknown;
}

/** Rewrites and instantiates a module. */
export function guest(
  bytes: Uint8Array,
  imports: WebAssembly.Imports = {},
  limits = LIMITS,
  flag = flagMemory(),
): Guest {
  const rewritten = rewrite(bytes, limits);
  const module = new WebAssembly.Module(rewritten.bytes as Uint8Array<ArrayBuffer>);
  const all = { ...imports, [ENGINE_MODULE]: engineImports(rewritten, flag) };
  const { exports } = new WebAssembly.Instance(module, all);
  const call = (name: string, ...args: unknown[]) =>
    (exports[name] as (...args: unknown[]) => unknown)(...args);
  return { exports, flag, rewritten, call };
}
