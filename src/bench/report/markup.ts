import { clean } from './numbers.ts';

/** HTML or SVG that is made here: only `el` and `join` make it, and they escape every string they are given. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Child = Markup | string | null;
export type Attributes = Readonly<Record<string, string | number>>;

const VOID = new Set(['meta', 'link']);
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, character => ENTITIES[character]!);
}

/** One element; strings are text, null is nothing. */
export function el(name: string, attributes: Attributes, ...children: readonly Child[]): Markup {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${attribute(value)}"`);
  const start = `<${name}${written.join('')}>`;
  return new Markup(VOID.has(name) ? start : `${start}${join(children).text}</${name}>`);
}

export function join(children: readonly Child[]): Markup {
  const texts = children.map(child => {
    if (child === null) return '';
    return typeof child === 'string' ? escaped(tidy(child)) : child.text;
  });
  return new Markup(texts.join(''));
}

/** Spaces at the ends part a text from the element beside it. */
function tidy(text: string): string {
  return `${text.startsWith(' ') ? ' ' : ''}${clean(text)}${text.endsWith(' ') ? ' ' : ''}`;
}

function attribute(value: string | number): string {
  if (typeof value === 'string') return escaped(clean(value));
  return Number.isFinite(value) ? String(Math.round(value * 100) / 100) : '0';
}
