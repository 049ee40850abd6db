import type { CompiledModule } from '../engine/compile.ts';
import { type Memories, makeMemories } from '../engine/instantiate.ts';
import { ModuleError } from '../errors.ts';
import type { Part } from './compile.ts';
import type { ComponentExports, ComponentImports } from './glue.ts';
import { INSTANCES_MAX, tooManyInstances } from './wit-scope.ts';

/** Instantiates a core module: `imports` are those of the glue, `memories` those it has to import for its own. */
export type CoreInstance = (
  core: CompiledModule,
  imports: WebAssembly.Imports,
  memories: Memories,
) => WebAssembly.Exports;

/**
 * Makes an instance of a composition: memories as limits say, imports as given, and what parts have for each other.
 * Guest code may run in here. `memories`: what was made is added to it.
 * @returns the exports of the last part
 * @throws ModuleError when there is no room for its memory, and whatever the guest does
 */
export function instantiateParts(
  parts: readonly Part[],
  host: ComponentImports,
  interrupt: WebAssembly.Memory,
  memories: Memories[],
  instantiate: CoreInstance,
): ComponentExports {
  const made: ComponentExports[] = [];
  const instances = new Instances();
  for (const part of parts) {
    const core = (name: string): CompiledModule => part.cores.get(name)!;
    const exports = part.glue.instantiate(core, importsOf(part, host, made), (module, given = {}) => {
      instances.add(module, part.single.has(module));
      const own = makeMemories(module, interrupt);
      memories.push(own);
      return { exports: instantiate(module, given, own) };
    });
    made.push(exports);
  }
  return made.at(-1)!;
}

/** What limits are counted by: a core module's share of memory and table elements is for one instance. */
class Instances {
  readonly #single = new Set<CompiledModule>();
  #count = 0;

  /** `single`: it has memories or tables of its own. @throws ModuleError MODULE_LIMIT */
  add(module: CompiledModule, single: boolean): void {
    if (++this.#count > INSTANCES_MAX) throw tooManyInstances();
    if (!single) return;
    if (this.#single.has(module)) {
      throw new ModuleError(
        'MODULE_LIMIT',
        'the component has several instances of a core module with a memory or table, which limits count once',
      );
    }
    this.#single.add(module);
  }
}

function importsOf(
  { links }: Part,
  host: ComponentImports,
  made: readonly ComponentExports[],
): ComponentImports {
  if (links.length === 0) return host;
  const imports: Record<string, ComponentImports[string]> = { ...host };
  for (const link of links) imports[link.import] = made[link.part]![link.export] as ComponentImports[string];
  return imports;
}
