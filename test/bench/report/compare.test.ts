import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Change, compare, comparisonText } from '../../../src/bench/report/compare.ts';
import type { CaseResult, Stat } from '../../../src/bench/types.ts';
import { BASE, cost, fullReport, group, made, report } from './made-up.ts';

const base = made('none', BASE);

function interval(low: number, median: number, high: number): Stat {
  return { low, median, high };
}

/** A case whose CPU is so many times the base's. */
function times(cpu: Stat, more: Partial<CaseResult> = {}): CaseResult {
  return made('rust', cpu.median * BASE, { ratios: { cpu, rate: cpu }, ...more });
}

const of = (...cases: CaseResult[]) => report([group([base, ...cases])]);
const names = (changes: readonly Change[]) => changes.map(({ name, measure }) => `${name} ${measure}`);

test('slower is worse by more than the threshold and than the noise; faster is the same turned round', () => {
  const old = of(times(interval(1.48, 1.5, 1.52)));
  const outcomes: [string, Stat, string[], string[]][] = [
    ['worse', interval(1.75, 1.8, 1.85), ['rust cpu'], []],
    ['worse, within the threshold', interval(1.6, 1.62, 1.64), [], []],
    ['worse, within the noise', interval(1.51, 1.9, 2.1), [], []],
    ['better', interval(1.15, 1.2, 1.25), [], ['rust cpu']],
    ['better, within the threshold', interval(1.39, 1.4, 1.41), [], []],
    ['better, within the noise', interval(1, 1.2, 1.49), [], []],
    ['as it was', interval(1.48, 1.5, 1.52), [], []],
  ];
  for (const [what, cpu, slower, faster] of outcomes) {
    const now = of(times(cpu));
    const found = compare(old, now, 0.1);
    assert.deepEqual([names(found.slower), names(found.faster)], [slower, faster], what);
    assert.equal(found.slower.length + found.faster.length + found.same.length, 1, what);
    const turned = compare(now, old, 0.1);
    assert.deepEqual([names(turned.slower), names(turned.faster)], [faster, slower], `${what}, turned round`);
  }
});

test('the ratio of the ratios is told', () => {
  const found = compare(of(times(interval(1.48, 1.5, 1.52))), of(times(interval(1.75, 1.8, 1.85))), 0.1);
  assert.equal(found.slower[0]!.ratio!.toFixed(3), '1.200');
  assert.match(
    comparisonText(found),
    /Compared 1 figure: 1 slower, 0 faster by more than 10 %.*headers: rust +CPU ratio +1\.50 \(1\.48 to 1\.52\) +1\.80 \(1\.75 to 1\.85\) +\+20 %\n/s,
  );
});

test('the share that a filter costs is compared for itself', () => {
  const cpu = interval(1.05, 1.06, 1.07);
  const old = of(times(cpu, { filters: 1, cost: cost(1, 1, BASE) }));
  const now = of(times(cpu, { filters: 1, cost: cost(1, 3, BASE) }));
  const found = compare(old, now, 0.1);
  assert.deepEqual([names(found.slower), names(found.same)], [['rust cost'], ['rust cpu']]);
  assert.match(comparisonText(found), /cost, % +3\.3 \(2\.2 to 4\.5\) +10\.0 \(6\.5 to 13\.5\) +\+200 %/);
  assert.deepEqual(names(compare(old, of(times(cpu)), 0.1).same), ['rust cpu'], 'one of the two has no cost');
});

test('a cost of nothing, within its noise, has no ratio', () => {
  const cpu = interval(1, 1.01, 1.02);
  const nothing = { filters: 1, micros: interval(0, 0, 0), share: interval(-0.01, -0.002, 0.01) };
  const some = { ...nothing, share: interval(0.02, 0.03, 0.04) };
  const [without, with_] = [of(times(cpu, { cost: nothing })), of(times(cpu, { cost: some }))];
  const { slower } = compare(without, with_, 0.1);
  assert.equal(slower[0]!.ratio, null);
  assert.match(comparisonText(compare(without, with_, 0.1)), /from nothing/);
  assert.deepEqual(names(compare(with_, without, 0.1).faster), ['rust cost']);
  assert.deepEqual(compare(without, without, 0).slower, []);
});

test('a base is compared by its errors only', () => {
  const failed = made('none', 90, { errors: 2, error: 'status 502' });
  const found = compare(report([group([base])]), report([group([failed])]), 0.1);
  assert.deepEqual([found.slower, found.faster, found.same], [[], [], []]);
  assert.deepEqual(found.failing, [{ group: 'headers', name: 'none', was: 0, now: 2, error: 'status 502' }]);
  assert.match(comparisonText(found), /Failed requests\n {2}headers: none: 2 errors, 0 before: status 502\n/);
});

test('who fails is not faster for it, and may be slower', () => {
  const old = of(times(interval(1.48, 1.5, 1.52)));
  const quick = compare(old, of(times(interval(0.5, 0.5, 0.5), { errors: 9 })), 0.1);
  assert.deepEqual([quick.faster.length, quick.failing.length], [0, 1]);
  const slow = compare(old, of(times(interval(2, 2, 2), { errors: 9 })), 0.1);
  assert.deepEqual([slow.slower.length, slow.failing.length], [1, 1]);
});

test('what only one of the two has is listed', () => {
  const old = report([group([base, made('gone', 31)]), group([base], { name: 'old group' })]);
  const now = report([group([base, made('new', 31)]), group([base], { name: 'new group' })]);
  const found = compare(old, now, 0.1);
  assert.deepEqual(found.added, [
    { group: 'headers', name: 'new' },
    { group: 'new group', name: '' },
  ]);
  assert.deepEqual(found.removed, [
    { group: 'headers', name: 'gone' },
    { group: 'old group', name: '' },
  ]);
  const text = comparisonText(found);
  assert.match(text, /Only in the new report\n {2}headers: new\n {2}new group, all of it\n/);
  assert.match(text, /Only in the old report\n {2}headers: gone\n {2}old group, all of it\n/);
});

test('other settings and other bases are noted; ratios to other bases are not compared', () => {
  const own = made('rust', 90, { base: 'rust' });
  const old = of(times(interval(1.48, 1.5, 1.52)));
  const now = { ...of(own), connections: 64, machine: { ...old.machine, node: 'v26.0.0' } };
  const found = compare(old, now, 0.1);
  assert.deepEqual([found.slower, found.faster, found.same], [[], [], []]);
  assert.deepEqual(found.notes, [
    'Node: v24.21.0 before, v26.0.0 now',
    'connections: 32 before, 64 now',
    'headers: rust: not compared: its base was none, now rust',
  ]);
  const paced = report([group([base], { fixedRate: 2000 })]);
  assert.deepEqual(compare(of(), paced, 0.1).notes, ['headers: as many as go before, 2000 per second now']);
});

test('figures that are none are neither slower nor faster, and not printed', () => {
  const nothing = interval(Number.NaN, Number.NaN, Number.NaN);
  const [old, now] = [of(times(interval(1.48, 1.5, 1.52))), of(times(nothing))];
  for (const found of [compare(old, now, 0.1), compare(now, old, 0.1)]) {
    assert.equal(found.same.length, 1);
    assert.doesNotMatch(comparisonText({ ...found, slower: found.same }), /NaN|Infinity|null|undefined/);
  }
});

test('the text of nothing new is one line, and names can do nothing to a terminal', () => {
  const full = fullReport();
  assert.match(
    comparisonText(compare(full, full, 0.025)),
    /^Compared 22 figures: 0 slower, 0 faster by more than 2\.5 % .*\n\nFailed requests\n.*\n$/,
  );
  const evil = '\x1b]0;x\x07\r\n\u202e';
  const now = report([group([made(evil, 30, { base: evil, errors: 1, error: evil })], { name: evil })]);
  assert.doesNotMatch(comparisonText(compare(full, now, 0.1)).replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
});
