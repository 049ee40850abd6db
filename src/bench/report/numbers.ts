import type { Aim, FilterCost, Stat } from '../types.ts';

/** Stands for a figure that there is not. */
export const NONE = '–';

const formats = new Map<number, Intl.NumberFormat>();

/** With so many decimals and thousands apart; NaN and infinities are no figures. */
export function fixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return NONE;
  if (Math.abs(value) >= 1e12) return value.toExponential(1);
  let format = formats.get(decimals);
  if (format === undefined) {
    format = new Intl.NumberFormat('en-US', {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
      signDisplay: 'negative',
    });
    formats.set(decimals, format);
  }
  return format.format(value);
}

/** Decimals that leave two or three digits that say something. */
function decimalsFor(value: number): number {
  const size = Math.abs(value);
  if (size >= 100) return 0;
  if (size >= 1) return 1;
  return size >= 0.1 || size === 0 ? 2 : 3;
}

/** µs of a whole request. */
export const micros = (value: number): string => fixed(value, Math.abs(value) >= 1000 ? 0 : 1);

export const millis = (value: number): string => fixed(value, value >= 1000 ? 0 : value >= 100 ? 1 : 2);

export const ratio = (value: number): string => fixed(value, Math.abs(value) >= 100 ? 0 : 2);

/** Of bytes. */
export const megabytes = (bytes: number): string => fixed(bytes / 1e6, bytes >= 1e7 ? 0 : 1);

export const count = (value: number): string => fixed(value, 0);

/** A figure with so many digits that say something, and no zeros after them. */
export function digits(value: number, most = 3): string {
  if (!Number.isFinite(value)) return NONE;
  return Math.abs(value) >= 1e12 ? value.toExponential(1) : String(Number(value.toPrecision(most)));
}

/** What was measured and what it may be at most, with digits enough to tell them apart. */
export function aimText({ value, most, unit }: Aim): { readonly value: string; readonly most: string } {
  let length = 3;
  while (length < 9 && value !== most && digits(value, length) === digits(most, length)) length += 1;
  const known = clean(unit);
  const name = ['', '×', 'x'].includes(known) ? known : ` ${known}`;
  return { value: digits(value, length) + name, most: digits(most, length) + name };
}

/** Median, low and high, all with the same decimals. */
export interface StatText {
  readonly median: string;
  readonly low: string;
  readonly high: string;
}

export function statText({ median, low, high }: Stat): StatText {
  const sizes = [median, low, high].filter(Number.isFinite).map(Math.abs);
  const decimals = decimalsFor(Math.max(0, ...sizes));
  const text = (value: number) => fixed(value, decimals);
  return { median: text(median), low: text(low), high: text(high) };
}

export function scaled({ median, low, high }: Stat, by: number): Stat {
  return { median: median * by, low: low * by, high: high * by };
}

/** What filters cost, in the unit that a report has: µs, or per cent of a request where it has ratios only. */
export interface CostText extends StatText {
  readonly unit: string;
}

export function costText(cost: FilterCost, absolute: boolean): CostText {
  const { micros, share } = cost;
  return absolute && micros !== null
    ? { ...statText(micros), unit: 'µs' }
    : { ...statText(scaled(share, 100)), unit: '%' };
}

/** `+12 %` */
export function change(factor: number): string {
  const share = (factor - 1) * 100;
  return `${share > 0 ? '+' : ''}${fixed(share, Math.abs(share) >= 10 ? 0 : 1)} %`;
}

/** Names come from a configuration: nothing that a terminal obeys or a browser lays out otherwise. */
export function clean(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
}

const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;

function columnsOf(character: string): number {
  if (/\p{M}/u.test(character)) return 0;
  return WIDE.test(character) || /\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u.test(character) ? 2 : 1;
}

/** Columns that a text takes in a terminal. */
export function width(text: string): number {
  let columns = 0;
  for (const character of text) columns += columnsOf(character);
  return columns;
}

/** At most so many columns, the rest an ellipsis. */
export function shorten(text: string, most: number): string {
  if (width(text) <= most) return text;
  let kept = '';
  let columns = 1;
  for (const character of text) {
    columns += columnsOf(character);
    if (columns > most) break;
    kept += character;
  }
  return `${kept.trimEnd()}…`;
}
