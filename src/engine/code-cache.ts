import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import path from 'node:path';
import { trustFault } from './disk-cache.ts';

/** In the cache directory. */
const FOLDER = 'code';

/**
 * Lets Node keep what it compiles of the JavaScript that is loaded from now on, and what is left of TypeScript without
 * its types, in a folder of `directory`; it is written when the process ends. As it runs unchecked, nobody else may
 * have written it: the same rule as for artefacts. Where that isn't so, or nothing can be written, nothing is kept;
 * that costs time, no more. Node's own variables (NODE_COMPILE_CACHE, NODE_DISABLE_COMPILE_CACHE) come first.
 */
export function keepCode(directory: string, user = process.geteuid?.()): boolean {
  try {
    const folder = path.join(directory, FOLDER);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // The real path, once: a link that is changed later leads nowhere else.
    const real = realpathSync(folder);
    if (!trusted(real, user) || !trusted(path.dirname(real), user) || !reachedSafely(real, user))
      return false;
    return enableCompileCache(real).directory !== undefined;
  } catch {
    return false;
  }
}

/** Nobody else can put another folder in its place: what Node reads from there later it doesn't look at. */
function reachedSafely(folder: string, user: number | undefined): boolean {
  if (user === undefined) return true;
  for (let at = path.dirname(folder); at !== path.dirname(at); at = path.dirname(at)) {
    const { uid, mode } = lstatSync(path.dirname(at));
    // In a sticky directory, such as /tmp, names belong to who made them.
    if ((uid !== user && uid !== 0) || ((mode & 0o022) !== 0 && (mode & 0o1000) === 0)) return false;
  }
  return true;
}

function trusted(directory: string, user: number | undefined): boolean {
  const stats = lstatSync(directory);
  return stats.isDirectory() && trustFault(stats, user) === undefined;
}
