import { ModuleError } from '../errors.ts';

/** What ends a string of JavaScript, or its line. */
const ENDS_STRING = /['"`\\\p{Cc}\p{Zl}\p{Zp}]/u;
const SHOWN = 100;

/**
 * The names that a core module imports and exports are anybody's to choose, and jco writes them into its JavaScript
 * between quotes, as they are: with a quote in it, a name would be code that runs in this process. So that glue must not
 * be loaded.
 * @throws ModuleError MODULE_UNSUPPORTED
 */
export function checkNames(core: WebAssembly.Module): void {
  for (const { module, name } of WebAssembly.Module.imports(core)) {
    refuse('imports', module);
    refuse('imports', name);
  }
  for (const { name } of WebAssembly.Module.exports(core)) refuse('exports', name);
}

function refuse(does: string, name: string): void {
  if (!ENDS_STRING.test(name)) return;
  const shown = name.slice(0, SHOWN).replace(/[^\x20-\x7e]/g, '?');
  throw new ModuleError(
    'MODULE_UNSUPPORTED',
    `a core module of the component ${does} the name ${shown}, which has a quote, backslash or control character in it: it would end up in JavaScript (rename it)`,
  );
}
