import { readableName, type Wit, type WitExtern, type WitItem } from './wit.ts';

/** Longest text of a type in a message. */
const MAX_TEXT = 200;

/**
 * Why an export doesn't fit an import, as the end of a sentence that begins with the export; empty when it does.
 * Functions that nobody imports may be missing from the import; types count where functions use them.
 */
export function misfit(
  wanted: WitExtern,
  importer: Wit,
  offer: WitExtern,
  exporter: Wit,
  who: string,
): string {
  const missing: string[] = [];
  const different: string[] = [];
  let first = '';
  for (const [name, item] of wanted.items) {
    if (item.kind !== 'func') continue;
    const given = offer.items.get(name);
    if (given === undefined) missing.push(readableName(name));
    else if (given.shape !== item.shape) {
      different.push(readableName(name));
      if (first === '') first = difference(name, item, importer, given, exporter, who);
    }
  }
  if (missing.length > 0) return `without ${missing.join(', ')}, which ${who} imports`;
  const more = different.length > 1 ? `; so are ${different.slice(1).join(', ')}` : '';
  return first === '' ? '' : `${first}${more}`;
}

function difference(
  name: string,
  wanted: WitItem,
  importer: Wit,
  given: WitItem,
  exporter: Wit,
  who: string,
): string {
  const inner = wanted.text === given.text ? differentType(wanted, importer, given, exporter) : undefined;
  const what =
    inner === undefined ? readableName(name) : `type ${inner.name} (used by ${readableName(name)})`;
  const [is, should] = [inner?.given ?? given.text, inner?.wanted ?? wanted.text];
  return `whose ${what} is ${short(is)}; ${who} imports it as ${short(should)}`;
}

/** The first named type that differs, innermost. */
function differentType(
  wanted: WitItem,
  importer: Wit,
  given: WitItem,
  exporter: Wit,
): { name: string; wanted: string; given: string } | undefined {
  for (const [index, key] of wanted.uses.entries()) {
    const other = given.uses[index] ?? '';
    const [a, b] = [importer.types.get(key), exporter.types.get(other)];
    if (a === undefined || b === undefined || a.shape === b.shape) continue;
    if (a.text !== b.text) return { name: key, wanted: a.text, given: b.text };
    // Resources have nothing but their name.
    return differentType(a, importer, b, exporter) ?? { name: key, wanted: key, given: other };
  }
  return undefined;
}

function short(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
