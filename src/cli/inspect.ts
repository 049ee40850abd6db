import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { ModuleError, WeirError } from '../errors.ts';
import { inspectModule, type ModuleReport } from '../plugin/inspect.ts';
import { rounded } from '../plugin/inspect-code.ts';
import { DEFAULTS } from './cost-text.ts';
import { moduleText } from './module-text.ts';

/**
 * `weir inspect`: what a module is, without running it.
 * @throws ModuleError when the file can't be read or isn't a module
 */
export async function inspect(file: string, options: { json?: true }): Promise<number> {
  const begun = performance.now();
  const bytes = await read(file);
  const readMillis = rounded(performance.now() - begun);
  let report: ModuleReport;
  try {
    report = await inspectModule(bytes);
  } catch (error) {
    if (error instanceof WeirError)
      throw new ModuleError(error.code, `${file}: ${error.message}`, { cause: error });
    throw error;
  }
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ ...report, load: report.load && { readMillis, ...report.load }, defaults: DEFAULTS }, null, 2)}\n`
      : moduleText(basename(file), report, readMillis),
  );
  return 0;
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'the file does not exist',
      ENOTDIR: 'the file does not exist',
      EISDIR: 'this is a directory',
      EACCES: 'the file can not be read: permission denied',
    };
    throw new ModuleError('MODULE_NOT_FOUND', `${file}: ${reasons[code ?? ''] ?? (error as Error).message}`);
  }
}
