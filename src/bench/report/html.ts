import type { Aim, GroupResult, Report } from '../types.ts';
import { charts } from './charts.ts';
import { baseText, columnsFor, costLines, errorLines, isBase, loadText } from './columns.ts';
import { type Child, el, join, Markup } from './markup.ts';
import { aimText, clean, count, digits, scaled, statText } from './numbers.ts';
import { STYLE } from './style.ts';

/** Nothing is fetched and nothing runs, whatever a name has in it. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** A report as one HTML file that needs nothing else. */
export function reportHtml(report: Report): string {
  const head = el(
    'head',
    {},
    el('meta', { charset: 'utf-8' }),
    el('meta', { 'http-equiv': 'Content-Security-Policy', content: POLICY }),
    el('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    el('meta', { name: 'color-scheme', content: 'light dark' }),
    // Without one a browser asks the server for it.
    el('link', { rel: 'icon', href: 'data:,' }),
    el('title', {}, report.title),
    el('style', {}, new Markup(STYLE)),
  );
  const body = el(
    'body',
    {},
    header(report),
    el(
      'main',
      {},
      report.aims.length === 0 ? null : aims(report.aims),
      ...report.groups.map((group, index) => section(group, `group-${index + 1}`)),
    ),
  );
  return `<!doctype html>\n${el('html', { lang: 'en' }, head, '\n', body).text}\n`;
}

function header(report: Report): Markup {
  const { node, platform, cpus } = report.machine;
  const rounds = `${count(report.rounds)} of ${digits(report.slice)} s for each case, ${count(report.connections)} connections`;
  const facts: [string, Child][] = [
    ['Command', el('code', {}, report.command)],
    ['Machine', `Node ${node}, ${platform}, ${count(cpus)} CPUs`],
  ];
  if (report.date !== '') facts.push(['Date', el('time', { datetime: report.date }, dateText(report.date))]);
  facts.push(['Rounds', rounds]);
  const list = facts.flatMap(([name, fact]) => [el('dt', {}, name), el('dd', {}, fact)]);
  const links = report.groups.map((group, index) =>
    el('li', {}, el('a', { href: `#group-${index + 1}` }, group.title)),
  );
  return el(
    'header',
    {},
    el('h1', {}, report.title),
    el('dl', { class: 'facts' }, ...list),
    el('p', { class: 'soft' }, method(report)),
    links.length < 3 ? null : el('nav', { 'aria-label': 'Groups' }, el('ul', {}, ...links)),
  );
}

function method({ rounds, groups }: Report): string {
  const once = rounds === 1;
  const turn =
    'The cases of a group take turns within every round, so that what else the machine does hits all alike.';
  const figures = once
    ? 'There was one round only, so the figures say nothing of their spread.'
    : 'Figures are medians over the rounds with their middle half; ratios and costs compare within a round, and a cost per filter has its 95 % confidence interval.';
  const paced = groups.some(({ fixedRate }) => fixedRate > 0);
  const latency = paced
    ? 'Where the rate is fixed, latency counts from when a request was due; elsewhere each connection waits for its answer before it sends again.'
    : 'Each connection waits for its answer before it sends again.';
  return `${turn} ${figures} ${latency}`;
}

/** `2026-11-21 20:15 UTC`; as it is where it is no date. */
function dateText(date: string): string {
  const time = new Date(date);
  if (Number.isNaN(time.getTime())) return date;
  return `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function aims(all: readonly Aim[]): Markup {
  const reached = all.filter(aim => aim.reached).length;
  const rows = all.map(aim => [
    aim.what,
    aimText(aim).value,
    aimText(aim).most,
    aim.reached ? el('span', { class: 'good' }, '✓ reached') : el('span', { class: 'bad' }, '✗ not reached'),
  ]);
  return el(
    'section',
    { 'aria-labelledby': 'aims' },
    el('h2', { id: 'aims' }, 'Aims'),
    table(`${reached} of ${all.length} reached`, ['Aim', 'measured', 'at most', 'result'], rows),
  );
}

function section(group: GroupResult, id: string): Markup {
  const errors = errorLines(group).map(line => el('li', {}, line));
  return el(
    'section',
    { 'aria-labelledby': id },
    el('h2', { id }, group.title),
    el('p', { class: 'soft' }, `Load: ${loadText(group)}.`),
    group.cases.length === 0 ? el('p', {}, 'No cases.') : figuresTable(group),
    errors.length === 0 ? null : el('ul', { class: 'errors' }, ...errors),
    costTable(group),
    el('div', { class: 'figures' }, ...charts(group, id)),
  );
}

function figuresTable(group: GroupResult): Markup {
  const columns = columnsFor(group);
  const several = group.cases.length > 1;
  const rows = group.cases.map(result => [
    several && isBase(result)
      ? join([result.name, ' ', el('span', { class: 'tag' }, 'base')])
      : join([result.name]),
    ...columns.map(({ cell }) => cell(result)),
  ]);
  const caption = several ? `Medians; ${baseText(group)}` : 'Medians';
  return table(caption, ['case', ...columns.map(({ head }) => head)], rows);
}

function costTable(group: GroupResult): Markup | null {
  const lines = costLines(group);
  if (lines.length === 0) return null;
  const absolute = lines.some(({ text }) => text.unit !== '%');
  const rows = lines.map(({ result, label, filters, text }) => {
    const share = statText(scaled(result.cost!.share, 100));
    const shares = [`${share.median} %`, `${share.low} to ${share.high}`];
    const micros = text.unit === '%' ? ['–', '–'] : [text.median, `${text.low} to ${text.high}`];
    return [label, count(filters), ...(absolute ? micros : []), ...shares];
  });
  const heads = [
    'chain',
    'filters',
    ...(absolute ? ['µs per filter', '95 %'] : []),
    'share per filter',
    '95 %',
  ];
  return table(
    `Cost per filter; shares are of the CPU of a ${clean(group.unit)} without filters`,
    heads,
    rows,
  );
}

/** The first column names its row. */
function table(caption: string, heads: readonly string[], rows: readonly (readonly Child[])[]): Markup {
  return el(
    'div',
    // Where it is wider than the page, keys scroll it, too.
    { class: 'scroll', role: 'region', tabindex: 0, 'aria-label': caption },
    el(
      'table',
      {},
      el('caption', {}, caption),
      el('thead', {}, el('tr', {}, ...heads.map(head => el('th', { scope: 'col' }, head)))),
      el(
        'tbody',
        {},
        ...rows.map(([first, ...others]) =>
          el('tr', {}, el('th', { scope: 'row' }, first ?? null), ...others.map(cell => el('td', {}, cell))),
        ),
      ),
    ),
  );
}
