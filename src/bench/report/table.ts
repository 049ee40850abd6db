import type { Aim, GroupResult, Report } from '../types.ts';
import { baseText, type Column, columnsFor, costLines, errorLines, loadText } from './columns.ts';
import { align, wrap } from './lines.ts';
import { aimText, clean, digits, shorten, width } from './numbers.ts';

/** Narrower than this a table says nothing. */
const LEAST = 40;
const INDENT = '  ';
/** Columns that a name has before figures give way. */
const NAME = 24;

/** A report for a terminal that has so many columns. */
export function reportText(report: Report, columns: number): string {
  const room = columns >= LEAST ? columns : LEAST;
  const { node, platform, cpus } = report.machine;
  const lines = [
    ...wrap(clean(report.title), room),
    ...wrap(
      clean(
        `${report.rounds} ${report.rounds === 1 ? 'round' : 'rounds'} of ${digits(report.slice)} s, ` +
          `${report.connections} connections; Node ${node} on ${platform}, ${cpus} CPUs`,
      ),
      room,
    ),
  ];
  for (const group of report.groups) lines.push('', ...groupLines(group, room));
  if (report.aims.length > 0) lines.push('', 'Aims', ...report.aims.flatMap(aim => aimLines(aim, room)));
  return `${lines.join('\n')}\n`;
}

function groupLines(group: GroupResult, room: number): string[] {
  const lines = wrap(`${clean(group.title)} (${loadText(group)})`, room);
  if (group.cases.length === 0) return [...lines, `${INDENT}no cases`];
  lines.push(...tableLines(group, room));
  if (group.cases.length > 1) lines.push(...wrap(baseText(group), room, INDENT));
  for (const error of errorLines(group)) lines.push(...wrap(error, room, INDENT));
  const costs = costLines(group);
  if (costs.length === 0) return lines;
  lines.push('', `${INDENT}Cost per filter`);
  for (const { label, filters, text } of costs) {
    const { unit, median, low, high } = text;
    const of = unit === '%' ? ` of a ${clean(group.unit)}` : '';
    const line = `${label}: ${median} ${unit} (95 %: ${low} to ${high})${of} per filter, of ${filters}`;
    lines.push(...wrap(line, room, INDENT));
  }
  return lines;
}

/** The table, without the columns that have no room; a long name gives way at last. */
function tableLines(group: GroupResult, room: number): string[] {
  const names = group.cases.map(({ name }) => clean(name));
  const longest = Math.max(width('case'), ...names.map(width));
  const figures = columnsFor(group).map(column => ({ column, width: widthOf(column, group) }));
  const taken = () => figures.reduce((sum, { width }) => sum + width + 2, INDENT.length);
  while (figures.length > 1 && taken() + Math.min(longest, NAME) > room) {
    const least = figures.reduce((a, b) => (b.column.weight < a.column.weight ? b : a));
    figures.splice(figures.indexOf(least), 1);
  }
  const most = Math.max(1, room - taken());
  const rows = group.cases.map((result, index) => [
    shorten(names[index]!, most),
    ...figures.map(({ column }) => column.cell(result)),
  ]);
  return align([['case', ...figures.map(({ column }) => column.head)], ...rows], INDENT);
}

function widthOf({ head, cell }: Column, { cases }: GroupResult): number {
  return Math.max(width(head), ...cases.map(result => width(cell(result))));
}

function aimLines(aim: Aim, room: number): string[] {
  const mark = aim.reached ? '✓ reached    ' : '✗ not reached';
  const { value, most } = aimText(aim);
  const text = `${clean(aim.what)}: ${value}, aim at most ${most}`;
  const [first, ...others] = wrap(text, room - mark.length - 4);
  const under = ' '.repeat(mark.length + 4);
  return [`${INDENT}${mark}  ${first}`, ...others.map(line => `${under}${line.trim()}`)];
}
