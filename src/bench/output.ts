import { access, constants, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { WeirError } from '../errors.ts';
import { compare, comparisonText } from './report/compare.ts';
import { reportHtml } from './report/html.ts';
import { parseReport } from './report/parse.ts';
import { reportText } from './report/table.ts';
import type { RunOptions } from './scenario.ts';
import type { Aim, GroupResult, Report } from './types.ts';

export interface OutputOptions {
  /** Files to write; undefined: none. */
  readonly json?: string;
  readonly html?: string;
  /** To compare with. */
  readonly compare?: Report;
  /** Share by which a figure must be worse to count as slower: 0.1 is 10 %. */
  readonly threshold: number;
}

/** @throws WeirError when the folder of one of these files isn't there: before minutes are spent */
export async function checkPlaces(...files: readonly (string | undefined)[]): Promise<void> {
  for (const file of files) {
    if (file === undefined) continue;
    try {
      await access(dirname(file), constants.W_OK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new WeirError('BENCH_FAILED', `${file}: can't be written there (${code})`, { cause: error });
    }
  }
}

export function report(
  title: string,
  command: string,
  options: RunOptions,
  groups: readonly GroupResult[],
  aims: readonly Aim[] = [],
): Report {
  const { rounds, slice, connections } = options;
  return {
    version: 1,
    title,
    command,
    date: new Date().toISOString(),
    machine: {
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      cpus: availableParallelism(),
    },
    rounds,
    slice,
    connections,
    groups,
    aims,
  };
}

/**
 * Prints a report, writes it to files, compares it with an older one. True: all is well; false: there were errors, or
 * something got slower.
 * @throws WeirError when a file can't be read or written
 */
export async function deliver(report: Report, options: OutputOptions): Promise<boolean> {
  process.stdout.write(reportText(report, process.stdout.columns ?? 150));
  if (options.json !== undefined) await write(options.json, `${JSON.stringify(report, null, 2)}\n`);
  if (options.html !== undefined) await write(options.html, reportHtml(report));
  let slower = false;
  if (options.compare !== undefined) {
    const comparison = compare(options.compare, report, options.threshold);
    process.stdout.write(`\n${comparisonText(comparison)}`);
    slower = comparison.slower.length > 0;
  }
  const failed = report.groups.flatMap(({ name, cases }) =>
    cases
      .filter(each => each.errors > 0)
      .map(each => `${name}: ${each.name}: ${each.errors} errors: ${each.error}`),
  );
  for (const line of failed) process.stderr.write(`${line}\n`);
  return failed.length === 0 && !slower;
}

/** @throws WeirError when it can't be read or isn't one */
export async function readReport(file: string): Promise<Report> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new WeirError('BENCH_FAILED', `${file}: can't be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return parseReport(text, file);
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new WeirError('BENCH_FAILED', `${file}: can't be written: ${(error as Error).message}`, {
      cause: error,
    });
  }
  process.stderr.write(`written: ${file}\n`);
}
