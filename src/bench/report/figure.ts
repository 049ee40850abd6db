import { el, type Markup } from './markup.ts';

/** A chart under its title. */
export function figure(title: string, note: string, chart: Markup, below: Markup | null): Markup {
  return el(
    'figure',
    {},
    el(
      'figcaption',
      {},
      el('strong', {}, title),
      note === '' ? null : ' ',
      note === '' ? null : el('span', {}, note),
    ),
    chart,
    below,
  );
}
