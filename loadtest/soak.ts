/**
 * Memory over time: a proxy under steady load, with filters of four languages, a rewriting one, and those that reach beyond their
 * streams: a token bucket in shared data, an HTTP call for each request, lines into a queue that a service ships.
 *
 *     npm run loadtest:soak -- [--minutes 10] [--connections 32] [--workers 2] [--json]
 *
 * Exit code 1 when requests failed, or memory at the end is more than 5 % over what it was after a tenth of the time.
 */
import { parseArgs } from 'node:util';
import { Child } from '../src/bench/child.ts';
import type { LoadRequest, LoadResult, Ready, Start, Usage } from '../src/bench/messages.ts';
import { Progress } from '../src/bench/progress.ts';
import { median } from '../src/bench/statistics.ts';
import { COMPONENTS, HEADERS, MODULES, REWRITE, shipped, weirWith } from './scenarios/weir.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    connections: { type: 'string', default: '32' },
    workers: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log('npm run loadtest:soak -- [--minutes 10] [--connections 32] [--workers 2] [--json]');
  process.exit(0);
}
const minutes = Number(values.minutes);
const connections = Number(values.connections);
const workers = Number(values.workers);
if (!(minutes > 0) || !(connections >= 1) || !(workers >= 1)) {
  console.error('--minutes, --connections and --workers are numbers above 0');
  process.exit(2);
}
/** Share that memory may have grown by. */
const MOST = 0.05;
/** Requests between two looks: about a second. */
const AMOUNT = 3000;

const filters = [
  ...MODULES.map(({ filter }) => filter),
  COMPONENTS[0]!.filter,
  {
    module: REWRITE,
    config: { response: [{ pattern: 'internal\\.example', replacement: 'www.example.com' }] },
  },
];
const reaching = { capabilities: { upstreams: ['app'], sharedData: true } };
const all = {
  ...Object.fromEntries(filters.map((filter, i) => [`filter-${i}`, filter])),
  'rate-limit': {
    module: shipped('rust/rate-limit/rate-limit'),
    ...reaching,
    config: { requests: 1_000_000, burst: 1_000_000, per: '1s' },
  },
  'ext-auth': {
    module: shipped('rust/ext-auth/ext-auth'),
    ...reaching,
    config: { upstream: 'app', headers: ['authorization'] },
  },
  'access-log': { module: shipped('cpp/access-log/access-log'), rootId: 'log', ...reaching },
};
const ship = {
  module: shipped('cpp/access-log/access-log'),
  rootId: 'ship',
  ...reaching,
  config: { upstream: 'app', interval: '200ms' },
};
const target = weirWith('weir', {
  workers,
  listeners: [{ address: '127.0.0.1:0', routes: [{ upstream: 'app', filters: Object.keys(all) }] }],
  upstreams: { app: { endpoints: ['UPSTREAM'] } },
  filters: { ...all, ship },
  services: [{ filter: 'ship' }],
});
const script = (name: string) => new URL(`../src/bench/${name}.ts`, import.meta.url);
const upstream = new Child('upstream', script('upstream'));
const generator = new Child('load generator', script('generator'));
const proxy = new Child('weir', target.script!);
const progress = new Progress();
const samples: { seconds: number; rss: number }[] = [];
let requests = 0;
let errors = 0;
let firstError = '';
try {
  const [{ url: upstreamUrl }] = await Promise.all([
    upstream.ask<Ready>({ upstream: '', input: 512 } satisfies Start),
    generator.next(),
  ]);
  const { url } = await proxy.ask<Ready>({ upstream: upstreamUrl, input: target.input } satisfies Start);
  const begin = performance.now();
  const seconds = () => (performance.now() - begin) / 1000;
  const loads = [
    { path: '/', headers: HEADERS },
    { path: '/bytes/65536', headers: HEADERS },
    { path: '/', method: 'POST', bodySize: 16_384, headers: { ...HEADERS, 'content-type': 'text/plain' } },
  ];
  for (let i = 0; seconds() < minutes * 60; i++) {
    const load = loads[i % loads.length]!;
    const request: LoadRequest = { key: '', url, load, connections, amount: AMOUNT, rate: 0, patience: 60 };
    const result = await generator.ask<LoadResult>(request);
    requests += result.answers;
    errors += result.errors;
    if (firstError === '') firstError = result.error;
    const { rss } = await proxy.ask<Usage>({});
    samples.push({ seconds: seconds(), rss });
    progress.show(
      `${requests} requests, ${Math.round(rss / 1e6)} MB`,
      Math.min(1, seconds() / (minutes * 60)),
    );
  }
} finally {
  progress.end();
  await Promise.all([upstream, generator, proxy].map(child => child.end()));
}

/** Median of what was resident around a moment, a twentieth of the run each way. */
function around(share: number): number {
  const total = minutes * 60;
  const near = samples.filter(({ seconds }) => Math.abs(seconds - share * total) <= total / 20);
  return median(near.map(({ rss }) => rss));
}
const after = around(0.1);
const end = around(0.95);
const growth = end / after - 1;
if (values.json) {
  const rss = samples.map(({ seconds, rss }) => [Math.round(seconds), rss]);
  console.log(JSON.stringify({ minutes, workers, requests, errors, after, end, growth, rss }));
} else {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(
    `${requests} requests in ${minutes} minutes, ${errors} errors${firstError === '' ? '' : ` (the first: ${firstError})`}, ${Object.keys(all).length} filters, ${workers} workers`,
  );
  for (let share = 0.1; share < 1; share += 0.1) {
    console.log(`  after ${(share * minutes).toFixed(1)} min  ${megabytes(around(share))}`);
  }
  const verdict = growth <= MOST ? 'reached' : 'not reached';
  console.log(
    `${verdict}: at the end ${(growth * 100).toFixed(1)} % more than after a tenth, aim at most 5 %`,
  );
}
process.exitCode = errors > 0 || growth > MOST ? 1 : 0;
