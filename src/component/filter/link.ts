import type { CompiledModule } from '../../engine/compile.ts';
import type { Part } from '../compile.ts';
import { CALL_TYPES, CALLBACK_TYPES, EVENT_TYPES, REALLOC_TYPE } from './signatures.ts';
import { PACKAGE } from './types.ts';

/** Before the name of a function: what is called with its result, when that was taken. */
const POST = 'cabi_post_';

/**
 * The one core module of a component that is the filter, when its imports and exports may go straight to the host, past
 * jco's glue; undefined when something may stand between (a composition), or anything is not as tools make it.
 * `exported`: the interface it exports, with its version; `events`: those beside it. `imported`: those of the component,
 * with theirs.
 */
export function filterCore(
  part: Part,
  exported: string,
  events: readonly string[],
  imported: readonly string[],
): CompiledModule | undefined {
  const cores = [...part.cores.values()].filter(core => usesWorld(core));
  const [core] = cores;
  if (core === undefined || cores.length > 1) return undefined;
  const types = core.facts.exports;
  const exports = WebAssembly.Module.exports(core.module);
  const hasMemory = exports.some(({ kind, name }) => kind === 'memory' && name === 'memory');
  if (!hasMemory || types['cabi_realloc'] !== REALLOC_TYPE) return undefined;
  for (const { name, kind } of exports) {
    const isPost = name.startsWith(POST);
    const id = isPost ? name.slice(POST.length) : name;
    if (!id.startsWith(PACKAGE)) continue;
    const [from, item = ''] = id.split('#');
    if (kind !== 'function' || from === undefined) return undefined;
    if (from !== exported && !events.includes(from)) return undefined;
    const callbacks = from === exported ? CALLBACK_TYPES : EVENT_TYPES[interfaceOf(from)]!;
    const called = Object.hasOwn(callbacks, item) ? callbacks[item] : undefined;
    const wanted = isPost && called !== undefined ? `${called.split(':')[1]}:` : called;
    if (wanted !== undefined && wanted !== types[name]) return undefined;
  }
  let index = 0;
  for (const { module, name, kind } of WebAssembly.Module.imports(core.module)) {
    if (kind !== 'function') continue;
    const type = core.facts.imports[index++];
    if (!module.startsWith(PACKAGE)) continue;
    const call = CALL_TYPES[interfaceOf(module)];
    if (!imported.includes(module) || call === undefined || call[name] !== type) return undefined;
  }
  return core;
}

/** `headers` of `weir:filter/headers@0.1.0`. */
export function interfaceOf(id: string): string {
  return id.slice(PACKAGE.length).replace(/@.*$/s, '');
}

function usesWorld({ module }: CompiledModule): boolean {
  return (
    WebAssembly.Module.imports(module).some(i => i.module.startsWith(PACKAGE)) ||
    WebAssembly.Module.exports(module).some(e => e.name.startsWith(PACKAGE))
  );
}
