import type { CaseResult, GroupResult } from '../types.ts';
import { isAbsolute } from './columns.ts';
import { figure } from './figure.ts';
import type { Markup } from './markup.ts';
import { clean, fixed, millis, scaled } from './numbers.ts';
import { exact, fitting, linear, percentiles } from './scale.ts';
import {
  horizontalAxis,
  key,
  type Paint,
  type Plot,
  type Point,
  picture,
  series,
  verticalAxis,
  WIDTH,
} from './svg.ts';

const HEIGHT = 300;
const PLOT: Plot = { left: 52, right: WIDTH - 26, top: 28, bottom: HEIGHT - 44 };

/** Requests wait longer the rarer they are. */
export function latencyChart(
  id: string,
  { cases, unit }: GroupResult,
  chosen: readonly CaseResult[],
  colors: ReadonlyMap<CaseResult, Paint>,
): Markup | null {
  const lines = chosen
    .map(result => ({ result, points: distribution(result) }))
    .filter(({ points }) => points.length > 1);
  if (lines.length === 0) return null;
  const { left, right, top, bottom } = PLOT;
  const all = lines.flatMap(({ points }) => points.map(({ value }) => value));
  const y = fitting(all, bottom, top, 5);
  const x = percentiles(left, right);
  const told = lines.map(({ result: { name, latency } }) => {
    const { p50, p99, p999 } = latency!;
    return `${clean(name)}: median ${millis(p50)} ms, 99 % ${millis(p99)} ms, 99.9 % ${millis(p999)} ms.`;
  });
  const of = cases.filter(({ latency }) => latency !== null).length;
  return figure(
    'Latency by percentile',
    lines.length < of ? `${lines.length} of ${of} cases; the table has all.` : '',
    picture(
      { id, title: 'Latency by percentile', desc: told.join(' ') },
      HEIGHT,
      verticalAxis(PLOT, y, 'ms'),
      horizontalAxis(PLOT, x, `share of ${clean(unit)}s answered at least this fast`, false),
      ...lines.map(({ result, points }) =>
        series(
          points.map(({ percentile, value, marked }) => ({
            x: x.place(percentile),
            y: y.place(value),
            marked,
          })),
          colors.get(result)!,
        ),
      ),
    ),
    key(lines.map(({ result }) => ({ name: result.name, paint: colors.get(result)! }))),
  );
}

interface Share {
  readonly percentile: number;
  readonly value: number;
  readonly marked: boolean;
}

/** From the median to 99.9 %: the known percentiles, and what the distribution has between them. */
function distribution({ latency }: CaseResult): Share[] {
  if (latency === null) return [];
  const { p50, p90, p99, p999 } = latency;
  const known: readonly (readonly [number, number])[] = [
    [50, p50],
    [90, p90],
    [99, p99],
    [99.9, p999],
  ];
  const near = (percentile: number) => known.some(([other]) => Math.abs(other - percentile) < 1e-3);
  const between = latency.distribution.filter(
    ([percentile]) => percentile > 50 && percentile < 99.9 && !near(percentile),
  );
  return [
    ...known.map(([percentile, value]) => ({ percentile, value, marked: true })),
    ...between.map(([percentile, value]) => ({ percentile, value, marked: false })),
  ]
    .filter(({ value }) => Number.isFinite(value))
    .sort((a, b) => a.percentile - b.percentile);
}

/** What chains of several lengths cost, if there is a series with more than one. */
export function chainChart(
  id: string,
  group: GroupResult,
  colors: ReadonlyMap<CaseResult, Paint>,
): Markup | null {
  const { cases, unit } = group;
  const absolute = isAbsolute(group);
  const names = [...new Set(cases.map(({ series }) => series))].filter(name => name !== '');
  const lines = names.flatMap(name => {
    const costs = cases.filter(({ series, cost }) => series === name && cost !== null);
    const lengths = new Set(costs.map(({ cost }) => cost!.filters));
    if (lengths.size < 2) return [];
    const points = costs
      .map(({ cost }) => {
        const { filters, micros, share } = cost!;
        return { filters, ...scaled(absolute ? micros! : share, filters * (absolute ? 1 : 100)) };
      })
      .filter(({ median, low, high }) => Number.isFinite(median + low + high))
      .sort((a, b) => a.filters - b.filters);
    return points.length < 2 ? [] : [{ name, points, paint: { ...colors.get(costs[0]!)!, dash: 0 } }];
  });
  if (lines.length === 0) return null;
  const { left, right, top, bottom } = PLOT;
  const all = lines.flatMap(({ points }) => points);
  const y = linear(
    all.flatMap(({ median, low, high }) => [median, low, high]),
    bottom,
    top,
    5,
  );
  const x = exact([0, ...all.map(({ filters }) => filters)], left, right);
  const told = lines.map(({ name, points }) => {
    const each = points.map(({ filters, median }) => `${filters}: ${fixed(median, 1)}`);
    return `${clean(name)}: ${each.join(', ')}.`;
  });
  const axis = absolute ? `µs of CPU per ${clean(unit)}, over none` : `% more CPU than without filters`;
  return figure(
    'Cost of longer chains',
    'The whiskers are 95 % confidence intervals.',
    picture(
      { id, title: 'Cost of longer chains', desc: `${axis}, by the number of filters. ${told.join(' ')}` },
      HEIGHT,
      verticalAxis(PLOT, y, axis),
      horizontalAxis(PLOT, x, 'filters in the chain', false),
      ...lines.map(({ points, paint }) => {
        const start: Point = { x: x.place(0), y: y.place(0), marked: false };
        const others = points.map(
          ({ filters, median, low, high }): Point => ({
            x: x.place(filters),
            y: y.place(median),
            low: y.place(low),
            high: y.place(high),
            marked: true,
          }),
        );
        return series([start, ...others], paint);
      }),
    ),
    key(lines),
  );
}
