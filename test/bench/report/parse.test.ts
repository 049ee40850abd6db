import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReport } from '../../../src/bench/report/parse.ts';
import { ratiosOnly } from '../../../src/bench/report/ratios.ts';
import type { Report } from '../../../src/bench/types.ts';
import { WeirError } from '../../../src/errors.ts';
import { BASE, fullReport, group, made, report } from './made-up.ts';

function message(text: string): string {
  try {
    parseReport(text, 'old.json');
  } catch (error) {
    assert.ok(error instanceof WeirError);
    assert.equal(error.code, 'BENCH_REPORT_INVALID');
    assert.match(error.message, /^old\.json: /);
    assert.doesNotMatch(error.message, /\p{Cc}/u);
    return error.message;
  }
  return assert.fail('it was taken');
}

/** A report with one thing changed, by its path. */
function changed(path: readonly (string | number)[], value: unknown): string {
  const copy: unknown = JSON.parse(JSON.stringify(fullReport()));
  let parent = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<string | number, unknown>;
  const last = path.at(-1)!;
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return JSON.stringify(copy);
}

test('what was written is read again', () => {
  for (const each of [fullReport(), ratiosOnly(fullReport()), report([])] satisfies Report[]) {
    assert.deepEqual(parseReport(JSON.stringify(each, null, 2), 'x.json'), each);
    assert.deepEqual(parseReport(`\uFEFF${JSON.stringify(each)}`, 'x.json'), each);
  }
});

test('what is not JSON', () => {
  assert.match(message('{"version": 1,\n\x1b[31m'), /is not JSON: .*\(name a file that --json wrote\)$/);
  assert.match(message(''), /is not JSON/);
  assert.match(message(JSON.stringify(fullReport()).slice(0, 500)), /is not JSON/);
});

test('what is JSON and no report', () => {
  for (const text of ['null', '[]', '1', '"text"', '{}', '[{"version": 1}]']) {
    assert.match(message(text), /is not a report of a load test/, text);
  }
});

test('another version has a remedy', () => {
  assert.match(
    message(changed(['version'], 2)),
    /version: is a report of version 2, .* 1 \(measure again with this Weir\)$/,
  );
  assert.match(message(changed(['version'], '1\n')), /version "1\\n"/);
  assert.match(message('{"version": {"a": "\\u001b"}}'), /is a report of version/);
});

test('every field that is missing or wrong is named', () => {
  const first = ['groups', 0, 'cases', 1];
  const at = (path: readonly (string | number)[], value?: unknown) => message(changed(path, value));
  assert.match(at(['title']), /^old\.json: title: is missing \(/);
  assert.match(at(['machine', 'node']), /machine\.node: is missing/);
  assert.match(at([...first, 'name']), /groups\[0\]\.cases\[1\]\.name: is missing/);
  assert.match(at([...first, 'cpu']), /groups\[0\]\.cases\[1\]\.cpu: is missing/);
  assert.match(at([...first, 'ratios', 'cpu', 'median']), /cases\[1\]\.ratios\.cpu\.median: is missing/);
  assert.match(at([...first, 'ratios', 'cpu', 'low'], null), /low: expected number, received null/);
  assert.match(at([...first, 'cost', 'share'], 'a'), /cost\.share: expected object, received string/);
  assert.match(at([...first, 'errors'], -1), /errors: is too small/);
  assert.match(at([...first, 'latency', 'distribution', 0], [1]), /distribution\[0\]/);
  assert.match(at(['groups'], {}), /groups: expected array, received object/);
  assert.match(at(['machine'], null), /machine: expected object, received null/);
  assert.match(message('{"version": 1}'), /title: is missing, and \d+ more/);
});

test('every field is checked', () => {
  const paths: (string | number)[][] = [];
  const walk = (value: unknown, path: (string | number)[]) => {
    if (path.length > 0 && path.at(-2) !== 'distribution') paths.push(path);
    if (Array.isArray(value)) {
      for (const [index, each] of value.entries()) if (index < 2) walk(each, [...path, index]);
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, each] of Object.entries(value)) walk(each, [...path, key]);
    }
  };
  walk(fullReport(), []);
  assert.ok(paths.length > 80);
  for (const path of paths) message(changed(path, ['what it never is', {}, [{}]]));
});

test('names are unique and bases exist', () => {
  const base = made('none', BASE);
  const text = (...groups: Parameters<typeof report>[0]) => message(JSON.stringify(report(groups)));
  assert.match(
    text(group([base, base])),
    /groups\[0\]\.cases\[1\]\.name: another case has the name "none", too/,
  );
  assert.match(
    text(group([base, made('a', 1, { base: 'gone' })])),
    /cases\[1\]\.base: no case has the name "gone"/,
  );
  assert.match(text(group([base]), group([base])), /groups\[1\]\.name: another group has the name "headers"/);
});

test('what later versions may add is left out', () => {
  const more = { ...fullReport(), later: 1 };
  assert.deepEqual(parseReport(JSON.stringify(more), 'x.json'), fullReport());
});
