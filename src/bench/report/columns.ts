import type { CaseResult, GroupResult, Latency } from '../types.ts';
import { clean, costText, count, megabytes, micros, millis, NONE, ratio } from './numbers.ts';

/** One column of a group's table, of figures, the name of the case aside. */
export interface Column {
  readonly head: string;
  /** A narrow terminal goes without those with the least. */
  readonly weight: number;
  cell(result: CaseResult): string;
}

type LatencyKey = 'p50' | 'p90' | 'p99' | 'p999';

/** The columns that a group has figures for. */
export function columnsFor(group: GroupResult): Column[] {
  const { cases } = group;
  const unit = clean(group.unit);
  const columns: Column[] = [];
  const add = (weight: number, head: string, cell: Column['cell']) => columns.push({ weight, head, cell });

  if (isAbsolute(group)) {
    add(10, `CPU µs/${unit}`, ({ cpu }) => (cpu === null ? NONE : micros(cpu.median)));
  }
  add(9, 'ratio', result => ratio(result.ratios.cpu.median));
  add(4, 'middle half', result => (isBase(result) ? NONE : range(result.ratios.cpu)));
  if (cases.some(({ rate }) => rate !== null)) {
    add(7, `${unit}s/s`, ({ rate }) => (rate === null ? NONE : count(rate.median)));
  } else add(7, 'rate ratio', result => ratio(result.ratios.rate.median));
  if (cases.some(({ latency }) => latency !== null)) {
    const percentile = (weight: number, head: string, key: LatencyKey) =>
      add(weight, head, ({ latency }: { readonly latency: Latency | null }) =>
        latency === null ? NONE : millis(latency[key]),
      );
    percentile(6, 'p50 ms', 'p50');
    percentile(2, 'p90 ms', 'p90');
    percentile(8, 'p99 ms', 'p99');
    percentile(3, 'p99.9 ms', 'p999');
  }
  if (cases.some(({ peakMemory }) => peakMemory !== null)) {
    add(5, 'peak MB', ({ peakMemory }) => (peakMemory === null ? NONE : megabytes(peakMemory)));
  }
  if (cases.some(({ errors }) => errors > 0)) add(11, 'errors', ({ errors }) => count(errors));
  return columns;
}

/** Whether others are compared with it. */
export function isBase({ name, base }: CaseResult): boolean {
  return name === base;
}

function range({ low, high }: { readonly low: number; readonly high: number }): string {
  return `${ratio(low)}–${ratio(high)}`;
}

/** What the ratios of a group are to. */
export function baseText({ cases, unit }: GroupResult): string {
  const bases = [...new Set(cases.map(({ base }) => clean(base)))];
  const what = `CPU per ${clean(unit)}, to that of`;
  if (bases.length <= 1) return `ratio: ${what} ${bases[0] ?? NONE}`;
  if (bases.length > 2 && belowTheirs(cases)) return `ratio: ${what} the nearest case above with 1.00`;
  const pairs = bases.map(base => {
    const of = cases.filter(result => clean(result.base) === base && !isBase(result));
    return { base, of: of.map(({ name }) => clean(name)) };
  });
  const told = pairs.filter(({ of }) => of.length > 0).map(({ base, of }) => `${base} (${of.join(', ')})`);
  return `ratio: ${what} ${told.join(' and ')}`;
}

/** Each case stands below its base, with no other base in between. */
function belowTheirs(cases: readonly CaseResult[]): boolean {
  let base = '';
  return cases.every(result => {
    if (isBase(result)) base = result.name;
    return result.base === base;
  });
}

/** Whether there are figures of this machine, not ratios only. */
export function isAbsolute({ cases }: GroupResult): boolean {
  return cases.some(({ cpu }) => cpu !== null);
}

/** How the load came. */
export function loadText({ fixedRate, unit }: GroupResult): string {
  return fixedRate > 0 ? `${count(fixedRate)} ${clean(unit)}s/s` : `as many ${clean(unit)}s as go`;
}

/** What filters of one case cost. */
export interface CostLine {
  readonly result: CaseResult;
  readonly label: string;
  readonly filters: number;
  readonly text: ReturnType<typeof costText>;
}

/** The costs of a group; a line goes by its series' name where that tells it from the others. */
export function costLines(group: GroupResult): CostLine[] {
  const { cases } = group;
  const absolute = isAbsolute(group);
  const withCost = cases.filter(({ cost }) => cost !== null);
  return withCost.map(result => {
    const cost = result.cost!;
    const alike = withCost.filter(
      other => other.series === result.series && other.cost!.filters === cost.filters,
    );
    const label = result.series !== '' && alike.length === 1 ? result.series : result.name;
    return { result, label: clean(label), filters: cost.filters, text: costText(cost, absolute) };
  });
}

/** What went wrong, a line a case. */
export function errorLines({ cases }: GroupResult): string[] {
  return cases
    .filter(({ errors }) => errors > 0)
    .map(({ name, errors, error }) => {
      const first = clean(error) === '' ? '' : `, the first: ${clean(error)}`;
      return `${clean(name)}: ${count(errors)} ${errors === 1 ? 'error' : 'errors'}${first}`;
    });
}
