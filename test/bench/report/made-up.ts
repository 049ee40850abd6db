import type { CaseResult, FilterCost, GroupResult, Latency, Report, Stat } from '../../../src/bench/types.ts';

/** A figure and ends a share of it away. */
export function stat(median: number, spread = 0.03): Stat {
  return { median, low: median - Math.abs(median) * spread, high: median + Math.abs(median) * spread };
}

export function latency(p50: number): Latency {
  const at = (percentile: number) => p50 * (1 - Math.log10(1 - percentile / 100)) ** 1.5 * 0.66;
  const percentiles = [25, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.99];
  return {
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: at(99.999),
    distribution: percentiles.map(percentile => [percentile, at(percentile)] as const),
  };
}

/** Filters that cost so many µs each, over a request of so many. */
export function cost(filters: number, micros: number, of: number): FilterCost {
  return { filters, micros: stat(micros, 0.35), share: stat(micros / of, 0.35) };
}

/** µs of the base of all made-up groups. */
export const BASE = 30;

/** A case that takes so many µs, compared with a base that takes 30. */
export function made(name: string, cpu: number, more: Partial<CaseResult> = {}): CaseResult {
  return {
    name,
    series: '',
    filters: 0,
    base: 'none',
    requests: 120_000,
    errors: 0,
    error: '',
    rate: stat(900_000 / cpu),
    cpu: stat(cpu),
    latency: latency(cpu / 20),
    peakMemory: 81_000_000 + cpu * 100_000,
    ratios: { cpu: stat(cpu / BASE), rate: stat(BASE / cpu) },
    cost: null,
    ...more,
  };
}

/** A chain of a series: `rust` with three filters is `rust 3`. */
export function chain(series: string, filters: number, micros: number): CaseResult {
  const cpu = BASE + filters * micros;
  return made(`${series} ${filters}`, cpu, { series, filters, cost: cost(filters, micros, BASE) });
}

export function group(cases: readonly CaseResult[], more: Partial<GroupResult> = {}): GroupResult {
  return { name: 'headers', title: 'Header filters', unit: 'request', fixedRate: 0, cases, ...more };
}

export function report(groups: readonly GroupResult[], more: Partial<Report> = {}): Report {
  return {
    version: 1,
    title: 'Filters under load',
    command: 'weir bench config/bench.yaml',
    date: '2026-11-21T20:15:00.000Z',
    machine: { node: 'v24.21.0', platform: 'linux x64', cpus: 2 },
    rounds: 12,
    slice: 2,
    connections: 32,
    groups,
    aims: [],
    ...more,
  };
}

/** With everything that a report can have. */
export function fullReport(): Report {
  const base = made('none', BASE, { base: 'none' });
  return report(
    [
      group([
        base,
        ...[1, 3, 10].map(filters => chain('rust', filters, 1.9)),
        ...[1, 3, 10].map(filters => chain('go', filters, 6.4)),
        ...[1, 3, 10].map(filters => chain('rust component', filters, 9.3)),
      ]),
      group(
        [
          made('bare node:http + undici', 25, { base: 'bare node:http + undici' }),
          made('weir, no filter', 30, { base: 'bare node:http + undici' }),
          made('http-proxy alone', 46, { base: 'bare node:http + undici' }),
          made('nginx', 12.5, { base: 'bare node:http + undici' }),
        ],
        { name: 'proxies', title: 'Proxies without filters', fixedRate: 5000 },
      ),
      group([base, made('fails', 31, { errors: 3, error: 'status 503' })], {
        name: 'sockets',
        title: 'WebSocket messages',
        unit: 'message',
      }),
    ],
    {
      aims: [
        { what: 'A Rust header filter', value: 1.9, most: 3, unit: 'µs', reached: true },
        { what: 'Weir to a bare forwarder', value: 1.2, most: 1.15, unit: '×', reached: false },
      ],
    },
  );
}
