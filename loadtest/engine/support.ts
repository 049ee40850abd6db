/** What the engine's benchmarks share: a clock, statistics, reports. */
import { openSync, readSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** Of the main thread: ns on a CPU, ns that it waited for one, turns. Linux brings the second up to date at once. */
const schedstat = process.platform === 'linux' ? openSync('/proc/self/schedstat', 'r') : -1;
const line = Buffer.alloc(128);

/** µs that the main thread has waited for a core: what others who use the machine add to a time on the wall. */
export function waited(): number {
  if (schedstat < 0) return 0;
  const text = line.toString('latin1', 0, readSync(schedstat, line, 0, line.length, 0));
  return Number(text.split(' ')[1]) / 1000;
}

/**
 * µs of CPU of this process. Of a thread alone Linux only tells what it had at its last tick, up to 4 ms ago; the
 * other threads here wait, or work for the one that is measured.
 */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

export const sorted = (list: readonly number[]) => [...list].sort((a, b) => a - b);
export const quantile = (list: readonly number[], q: number) =>
  sorted(list)[Math.min(list.length - 1, Math.floor(list.length * q))]!;
export const median = (list: readonly number[]) => quantile(list, 0.5);
export const geometricMean = (list: readonly number[]) =>
  Math.exp(list.reduce((sum, value) => sum + Math.log(value), 0) / list.length);

/** Runs each, in turn, round after round, until the time on the wall is over; at least `least` rounds. */
export function interleave<T>(turns: readonly (() => T)[], seconds: number, least = 5): T[][] {
  const rounds: T[][] = [];
  const end = performance.now() + seconds * 1000;
  while (rounds.length < least || performance.now() < end) rounds.push(turns.map(turn => turn()));
  return rounds;
}

/** Median and middle half of column/base over rounds. */
export interface Ratio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function ratioOf(rounds: readonly (readonly number[])[], column: number, base: number): Ratio {
  const ratios = rounds.map(round => round[column]! / round[base]!);
  return { median: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) };
}

export const ratioText = ({ median, low, high }: Ratio) =>
  `${median.toFixed(3)} (${low.toFixed(3)}-${high.toFixed(3)})`;

export interface Aim {
  readonly what: string;
  readonly value: number;
  readonly most: number;
  readonly unit: string;
}

export interface Table {
  readonly title: string;
  readonly rows: readonly Readonly<Record<string, string | number>>[];
}

/** All figures as JSON, or tables and which aims were reached. */
export function report(json: boolean, tables: readonly Table[], aims: readonly Aim[]): void {
  const verdicts = aims.map(aim => ({ ...aim, reached: aim.value <= aim.most }));
  if (json) {
    console.log(JSON.stringify({ node: process.version, tables, aims: verdicts }, null, 2));
    return;
  }
  for (const { title, rows } of tables) {
    console.log(`\n${title}`);
    console.table(Object.fromEntries(rows.map(({ name, ...rest }) => [name, rest])));
  }
  for (const { what, value, most, unit, reached } of verdicts) {
    console.log(
      `${reached ? 'reached    ' : 'not reached'}  ${what}: ${value.toFixed(3)}${unit}, aim at most ${most}${unit}`,
    );
  }
}

/** `--seconds` on the wall, `--json` and `--only` a name. */
export function options(usage: string) {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '50' },
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(`${usage} [--seconds 50] [--only NAME] [--json]`);
    process.exit(0);
  }
  const chosen = (name: string) => name.includes(values.only);
  return { seconds: Number(values.seconds), json: values.json, chosen };
}

export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
