/**
 * What an instance costs, from a module that is compiled: `new Vm` alone, and started and configured as the pool of
 * `isolation: request` makes them; what a module costs before that, in a new process; and memory per instance.
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
  /** µs of CPU of each turn's instances that were started. */
  readonly totals: number[];
}

const { seconds, json, chosen } = options('node loadtest/engine/instantiate.ts');
const filters = SHIPPED.filter(({ name }) => chosen(name));

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

async function warm(time: number): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const filter of filters) {
    progress(`warm-up: ${filter.name}`);
    const child = start('pool.ts', filter.name);
    await ask<PoolResult>(child, { count: WARM_UP } satisfies PoolRequest);
    const { length: size } = await bytesOf(filter);
    subjects.push({ filter, size, process: child, made: [], started: [], totals: [] });
  }
  const end = performance.now() + time * 1000;
  do {
    for (const { filter, process: child, made, started, totals } of subjects) {
      progress(`${filter.name}: ${started.length}`);
      const result = await ask<PoolResult>(child, { count: TURN } satisfies PoolRequest);
      made.push(...result.made);
      started.push(...result.started);
      totals.push(result.total / TURN);
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

/** Each in turn, in new processes. The first fills the disk cache, the last measures memory too. */
async function cold(): Promise<Cold[]> {
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

const subjects = await warm(seconds / 2);
const colds = await cold();
progress('');

const ms = (micros: number) => (micros / 1000).toFixed(3);
const of = (list: readonly FreshResult[], key: keyof FreshResult) => median(list.map(r => r[key]));
const warmRows = subjects.map(({ filter, size, made, started, totals }) => ({
  name: filter.name,
  KB: (size / 1000).toFixed(0),
  'new Vm p50': ms(median(made)),
  p99: ms(quantile(made, 0.99)),
  'started p50': ms(median(started)),
  'started p99': ms(quantile(started, 0.99)),
  'all threads': ms(median(totals)),
  instances: started.length,
}));
const memoryRows = colds.map(({ filter, whole }) => ({
  name: filter.name,
  'linear KiB': whole.linear.toFixed(0),
  'resident KiB': whole.rss.toFixed(0),
  'external KiB': whole.external.toFixed(0),
  'heap KiB': whole.heap.toFixed(1),
}));
const coldRows = colds.map(({ filter, without, with: cached, whole }) => ({
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
}));
const aims = subjects
  .filter(subject => subject.size < SMALL)
  .flatMap(({ filter: { name }, made, started }): Aim[] => [
    { what: `${name}, new Vm, p50`, value: median(made) / 1000, most: 0.3, unit: ' ms' },
    { what: `${name}, new Vm, p99`, value: quantile(made, 0.99) / 1000, most: 1, unit: ' ms' },
    { what: `${name}, started, p50`, value: median(started) / 1000, most: 0.3, unit: ' ms' },
    { what: `${name}, started, p99`, value: quantile(started, 0.99) / 1000, most: 1, unit: ' ms' },
  ]);
report(
  json,
  [
    { title: 'instances of compiled modules, ms', rows: warmRows },
    { title: 'memory of one live instance, started', rows: memoryRows },
    { title: 'modules in a new process, ms', rows: coldRows },
  ],
  aims,
);
process.exit(0);
