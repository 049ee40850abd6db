/**
 * What an instance costs, from a module that is compiled: `new Vm` alone; started and configured, as at a reload, or
 * after an eviction; and as the pool of `isolation: request` makes them, where memory is used again. What a module costs
 * before that, in a new process. Memory per instance: memory.ts.
 *
 *     node loadtest/engine/instantiate.ts [--seconds 50] [--only NAME] [--json]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FreshRequest, FreshResult } from './fresh.ts';
import type { PoolRequest, PoolResult } from './pool.ts';
import { bytesOf, SHIPPED, type Shipped } from './shipped.ts';
import { type Aim, median, options, progress, quantile, report } from './support.ts';

/** Instances of each kind before any counts. */
const WARM_UP = 200;
/** Instances of each kind in one turn of a filter. */
const TURN = 50;
/** Modules below this are what the aims are for. */
const SMALL = 200_000;
/** Processes for each filter, with and without a disk cache. */
const FRESH_ROUNDS = 3;

interface Subject {
  readonly filter: Shipped;
  readonly size: number;
  readonly process: ChildProcess;
  /** µs each. */
  readonly made: number[];
  readonly started: number[];
  readonly request: number[];
  /** µs of CPU for each instance of a turn, of those that were started. */
  readonly startedTotals: number[];
  readonly requestTotals: number[];
}

/** ms of each new instance of a filter, in the middle and at the 99th percentile. */
export interface ColdStart {
  readonly name: string;
  /** Bytes of the module, as shipped. */
  readonly size: number;
  readonly instances: number;
  readonly made: Quantiles;
  readonly started: Quantiles;
  readonly request: Quantiles;
  /** ms of CPU of all threads for one, with the collection of its garbage. */
  readonly startedCpu: number;
  readonly requestCpu: number;
}

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
}

/** Between its turns a process is idle, and V8 uses that to collect garbage, which under a steady load it does not. */
const start = (script: string, ...args: string[]) =>
  fork(new URL(script, import.meta.url), args, { execArgv: ['--no-memory-reducer'] });

/** Asks a child; it must not end before it answers. */
function ask<T>(child: ChildProcess, request: object): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) =>
      reject(new Error(`${child.spawnargs.slice(1).join(' ')} ended with ${code}`));
    child.once('exit', ended);
    child.once('message', message => {
      child.off('exit', ended);
      resolve(message as T);
    });
    child.send(request);
  });
}

async function warm(filters: readonly Shipped[], time: number): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const filter of filters) {
    progress(`warm-up: ${filter.name}`);
    const child = start('pool.ts', filter.name);
    await ask<PoolResult>(child, { count: WARM_UP } satisfies PoolRequest);
    const { length: size } = await bytesOf(filter);
    const lists = { made: [], started: [], request: [], startedTotals: [], requestTotals: [] };
    subjects.push({ filter, size, process: child, ...lists });
  }
  const end = performance.now() + time * 1000;
  do {
    for (const { filter, process: child, ...lists } of subjects) {
      progress(`${filter.name}: ${lists.started.length}`);
      const result = await ask<PoolResult>(child, { count: TURN } satisfies PoolRequest);
      lists.made.push(...result.made);
      lists.started.push(...result.started);
      lists.request.push(...result.request);
      lists.startedTotals.push(result.startedTotal / TURN);
      lists.requestTotals.push(result.requestTotal / TURN);
    }
  } while (performance.now() < end);
  for (const subject of subjects) subject.process.disconnect();
  return subjects;
}

const fresh = (request: FreshRequest) => ask<FreshResult>(start('fresh.ts'), request);

interface Cold {
  readonly filter: Shipped;
  readonly whole: FreshResult;
  readonly without: readonly FreshResult[];
  readonly with: readonly FreshResult[];
}

/** Each in turn, in new processes. The first fills the disk cache, the last measures rewriting too. */
async function cold(filters: readonly Shipped[]): Promise<Cold[]> {
  const directory = await mkdtemp(path.join(tmpdir(), 'weir-engine-'));
  try {
    const colds = filters.map(filter => ({
      filter,
      without: [] as FreshResult[],
      with: [] as FreshResult[],
    }));
    for (let round = 0; round <= FRESH_ROUNDS; round++) {
      for (const { filter, without, with: cached } of colds) {
        progress(`${filter.name}, new processes ${round}/${FRESH_ROUNDS}`);
        const { name } = filter;
        const kept = await fresh({ name, cache: directory, whole: round === FRESH_ROUNDS });
        if (round === 0) continue;
        cached.push(kept);
        without.push(await fresh({ name, cache: '', whole: false }));
      }
    }
    return colds.map(one => ({ ...one, whole: one.with.at(-1)! }));
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** New VMs of the filters whose modules are compiled, in processes of their own that take turns for so many seconds. */
export async function measureColdStart(
  seconds = 25,
  filters: readonly Shipped[] = SHIPPED,
): Promise<ColdStart[]> {
  const subjects = await warm(filters, seconds);
  const quantiles = (list: readonly number[]): Quantiles => ({
    p50: median(list) / 1000,
    p99: quantile(list, 0.99) / 1000,
  });
  return subjects.map(subject => ({
    name: subject.filter.name,
    size: subject.size,
    instances: subject.started.length,
    made: quantiles(subject.made),
    started: quantiles(subject.started),
    request: quantiles(subject.request),
    startedCpu: median(subject.startedTotals) / 1000,
    requestCpu: median(subject.requestTotals) / 1000,
  }));
}

const of = (list: readonly FreshResult[], key: keyof FreshResult) => median(list.map(r => r[key]));

function coldRow({ filter, without, with: cached, whole }: Cold): Readonly<Record<string, string>> {
  return {
    name: filter.name,
    'compile CPU': of(without, 'compileCpu').toFixed(1),
    '(wall)': of(without, 'compileWall').toFixed(1),
    'with disk cache': of(cached, 'compileCpu').toFixed(1),
    '(wall) ': of(cached, 'compileWall').toFixed(1),
    'first start': of(without, 'startCpu').toFixed(1),
    'first rewrite': whole.rewriteFirst.toFixed(1),
    'rewrite, warm': whole.rewriteWarm.toFixed(2),
    'MB/s': (whole.size / 1000 / whole.rewriteWarm).toFixed(0),
    'growth %': ((whole.rewrittenSize / whole.size - 1) * 100).toFixed(1),
  };
}

function warmRow(row: ColdStart): Readonly<Record<string, string | number>> {
  const { name, size, made, started, request, startedCpu, requestCpu, instances } = row;
  return {
    name,
    KB: (size / 1000).toFixed(0),
    'new Vm p50': made.p50.toFixed(3),
    p99: made.p99.toFixed(3),
    'started p50': started.p50.toFixed(3),
    ' p99': started.p99.toFixed(3),
    'all threads': startedCpu.toFixed(3),
    'request p50': request.p50.toFixed(3),
    '  p99': request.p99.toFixed(3),
    'all threads ': requestCpu.toFixed(3),
    instances,
  };
}

const aimsOf = (what: string, { p50, p99 }: Quantiles): Aim[] => [
  { what: `${what}, p50`, value: p50, most: 0.3, unit: ' ms' },
  { what: `${what}, p99`, value: p99, most: 1, unit: ' ms' },
];

async function main(): Promise<void> {
  const { seconds, json, chosen } = options('node loadtest/engine/instantiate.ts');
  const filters = SHIPPED.filter(({ name }) => chosen(name));
  const starts = await measureColdStart(seconds / 2, filters);
  const colds = await cold(filters);
  progress('');
  const aims = starts
    .filter(({ size }) => size < SMALL)
    .flatMap(({ name, made, started, request }) => [
      ...aimsOf(`${name}, new Vm`, made),
      ...aimsOf(`${name}, started`, started),
      ...aimsOf(`${name}, started for a request`, request),
    ]);
  report(
    json,
    [
      { title: 'instances of compiled modules, ms', rows: starts.map(warmRow) },
      { title: 'modules in a new process, ms', rows: colds.map(coldRow) },
    ],
    aims,
  );
  process.exit(0);
}

if (import.meta.main) await main();
