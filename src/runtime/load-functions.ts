import { pathToFileURL } from 'node:url';
import { WeirError } from '../errors.ts';
import type { ForeignFunction } from '../plugin/services.ts';

/**
 * The functions that a JavaScript module exports, by name, for filters to call. Empty path: none.
 * @throws WeirError FUNCTIONS_INVALID when it can't be imported, or exports none
 */
export async function loadFunctions(path: string): Promise<ReadonlyMap<string, ForeignFunction>> {
  if (path === '') return new Map();
  let exports: Readonly<Record<string, unknown>>;
  try {
    exports = await import(pathToFileURL(path).href);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WeirError('FUNCTIONS_INVALID', `foreignFunctions: can't import ${path}: ${reason}`, {
      cause: error,
    });
  }
  const functions = Object.entries(exports).filter(([, value]) => typeof value === 'function');
  if (functions.length > 0) return new Map(functions as [string, ForeignFunction][]);
  throw new WeirError(
    'FUNCTIONS_INVALID',
    `foreignFunctions: ${path} exports no function (export function name(args, caller) { … })`,
  );
}
