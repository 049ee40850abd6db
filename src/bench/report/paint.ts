import type { CaseResult } from '../types.ts';
import { isBase } from './columns.ts';
import type { Paint } from './svg.ts';

/** More lines than this nobody tells apart. */
const LINES = 8;

/** Those that a chart of lines shows; of many the bases, the longest chain of each series, and those without one. */
export function choose(cases: readonly CaseResult[]): readonly CaseResult[] {
  if (cases.length <= LINES) return cases;
  const longest = new Map<string, CaseResult>();
  for (const result of cases) {
    const other = longest.get(keyOf(result));
    if (other === undefined || other.filters < result.filters) longest.set(keyOf(result), result);
  }
  const ends = new Set(longest.values());
  const some = cases.filter(result => isBase(result) || ends.has(result));
  const first = some.toSorted((a, b) => Number(isBase(b)) - Number(isBase(a))).slice(0, LINES);
  return cases.filter(result => first.includes(result));
}

function keyOf({ name, series }: CaseResult): string {
  return series === '' ? `case ${name}` : `series ${series}`;
}

/** A colour for each series, the same in all charts of a group; the first base goes without. */
export function paints(cases: readonly CaseResult[], chosen: readonly CaseResult[]): Map<CaseResult, Paint> {
  const base = cases.find(isBase);
  const colors = new Map<string, number>();
  const drawn = new Map<string, number>();
  const found = new Map<CaseResult, Paint>();
  for (const result of [...chosen, ...cases]) {
    if (found.has(result)) continue;
    const id = keyOf(result);
    const alike = drawn.get(id) ?? 0;
    drawn.set(id, alike + 1);
    if (result === base) {
      found.set(result, { color: 0, dash: 1 });
      continue;
    }
    if (!colors.has(id)) colors.set(id, 1 + (colors.size % LINES));
    found.set(result, { color: colors.get(id)!, dash: alike % 4 === 0 ? 0 : (alike % 4) + 1 });
  }
  return found;
}
