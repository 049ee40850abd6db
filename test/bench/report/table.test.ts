import assert from 'node:assert/strict';
import { test } from 'node:test';
import { width } from '../../../src/bench/report/numbers.ts';
import { ratiosOnly } from '../../../src/bench/report/ratios.ts';
import { reportText } from '../../../src/bench/report/table.ts';
import { BASE, chain, cost, fullReport, group, made, report, stat } from './made-up.ts';

const base = made('none', BASE);
const lineWith = (text: string, part: string) => text.split('\n').find(line => line.includes(part));

test('a table has a row for each case, its columns under their heads', () => {
  const text = reportText(report([group([base, chain('rust', 3, 1.9)])]), 200);
  const [head, none, rust] = text.split('\n').filter(line => /^ {2}(case|none|rust 3) /.test(line));
  assert.equal(
    head,
    '  case    CPU µs/request  ratio  middle half  requests/s  p50 ms  p90 ms  p99 ms  p99.9 ms  peak MB',
  );
  assert.match(none!, /^ {2}none +30\.0 +1\.00 +– +30,000 +1\.47 /);
  assert.match(rust!, /^ {2}rust 3 +35\.7 +1\.19 +1\.15–1\.23 +25,210 /);
  assert.equal(head!.length, rust!.length);
  assert.ok(!text.includes('errors'));
  assert.match(text, /Header filters \(as many requests as go\)/);
  assert.match(text, /ratio: CPU per request, to that of none/);
});

test('costs name series, filters and the confidence interval', () => {
  const rust = chain('rust', 3, 1.9);
  const text = reportText(report([group([base, rust])]), 200);
  assert.ok(text.includes('  rust: 1.9 µs (95 %: 1.2 to 2.6) per filter, of 3\n'));
  const alike = reportText(report([group([base, rust, { ...rust, name: 'rust again' }])]), 200);
  assert.ok(
    alike.includes('  rust again: 1.9 µs'),
    'two chains of one series and length go by their own names',
  );
});

test('a cost below nothing and a small one keep digits that say something', () => {
  const below = { filters: 1, micros: { median: -0.04, low: -0.31, high: 0.22 }, share: stat(0) };
  const text = reportText(
    report([
      group([
        base,
        made('below', BASE, { filters: 1, cost: below }),
        made('small', BASE, { cost: cost(1, 0.02, BASE) }),
      ]),
    ]),
    200,
  );
  assert.ok(text.includes('below: -0.04 µs (95 %: -0.31 to 0.22) per filter, of 1'));
  assert.ok(text.includes('small: 0.020 µs (95 %: 0.013 to 0.027)'));
});

test('errors have a column and their first reason, where there are any', () => {
  const text = reportText(
    report([group([base, made('bad', 40, { errors: 1, error: 'socket\nhang up' })])]),
    200,
  );
  assert.match(text, /peak MB {2}errors\n/);
  assert.match(text, / {2}bad: 1 error, the first: socket hang up\n/);
});

test('aims say whether they were reached, with digits that tell why', () => {
  const aims = [
    { what: 'a filter', value: 1.9, most: 3, unit: 'µs', reached: true },
    { what: 'to bare', value: 1.1004, most: 1.1, unit: 'x', reached: false },
  ];
  const text = reportText(report([], { aims }), 100);
  assert.ok(text.includes('  ✓ reached      a filter: 1.9 µs, aim at most 3 µs\n'));
  assert.ok(text.includes('  ✗ not reached  to bare: 1.1004x, aim at most 1.1x\n'));
});

test('several bases are told apart', () => {
  const text = reportText(
    report([group([base, made('a', 31), made('own', 20, { base: 'own' }), made('b', 25, { base: 'own' })])]),
    200,
  );
  assert.ok(text.includes('to that of none (a) and own (b)\n'));
});

test('no line is wider than the terminal; the least important figures go first', () => {
  const long = made('a case whose name is longer than anybody would want to read in a table'.repeat(2), 31);
  const wide = made('過濾器過濾器過濾器過濾器過濾器過濾器過濾器 🚀', 32);
  const full = fullReport();
  const all = { ...full, groups: [...full.groups, group([base, long, wide], { title: 't'.repeat(300) })] };
  for (let columns = 40; columns < 160; columns += 3) {
    const text = reportText(all, columns);
    for (const line of text.split('\n')) assert.ok(width(line) <= columns, `${columns}: ${line}`);
    assert.ok(text.includes('CPU µs/request'), `${columns}`);
  }
  const narrow = lineWith(reportText(all, 80), 'CPU µs/request')!;
  assert.ok(narrow.includes('p99 ms') && !narrow.includes('p90 ms'));
  for (const columns of [0, -1, Number.NaN, 3]) {
    for (const line of reportText(all, columns).split('\n')) assert.ok(width(line) <= 40, line);
  }
  assert.ok(reportText(all, Number.POSITIVE_INFINITY).includes(long.name));
});

test('names can do nothing to a terminal', () => {
  const evil = '\x1b[31mred\x07\r\n\u202egnirts\u2028 \ud800';
  const text = reportText(
    report(
      [
        group([made(evil, 30, { base: evil, error: evil, errors: 1, cost: cost(1, 1, 30) })], {
          title: evil,
          unit: evil,
        }),
      ],
      { title: evil, aims: [{ what: evil, value: 1, most: 1, unit: evil, reached: true }] },
    ),
    120,
  );
  assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
});

test('one case, no filters, no cases, no groups', () => {
  const one = reportText(report([group([base])]), 120);
  assert.match(one, /none +30\.0/);
  assert.doesNotMatch(one, /Cost per filter|to that of|Aims/);
  assert.match(reportText(report([group([])]), 120), /no cases/);
  assert.match(
    reportText(report([]), 120),
    /^Filters under load\n12 rounds of 2 s, 32 connections; Node v24/,
  );
});

test('figures that are none are not printed', () => {
  const nothing = { median: Number.NaN, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const none = made('none', Number.NaN, {
    rate: nothing,
    cpu: nothing,
    ratios: { cpu: nothing, rate: nothing },
    cost: { filters: 3, micros: nothing, share: nothing },
    peakMemory: Number.NaN,
  });
  const aims = [
    { what: 'aim', value: Number.NaN, most: Number.POSITIVE_INFINITY, unit: 'µs', reached: false },
  ];
  const text = reportText(report([group([none])], { aims, slice: Number.NaN }), 200);
  assert.doesNotMatch(text, /NaN|Infinity|∞|undefined|null/);
});

test('a report of ratios has ratios and shares', () => {
  const text = reportText(ratiosOnly(fullReport()), 200);
  assert.match(text, / {2}case +ratio +middle half +rate ratio\n/);
  assert.ok(text.includes('rust: 6.3 % (95 %: 4.1 to 8.5) of a request per filter, of 3'));
  assert.doesNotMatch(text, /µs| ms\b/);
});

test('where every case stands below its base, the legend says so in a line', () => {
  const cases = ['1 KiB', '64 KiB', '1 MiB'].flatMap(size => [
    made(`${size}, none`, 40, { base: `${size}, none` }),
    made(`${size}, one`, 42, { base: `${size}, none` }),
  ]);
  const text = reportText(report([group(cases)]), 120);
  assert.match(text, /ratio: CPU per request, to that of the nearest case above with 1\.00\n/);
  const mixed = reportText(report([group([...cases].reverse())]), 120);
  assert.match(mixed, /to that of 1 MiB, none \(1 MiB, one\) and/);
});
