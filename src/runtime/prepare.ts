import { homedir } from 'node:os';
import { keepCode } from '../engine/code-cache.ts';
import { defaultCacheDirectory } from '../engine/disk-cache.ts';
import { Interrupter } from '../engine/interrupt/interrupter.ts';

/**
 * Begins what filters need whatever is configured, to be called before the rest of the code is loaded: the watchdog's
 * thread starts meanwhile, and what is loaded is kept for the next start.
 */
export function prepare(): void {
  const directory = defaultCacheDirectory(process.env, process.platform, homedir());
  if (directory !== undefined) keepCode(directory);
  // Who needs it asks again, and gets the error.
  Interrupter.ofThread().catch(() => {});
}
