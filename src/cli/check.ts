import { loadConfig } from '../config/load.ts';
import type { WeirConfig } from '../config/types.ts';
import { ConfigError, WeirError } from '../errors.ts';
import { checkFilters } from '../runtime/check-filters.ts';
import { type FilterReport, filterReports } from '../runtime/filter-report.ts';
import { checkText } from './check-text.ts';
import { ErrorLines } from './logger.ts';

/** A fault of a configuration or a filter. */
interface Fault {
  readonly code: string;
  /** With its place. */
  readonly message: string;
  /** What the filter logged beside. */
  readonly logged: readonly string[];
}

export interface CheckOptions {
  readonly dryRun: boolean;
  readonly json?: true;
}

/**
 * `weir check`: every fault of a configuration and its filters, or else what the filters cost. 0, or 1 when there is any
 * fault; what a filter does in its dry run is none.
 */
export async function check(file: string, { dryRun, json }: CheckOptions): Promise<number> {
  const log = new ErrorLines();
  let reports: FilterReport[] = [];
  let faults: readonly Fault[] = [];
  let config: WeirConfig | undefined;
  try {
    const loaded = loadConfig(file);
    config = loaded;
    const errors = await checkFilters(loaded, log, async filters => {
      reports = (await filterReports(filters, log, dryRun)).map(report => withReason(report, log));
    });
    faults = errors.map(({ code, message }) => ({ code, message, logged: said(message, loaded, log) }));
  } catch (error) {
    if (!json || !(error instanceof WeirError)) throw error;
    faults = faultsOf(error);
  }
  const ok = faults.length === 0;
  if (json) {
    process.stdout.write(`${JSON.stringify({ ok, faults, filters: reports }, null, 2)}\n`);
  } else if (ok) {
    const summary = `ok: ${counts(config!)}\n`;
    process.stdout.write(reports.length === 0 ? summary : `${checkText(reports, linesOf(log))}\n${summary}`);
  } else {
    const lines = faults.flatMap(({ message, logged }) => [
      message,
      ...logged.map(line => `    it logged: ${line}`),
    ]);
    process.stderr.write(`${lines.join('\n')}\n`);
  }
  return ok ? 0 : 1;
}

function faultsOf(error: WeirError): Fault[] {
  const messages = error instanceof ConfigError ? error.message.split('\n') : [error.message];
  return messages.map(message => ({ code: error.code, message, logged: [] }));
}

/** How a filter ended is in the log alone when it was after its stream, or with `onFailure: open`. */
function withReason(report: FilterReport, log: ErrorLines): FilterReport {
  const { name, dryRun } = report;
  const end = log.endOf(name);
  if (dryRun === null || end === undefined) return report;
  const { kind, changed } = dryRun;
  if (kind === 'fails') return { ...report, dryRun: { ...dryRun, details: end } };
  if (changed?.kind !== 'fails') return report;
  return { ...report, dryRun: { ...dryRun, changed: { ...changed, details: end } } };
}

/** What the filter that an error is of has logged and the error doesn't tell: what it panicked of, say. */
function said(message: string, { filters }: WeirConfig, log: ErrorLines): string[] {
  const name = [...filters.keys()].find(each => message.includes(`: filters.${each}: `));
  return name === undefined ? [] : linesOf(log)(name, message);
}

/** The lines of a filter that `message` doesn't have, clean: they may have any characters. */
function linesOf(log: ErrorLines): (filter: string, message: string) => string[] {
  return (filter, message) =>
    log
      .of(filter)
      .map(line => line.replace(/\p{Cc}+/gu, ' ').trim())
      .filter(line => line !== '' && !message.includes(line));
}

function counts({ listeners, filters }: WeirConfig): string {
  const routes = listeners.reduce(
    (sum, listener) => sum + (listener.protocol === 'http' ? listener.routes.length : 0),
    0,
  );
  const several = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
  const parts = [
    several(listeners.length, 'listener'),
    several(routes, 'route'),
    several(filters.size, 'filter'),
  ];
  return `${parts.join(', ')} started`;
}
