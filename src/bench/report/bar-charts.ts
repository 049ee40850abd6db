import type { CaseResult, GroupResult } from '../types.ts';
import { costLines, isAbsolute } from './columns.ts';
import { figure } from './figure.ts';
import type { Markup } from './markup.ts';
import { clean, micros, ratio, scaled, statText } from './numbers.ts';
import { linear } from './scale.ts';
import { type Bar, bars, barsHeight, horizontalAxis, type Paint, type Plot, picture, WIDTH } from './svg.ts';

function barPlot(height: number): Plot {
  return { left: 2, right: WIDTH - 14, top: 2, bottom: height + 4 };
}

export function costChart(
  id: string,
  group: GroupResult,
  colors: ReadonlyMap<CaseResult, Paint>,
): Markup | null {
  const absolute = isAbsolute(group);
  const all = costLines(group).map(({ result, label, filters, text }): Bar => {
    const { median, low, high } = absolute ? result.cost!.micros! : scaled(result.cost!.share, 100);
    return {
      name: filters === 1 ? `${label}, 1 filter` : `${label}, ${filters} filters`,
      value: median,
      low,
      high,
      text: `${text.median} ${text.unit} (${text.low} to ${text.high})`,
      color: colors.get(result)!.color,
    };
  });
  if (all.length === 0) return null;
  const unit = absolute
    ? `µs of CPU per ${clean(group.unit)} and filter`
    : `% of the CPU of a ${clean(group.unit)} without filters, per filter`;
  const texts = { id, title: 'Cost per filter', note: 'The lines across are 95 % confidence intervals.' };
  return barChart(texts, unit, all);
}

export function cpuChart(
  id: string,
  group: GroupResult,
  colors: ReadonlyMap<CaseResult, Paint>,
): Markup | null {
  if (group.cases.length === 0) return null;
  const absolute = isAbsolute(group);
  const unit = clean(group.unit);
  const all = group.cases.flatMap((result): Bar[] => {
    const stat = absolute ? result.cpu : result.ratios.cpu;
    if (stat === null) return [];
    const { median, low, high } = statText(stat);
    const text = absolute ? micros(stat.median) : ratio(stat.median);
    return [
      {
        name: clean(result.name),
        value: stat.median,
        low: stat.low,
        high: stat.high,
        text: low === high ? text : `${median}${absolute ? ' µs' : ''} (${low} to ${high})`,
        color: colors.get(result)!.color,
      },
    ];
  });
  const title = absolute ? `CPU per ${unit}` : `CPU per ${unit}, to the base`;
  const texts = { id, title, note: 'The lines across hold the middle half of the rounds.' };
  return barChart(texts, absolute ? 'µs' : 'times the base', all);
}

interface Texts {
  readonly id: string;
  readonly title: string;
  readonly note: string;
}

function barChart({ id, title, note }: Texts, axis: string, all: readonly Bar[]): Markup {
  const desc = all.map(({ name, text }) => `${name}: ${text}.`).join(' ');
  const height = barsHeight(all);
  const plot = barPlot(height);
  const ends = all.flatMap(({ value, low, high }) => [value, low, high]).filter(Number.isFinite);
  const x = linear(ends, plot.left + 8, plot.right, 5);
  return figure(
    title,
    note,
    picture({ id, title, desc }, height + 50, horizontalAxis(plot, x, axis, true), bars(all, plot, x)),
    null,
  );
}
