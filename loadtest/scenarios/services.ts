import type { Scenario } from '../../src/bench/scenario.ts';
import { type FilterInput, HEADERS, RUST, repeat, shipped, weir, weirWith } from './weir.ts';

/** Weir with one filter that may call the upstream and use shared data. */
const reaching = (name: string, filter: string, config: object) =>
  weir(name, [
    {
      module: shipped(filter),
      capabilities: { upstreams: ['app'], sharedData: true },
      limits: { calls: 1000 },
      config,
    },
  ]);

const extAuth = (name: string, more: object = {}) =>
  reaching(name, 'rust/ext-auth/ext-auth', { upstream: 'app', headers: ['authorization'], ...more });

/** What reaches beyond the stream, in each request. */
export function calls(): Scenario {
  const load = { path: '/', headers: HEADERS };
  const targets = [
    weir('no filter'),
    extAuth('ext-auth: an HTTP call'),
    extAuth('ext-auth, cached', { cache: { ttl: '1h', entries: 100 } }),
    reaching('rate-limit: shared data', 'rust/rate-limit/rate-limit', {
      requests: 1_000_000,
      burst: 1_000_000,
      per: '1s',
    }),
  ];
  return {
    name: 'calls',
    title: 'An HTTP call for each request; a token bucket in shared data',
    targets,
    cases: targets.map(({ name }, i) => ({ name, target: name, load, filters: i === 0 ? 0 : 1 })),
  };
}

function working(name: string, workers: number, filters: readonly FilterInput[]) {
  const names = filters.map((_, i) => `filter-${i}`);
  return weirWith(name, {
    workers,
    listeners: [{ address: '127.0.0.1:0', routes: [{ upstream: 'app', filters: names }] }],
    upstreams: { app: { endpoints: ['UPSTREAM'] } },
    filters: Object.fromEntries(filters.map((filter, i) => [names[i]!, filter])),
  });
}

/** The same work on one thread and on two: CPU per request is what another core costs. */
export function workers(): Scenario {
  const load = { path: '/', headers: HEADERS };
  const ten = repeat(RUST, 10);
  const targets = [
    working('1 worker, no filter', 1, []),
    working('2 workers, no filter', 2, []),
    working('1 worker, 10 Rust header filters', 1, ten),
    working('2 workers, 10 Rust header filters', 2, ten),
  ];
  return {
    name: 'workers',
    title: 'One worker and two',
    targets,
    cases: targets.map(({ name }, i) => ({ name, target: name, load, base: targets[i & 2]!.name })),
  };
}
