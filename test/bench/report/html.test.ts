import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportHtml } from '../../../src/bench/report/html.ts';
import { ratiosOnly } from '../../../src/bench/report/ratios.ts';
import type { Report } from '../../../src/bench/types.ts';
import { BASE, chain, cost, fullReport, group, latency, made, report, stat } from './made-up.ts';

const base = made('none', BASE);
const VOID = ['meta', 'link'];

interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
}

/** The page's tags; fails where they don't balance, an attribute is unquoted or an id is there twice. */
function tags(html: string): Tag[] {
  const all: Tag[] = [];
  const open: string[] = [];
  const ids = new Set<string>();
  const rest = html
    .replace(/<style>[^<]*<\/style>/g, '')
    .replace(/^<!doctype html>/, '')
    .replace(
      /<(\/?)([a-z0-9]+)((?: [a-zA-Z0-9-]+="[^"<>]*")*)>/gi,
      (_, end: string, name: string, rest: string) => {
        if (end !== '') assert.equal(name, open.pop());
        else if (!VOID.includes(name)) open.push(name);
        const attributes = new Map(
          [...rest.matchAll(/ ([a-zA-Z0-9-]+)="([^"]*)"/g)].map(m => [m[1]!, m[2]!]),
        );
        const id = attributes.get('id');
        if (id !== undefined) {
          assert.ok(!ids.has(id), `id ${id} twice`);
          ids.add(id);
        }
        if (end === '') all.push({ name, attributes });
        return '';
      },
    );
  assert.deepEqual(open, []);
  assert.doesNotMatch(rest, /[<>]/);
  assert.doesNotMatch(rest, /&(?!(amp|lt|gt|quot|#39);)/);
  for (const { attributes } of all) {
    for (const id of attributes.get('aria-labelledby')?.split(' ') ?? []) assert.ok(ids.has(id), id);
  }
  return all;
}

const titles = (html: string) => [...html.matchAll(/<figcaption><strong>([^<]*)</g)].map(m => m[1]);
const count = (all: readonly Tag[], name: string) => all.filter(tag => tag.name === name).length;

/** Coordinates are within their picture. */
function checkPlaces(html: string): void {
  for (const [, wide, high, picture] of html.matchAll(/<svg viewBox="0 0 (\d+) (\d+)"(.*?)<\/svg>/gs)) {
    const within = (value: string, most: string) => {
      assert.ok(Number(value) >= -6 && Number(value) <= Number(most) + 6, `${value} of ${most}`);
    };
    for (const m of picture!.matchAll(/ c?x[12]?="([^"]*)"/g)) within(m[1]!, wide!);
    for (const m of picture!.matchAll(/ c?y[12]?="([^"]*)"/g)) within(m[1]!, high!);
    for (const [, points] of picture!.matchAll(/ points="([^"]*)"/g)) {
      for (const point of points!.split(' ')) {
        const [x, y] = point.split(',');
        within(x!, wide!);
        within(y!, high!);
      }
    }
  }
}

test('a page is well formed, whole in itself and runs nothing', () => {
  const html = reportHtml(fullReport());
  const all = tags(html);
  checkPlaces(html);
  assert.equal(count(all, 'script'), 0);
  assert.doesNotMatch(html, /https?:|url\(|@import/);
  for (const { attributes } of all) {
    for (const key of attributes.keys()) assert.doesNotMatch(key, /^(on|src)/);
    assert.match(attributes.get('href') ?? '#', /^(#|data:,)/);
  }
});

test('the head tells what was measured, where and how', () => {
  const html = reportHtml(fullReport());
  for (const text of [
    '<h1>Filters under load</h1>',
    '<code>weir bench config/bench.yaml</code>',
    'Node v24.21.0, linux x64, 2 CPUs',
    '2026-11-21 20:15 UTC',
    '12 of 2 s for each case, 32 connections',
  ]) {
    assert.ok(html.includes(text), text);
  }
});

test('each chart is where it has something to show', () => {
  const html = reportHtml(fullReport());
  assert.deepEqual(titles(html), [
    'Cost per filter',
    'Cost of longer chains',
    'Latency by percentile',
    'CPU per request',
    'Latency by percentile',
    'CPU per message',
    'Latency by percentile',
  ]);
  const one = reportHtml(report([group([base, chain('rust', 3, 2)])]));
  assert.deepEqual(titles(one), ['Cost per filter', 'Latency by percentile'], 'one length is no line');
  assert.deepEqual(titles(reportHtml(report([group([])]))), []);
});

test('pictures have names and descriptions, tables have heads', () => {
  const all = tags(reportHtml(fullReport()));
  const pictures = all.filter(({ name, attributes }) => name === 'svg' && !attributes.has('aria-hidden'));
  assert.equal(pictures.length, 7);
  for (const { attributes } of pictures) assert.match(attributes.get('aria-labelledby')!, /-title .*-desc$/);
  for (const { attributes } of all.filter(({ name }) => name === 'th')) assert.ok(attributes.has('scope'));
  assert.equal(count(all, 'caption'), count(all, 'table'));
});

test('aims are told apart by words, not colours alone', () => {
  const html = reportHtml(fullReport());
  assert.match(html, /<span class="good">✓ reached<\/span>/);
  assert.match(html, /<td>1\.2×<\/td><td>1\.15×<\/td><td><span class="bad">✗ not reached<\/span>/);
  assert.match(html, /1 of 2 reached/);
});

test('names are text, whatever they hold', () => {
  const evil = `<script>alert("1")</script>'&amp;<!-- ]]> \x00\u202e`;
  const bad = made(evil, 31, {
    base: evil,
    series: evil,
    filters: 1,
    errors: 1,
    error: evil,
    cost: cost(1, 2, 30),
  });
  const filled: Report = report(
    [
      group([bad, { ...bad, name: `${evil}2`, filters: 3, cost: cost(3, 2, 30) }], {
        name: evil,
        title: evil,
        unit: evil,
      }),
      group([made(evil, 3, { base: evil })]),
    ],
    {
      title: evil,
      command: evil,
      date: evil,
      machine: { node: evil, platform: evil, cpus: 2 },
      aims: [{ what: evil, value: 1, most: 1, unit: evil, reached: true }],
    },
  );
  const html = reportHtml(filled);
  assert.equal(count(tags(html), 'script'), 0);
  assert.ok(html.includes('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;amp;'));
  assert.doesNotMatch(html.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
});

test('figures that are none are neither printed nor drawn', () => {
  const nothing = { median: Number.NaN, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const none = (name: string, filters: number) =>
    made(name, Number.NaN, {
      series: 'x',
      filters,
      rate: nothing,
      cpu: nothing,
      latency: { ...latency(Number.NaN), p99: Number.POSITIVE_INFINITY, distribution: [[75, Number.NaN]] },
      ratios: { cpu: nothing, rate: nothing },
      cost: filters === 0 ? null : { filters, micros: nothing, share: nothing },
    });
  const aims = [
    { what: 'aim', value: Number.NaN, most: Number.POSITIVE_INFINITY, unit: 'µs', reached: false },
  ];
  for (const cases of [
    [none('none', 0)],
    [none('none', 0), none('a', 1), none('b', 3)],
    [base, none('a', 0)],
  ]) {
    const html = reportHtml(report([group(cases)], { aims }));
    tags(html);
    checkPlaces(html);
    assert.doesNotMatch(html, /NaN|Infinity|∞|undefined|null/);
    assert.doesNotMatch(html, /points=""/);
  }
});

test('zeros, huge figures and costs below nothing are drawn within the chart', () => {
  const zero = made('none', 0, { ratios: { cpu: stat(1), rate: stat(1) }, latency: latency(0) });
  const huge = made('huge', 1e300, { latency: latency(1e200) });
  const below = [1, 3].map(filters => chain('below', filters, -2));
  const tiny = made('tiny', 1e-9, { latency: latency(1e-7) });
  for (const cases of [[zero], [zero, huge], [base, ...below], [base, huge, tiny], [tiny, base]]) {
    const html = reportHtml(report([group(cases)]));
    tags(html);
    checkPlaces(html);
    assert.doesNotMatch(html, /NaN|Infinity/);
  }
});

test('of many cases a chart of lines shows bases, the longest chains and those without a series', () => {
  const series = ['rust', 'go'].flatMap(name => [1, 3, 10, 30].map(filters => chain(name, filters, 2)));
  const html = reportHtml(report([group([base, ...series, made('alone', 40)])]));
  assert.match(html, /4 of 10 cases; the table has all/);
  const key = /Latency by percentile.*<ul class="key">(.*?)<\/ul>/s.exec(html)![1]!;
  assert.deepEqual(
    [...key.matchAll(/<\/svg>([^<]*)<\/li>/g)].map(m => m[1]),
    ['none', 'rust 30', 'go 30', 'alone'],
  );
  const many = Array.from({ length: 30 }, (_, index) => made(`case ${index}`, 30 + index));
  assert.match(reportHtml(report([group([base, ...many])])), /8 of 31 cases/);
});

test('far apart latencies stand on a logarithmic axis', () => {
  const ticks = (html: string) =>
    [...html.matchAll(/text-anchor="end" class="tick">([^<]*)</g)].map(m => Number(m[1]));
  const near = reportHtml(report([group([made('none', 30), made('b', 31)])]));
  assert.equal(ticks(near)[0], 0);
  const far = reportHtml(report([group([made('none', 30), made('b', 300)])]));
  assert.deepEqual(ticks(far).slice(0, 3), [1, 2, 5]);
});

test('a report of ratios is a page, too: no microseconds, no latency, no date', () => {
  const html = reportHtml(ratiosOnly(fullReport()));
  tags(html);
  checkPlaces(html);
  assert.doesNotMatch(html, /µs|Date|Latency by percentile/);
  assert.match(html, /% of the CPU of a request without filters, per filter/);
  assert.match(html, /CPU per request, to the base/);
});
