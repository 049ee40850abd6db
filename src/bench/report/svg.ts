import { type Child, el, join, Markup } from './markup.ts';
import { shorten } from './numbers.ts';
import type { Scale } from './scale.ts';

export const WIDTH = 520;

/** Where a chart's figures stand within it. */
export interface Plot {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** How a line or a bar looks: a colour of the style sheet, a dash, a marker. */
export interface Paint {
  /** 0 is the base's, others 1 to 8. */
  readonly color: number;
  readonly dash: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Ends of a whisker. */
  readonly low?: number;
  readonly high?: number;
  readonly marked: boolean;
}

/** What a picture is called, and what it says in words. */
export interface Named {
  /** Unique in the page. */
  readonly id: string;
  readonly title: string;
  readonly desc: string;
}

/** A picture with a name and a description for those who don't see it. */
export function picture(named: Named, height: number, ...children: readonly Child[]): Markup {
  const { id, title, desc } = named;
  const [titleId, descId] = [`${id}-title`, `${id}-desc`];
  return el(
    'svg',
    {
      viewBox: `0 0 ${WIDTH} ${height}`,
      role: 'img',
      'aria-labelledby': `${titleId} ${descId}`,
    },
    el('title', { id: titleId }, title),
    el('desc', { id: descId }, desc),
    ...children,
  );
}

function line(x1: number, y1: number, x2: number, y2: number, kind: string): Markup {
  return el('line', { x1, y1, x2, y2, class: kind });
}

function text(x: number, y: number, anchor: 'start' | 'middle' | 'end', said: string, kind = 'tick'): Markup {
  return el('text', { x, y, 'text-anchor': anchor, class: kind }, said);
}

/** Lines across for each tick, and the axis' name above them. */
export function verticalAxis({ left, right, top }: Plot, { ticks }: Scale, name: string): Markup {
  return join([
    text(left, top - 12, 'start', name, 'axis-name'),
    ...ticks.flatMap(({ at, label }) => [
      line(left, at, right, at, 'grid'),
      text(left - 8, at + 4, 'end', label),
    ]),
  ]);
}

/** Ticks and their labels under the plot, and the axis' name below. */
export function horizontalAxis(plot: Plot, { ticks }: Scale, name: string, grid: boolean): Markup {
  const { left, right, top, bottom } = plot;
  return join([
    ...ticks.flatMap(({ at, label }) => [
      grid ? line(at, top, at, bottom, 'grid') : line(at, bottom, at, bottom + 5, 'axis'),
      label === '' ? null : text(at, bottom + 18, 'middle', label),
    ]),
    grid ? null : line(left, bottom, right, bottom, 'axis'),
    text((left + right) / 2, bottom + 36, 'middle', name, 'axis-name'),
  ]);
}

export function series(points: readonly Point[], paint: Paint): Markup {
  const path = points.map(({ x, y }) => `${round(x)},${round(y)}`).join(' ');
  return el(
    'g',
    { class: `c${paint.color}` },
    ...points.map(({ x, low, high }) =>
      low === undefined || high === undefined ? null : whisker(x, low, x, high),
    ),
    el('polyline', { points: path, class: `line dash${paint.dash}` }),
    ...points.filter(({ marked }) => marked).map(({ x, y }) => marker(x, y, paint)),
  );
}

const round = (value: number) => Math.round(value * 10) / 10;

/** An interval, its ends marked. */
function whisker(x1: number, y1: number, x2: number, y2: number): Markup {
  const [dx, dy] = x1 === x2 ? [4, 0] : [0, 4];
  return join([
    line(x1, y1, x2, y2, 'whisker'),
    line(x1 - dx, y1 - dy, x1 + dx, y1 + dy, 'whisker'),
    line(x2 - dx, y2 - dy, x2 + dx, y2 + dy, 'whisker'),
  ]);
}

/** A shape for each colour, so that colours need not be told apart. */
function marker(x: number, y: number, { color }: Paint): Markup {
  const outline = (...corners: readonly (readonly [number, number])[]) =>
    el('polygon', {
      points: corners.map(([dx, dy]) => `${round(x + dx)},${round(y + dy)}`).join(' '),
      class: color > 4 ? 'mark open' : 'mark',
    });
  switch (color % 4) {
    case 1:
      return el('circle', { cx: x, cy: y, r: 4, class: color > 4 ? 'mark open' : 'mark' });
    case 2:
      return outline([-3.6, -3.6], [3.6, -3.6], [3.6, 3.6], [-3.6, 3.6]);
    case 3:
      return outline([0, -4.8], [4.6, 3.4], [-4.6, 3.4]);
    default:
      return color === 0 ? new Markup('') : outline([0, -5], [5, 0], [0, 5], [-5, 0]);
  }
}

/** The lines' names, below a chart. */
export function key(entries: readonly { readonly name: string; readonly paint: Paint }[]): Markup {
  return el(
    'ul',
    { class: 'key' },
    ...entries.map(({ name, paint }) =>
      el(
        'li',
        {},
        el(
          'svg',
          { viewBox: '0 0 30 12', width: 30, height: 12, 'aria-hidden': 'true', class: `c${paint.color}` },
          el('line', { x1: 0, y1: 6, x2: 30, y2: 6, class: `line dash${paint.dash}` }),
          marker(15, 6, paint),
        ),
        name,
      ),
    ),
  );
}

/** One bar: its name and its figure above it. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly text: string;
  readonly color: number;
}

const ROW = 42;
const NAME_TOP = 15;
const BAR_TOP = 21;
const BAR_HEIGHT = 12;

export function barsHeight(bars: readonly Bar[]): number {
  return bars.length * ROW;
}

/** Bars from zero with their intervals, a row each. */
export function bars(all: readonly Bar[], { left, right, top }: Plot, { place }: Scale): Markup {
  const zero = place(0);
  const start = place(Number.NEGATIVE_INFINITY);
  return join([
    ...all.map((bar, index) => {
      const y = top + index * ROW;
      const end = place(bar.value);
      const middle = y + BAR_TOP + BAR_HEIGHT / 2;
      const room = Math.floor((right - left) / 6.6) - bar.text.length - 2;
      return el(
        'g',
        { class: `c${bar.color}` },
        text(start, y + NAME_TOP, 'start', shorten(bar.name, Math.max(8, room)), 'label halo'),
        text(right, y + NAME_TOP, 'end', bar.text, 'value halo'),
        el('rect', {
          x: Math.min(zero, end),
          y: y + BAR_TOP,
          width: Math.abs(end - zero),
          height: BAR_HEIGHT,
          class: 'bar',
        }),
        line(zero, y + BAR_TOP - 3, zero, y + BAR_TOP + BAR_HEIGHT + 3, 'axis'),
        whisker(place(bar.low), middle, place(bar.high), middle),
      );
    }),
  ]);
}
