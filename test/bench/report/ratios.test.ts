import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../../../src/bench/report/compare.ts';
import { ratiosOnly } from '../../../src/bench/report/ratios.ts';
import { fullReport } from './made-up.ts';

/** Numbers in a value, by their paths. */
function numbers(value: unknown, path = ''): [string, number][] {
  if (typeof value === 'number') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    numbers(each, Array.isArray(value) ? `${path}[]` : `${path}.${key}`),
  );
}

test('no absolute figure is left', () => {
  const left = numbers(ratiosOnly(fullReport()));
  const kinds = new Set(left.filter(([, value]) => value !== 0).map(([path]) => path));
  const stat = (path: string) => ['median', 'low', 'high'].map(key => `${path}.${key}`);
  const cases = '.groups[].cases[]';
  assert.deepEqual(
    [...kinds].sort(),
    [
      '.version',
      '.machine.cpus',
      '.rounds',
      '.slice',
      '.connections',
      '.groups[].fixedRate',
      `${cases}.filters`,
      `${cases}.errors`,
      ...stat(`${cases}.ratios.cpu`),
      ...stat(`${cases}.ratios.rate`),
      `${cases}.cost.filters`,
      ...stat(`${cases}.cost.share`),
      '.aims[].value',
      '.aims[].most',
    ].sort(),
  );
});

test('it has no date and only aims that hold everywhere', () => {
  const ratios = ratiosOnly({
    ...fullReport(),
    aims: ['µs', ' ms', 'x', '×', '%', '', 'MB'].map(unit => ({
      what: unit,
      value: 1,
      most: 1,
      unit,
      reached: true,
    })),
  });
  assert.equal(ratios.date, '');
  assert.deepEqual(
    ratios.aims.map(({ unit }) => unit),
    ['x', '×', '%', ''],
  );
});

test('a report compares with its ratios as with itself, and is left as it was', () => {
  const full = fullReport();
  const { slower, faster, same, notes } = compare(ratiosOnly(full), full, 0);
  assert.deepEqual([slower, faster, notes], [[], [], []]);
  assert.equal(same.length, 9 * 2 + 3 + 1);
  assert.deepEqual(full, fullReport());
});
