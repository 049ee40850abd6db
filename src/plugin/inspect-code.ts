import { identify } from '../engine/identify.ts';
import { rewrite } from '../engine/rewrite/index.ts';
import { type CodeSize, codeSize } from '../engine/sections.ts';
import { ModuleError } from '../errors.ts';

/** The code of a module, or of all core modules of a component. */
export interface CodeReport extends CodeSize {
  /** Bytes of the code section with the checks that Weir puts into it; null when Weir doesn't run it. */
  readonly rewritten: number | null;
}

/** What it took to make it ready, once; components are transpiled before, which isn't in here. */
export interface LoadReport {
  readonly rewriteMillis: number;
  readonly compileMillis: number;
}

/** What making core modules ready has shown. */
export interface Prepared {
  readonly code: CodeReport;
  /** Null: Weir doesn't run it. */
  readonly load: LoadReport | null;
  /** Why Weir doesn't run it, whatever the configuration says; empty when it does. */
  readonly refusal: string;
}

/** As much as `limits` of a filter may say. */
const LIMITS_MAX = { memory: 4 * 1024 ** 3, tableElements: 1_000_000, functionSize: 8 * 1024 ** 2 };

/** Rewrites and compiles core modules, as Weir does when it loads them. @throws ModuleError MODULE_MALFORMED */
export async function prepare(modules: readonly Uint8Array[]): Promise<Prepared> {
  const code = codeOf(modules);
  const refused = (refusal: string): Prepared => ({
    code: { ...code, rewritten: null },
    load: null,
    refusal,
  });
  if (modules.some(module => !WebAssembly.validate(new Uint8Array(module))))
    return refused('it is not valid WebAssembly');
  let rewriteMillis = 0;
  let compileMillis = 0;
  let size = 0;
  try {
    for (const module of modules) {
      const start = performance.now();
      const { bytes } = rewrite(module, LIMITS_MAX);
      const between = performance.now();
      await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
      rewriteMillis += between - start;
      compileMillis += performance.now() - between;
      size += codeSize(bytes).size;
    }
  } catch (error) {
    if (error instanceof ModuleError) return refused(error.message);
    throw error;
  }
  return {
    code: { ...code, rewritten: size },
    load: { rewriteMillis: rounded(rewriteMillis), compileMillis: rounded(compileMillis) },
    refusal: '',
  };
}

/** To microseconds. */
export function rounded(millis: number): number {
  return Math.round(millis * 1000) / 1000;
}

/** The code of core modules, all together. @throws ModuleError MODULE_MALFORMED */
function codeOf(modules: readonly Uint8Array[]): CodeSize {
  const all = modules.map(codeSize);
  return {
    size: all.reduce((sum, each) => sum + each.size, 0),
    functions: all.reduce((sum, each) => sum + each.functions, 0),
    longest: Math.max(0, ...all.map(each => each.longest)),
  };
}

/** The code in files, modules or components, all together. @throws ModuleError */
export async function codeOfFiles(files: readonly Uint8Array[]): Promise<CodeSize> {
  const modules: Uint8Array[] = [];
  for (const bytes of files) {
    if (identify(bytes) === 'core') modules.push(bytes);
    else modules.push(...(await import('./inspect-component.ts')).coreModules(bytes));
  }
  return codeOf(modules);
}
