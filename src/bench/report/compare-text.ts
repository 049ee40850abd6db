import type { Change, Comparison, Place } from './compare.ts';
import { align } from './lines.ts';
import { change, clean, count, digits, ratio, scaled, statText } from './numbers.ts';

/** A comparison for a terminal. */
export function comparisonText(comparison: Comparison): string {
  const { slower, faster, same, failing, added, removed, notes, threshold } = comparison;
  const compared = slower.length + faster.length + same.length;
  const lines = [
    `Compared ${count(compared)} ${compared === 1 ? 'figure' : 'figures'}: ` +
      `${slower.length} slower, ${faster.length} faster by more than ${digits(threshold * 100)} % and more than their noise`,
  ];
  const list = (title: string, items: readonly string[]) => {
    if (items.length > 0) lines.push('', title, ...items);
  };
  list('Slower', changes(slower));
  list('Faster', changes(faster));
  list(
    'Failed requests',
    failing.map(({ was, now, error, ...place }) => {
      const first = clean(error) === '' ? '' : `: ${clean(error)}`;
      return `  ${placeText(place)}: ${count(now)} ${now === 1 ? 'error' : 'errors'}, ${count(was)} before${first}`;
    }),
  );
  list('Only in the new report', added.map(indented));
  list('Only in the old report', removed.map(indented));
  list(
    'To know',
    notes.map(note => `  ${clean(note)}`),
  );
  return `${lines.join('\n')}\n`;
}

const MEASURES: Readonly<Record<Change['measure'], string>> = {
  cpu: 'CPU ratio',
  cost: 'cost, %',
};

function changes(all: readonly Change[]): string[] {
  const rows = all.map(({ measure, was, now, ratio: factor, ...place }) => {
    const [before, after] = [was, now].map(stat => {
      if (measure === 'cost') {
        const { median, low, high } = statText(scaled(stat, 100));
        return `${median} (${low} to ${high})`;
      }
      return `${ratio(stat.median)} (${ratio(stat.low)} to ${ratio(stat.high)})`;
    });
    return [
      placeText(place),
      MEASURES[measure],
      before!,
      after!,
      factor === null ? 'from nothing' : change(factor),
    ];
  });
  if (rows.length === 0) return [];
  return align([['case', 'what', 'before', 'now', 'change'], ...rows]);
}

function placeText({ group, name }: Place): string {
  return name === '' ? `${clean(group)}, all of it` : `${clean(group)}: ${clean(name)}`;
}

const indented = (place: Place) => `  ${placeText(place)}`;
