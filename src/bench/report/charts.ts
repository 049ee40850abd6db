import type { GroupResult } from '../types.ts';
import { costChart, cpuChart } from './bar-charts.ts';
import { chainChart, latencyChart } from './line-charts.ts';
import type { Markup } from './markup.ts';
import { choose, paints } from './paint.ts';

/** The charts of a group: those that it has figures for. Their ids start with the group's. */
export function charts(group: GroupResult, id: string): Markup[] {
  const chosen = choose(group.cases);
  const colors = paints(group.cases, chosen);
  const withFilters = group.cases.some(({ filters, cost }) => filters > 0 || cost !== null);
  return [
    withFilters ? null : cpuChart(`${id}-cpu`, group, colors),
    costChart(`${id}-cost`, group, colors),
    chainChart(`${id}-chain`, group, colors),
    latencyChart(`${id}-latency`, group, chosen, colors),
  ].filter(chart => chart !== null);
}
