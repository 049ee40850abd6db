import type { CompiledModule } from '../engine/compile.ts';
import { type Memories, makeMemories } from '../engine/instantiate.ts';
import type { Part } from './compile.ts';
import type { ComponentExports, ComponentImports } from './glue.ts';

/** Instantiates a core module: `imports` are those of the glue, `memories` those it has to import for its own. */
export type CoreInstance = (
  core: CompiledModule,
  imports: WebAssembly.Imports,
  memories: Memories,
) => WebAssembly.Exports;

/** As WebAssembly does it. */
export const plainCore: CoreInstance = ({ module }, imports, memories) =>
  new WebAssembly.Instance(module, { ...imports, ...memories.imports }).exports;

/**
 * Makes an instance of a component: memories as its limits say, imports as given. Guest code may run in here.
 * `memories`: what was made is added to it.
 * @throws ModuleError when there is no room for its memory, and whatever the guest does
 */
export function instantiatePart(
  part: Part,
  imports: ComponentImports,
  interrupt: WebAssembly.Memory,
  memories: Memories[],
  instantiate: CoreInstance = plainCore,
): ComponentExports {
  const core = (name: string): CompiledModule => part.cores.get(name)!;
  return part.glue.instantiate(core, imports, (module, given = {}) => {
    const made = makeMemories(module, interrupt);
    memories.push(made);
    return { exports: instantiate(module, given, made) };
  });
}
