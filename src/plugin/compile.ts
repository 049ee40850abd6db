import type { CompiledComponent } from '../component/compile.ts';
import type { Artefacts } from '../engine/artefacts.ts';
import type { Source } from '../engine/cache.ts';
import { type CompiledModule, compile } from '../engine/compile.ts';
import { identify } from '../engine/identify.ts';
import { ModuleError } from '../errors.ts';
import type { ComponentHost } from './component-host.ts';

/** A component, and what starts it. */
export interface CompiledComponentFilter extends CompiledComponent {
  readonly host: ComponentHost;
}

/** What filters are made of. */
export type CompiledFilter = CompiledModule | CompiledComponentFilter;

/** Makes a module or a component ready to be instantiated. @throws ModuleError */
export async function compileFilter(
  source: Source,
  artefacts: Artefacts | undefined,
): Promise<CompiledFilter> {
  const { bytes, hash, limits, plugs } = source;
  if (identify(bytes) === 'component') {
    // Only now: whoever has modules alone pays nothing for components.
    const { COMPONENTS } = await import('./component-host.ts');
    return { ...(await COMPONENTS.compile(source, artefacts)), host: COMPONENTS };
  }
  if (plugs.length > 0) {
    throw new ModuleError(
      'MODULE_UNSUPPORTED',
      'plugs are for components, and this is a core module: remove them',
    );
  }
  return compile(bytes, hash, limits, artefacts);
}
