import type { CompiledComponent, Part } from '../component/compile.ts';
import type { PostedGlue } from '../component/glue.ts';
import type { CompiledModule } from '../engine/compile.ts';
import type { CompiledFilter } from './compile.ts';

/** A component without what can't be posted: its host, and loaded code. */
export interface PostedComponent extends Omit<CompiledComponent, 'parts'> {
  readonly parts: readonly (Omit<Part, 'glue'> & { readonly glue: PostedGlue })[];
}

/** What one thread compiled, on its way to another one: the same code, compiled once. */
export type PostedFilter = CompiledModule | PostedComponent;

export function posted(compiled: CompiledFilter): PostedFilter {
  if (!('host' in compiled)) return compiled;
  const { host: _, parts, ...rest } = compiled;
  return { ...rest, parts: parts.map(part => ({ ...part, glue: part.glue.posted() })) };
}

/** @throws ModuleError */
export async function received(filter: PostedFilter): Promise<CompiledFilter> {
  if (!('parts' in filter)) return filter;
  // Only now: whoever has modules alone pays nothing for components.
  const { COMPONENTS } = await import('./component-host.ts');
  return { ...COMPONENTS.receive(filter), host: COMPONENTS };
}
