/**
 * CPU per request of the proxy, against the least a forwarder can do: every round runs each target once, in turn,
 * so that what the machine does otherwise hits all alike. Ratios are what counts; absolute figures are this machine's.
 *
 *     npm run loadtest -- [--rounds 6] [--amount 20000] [--connections 32]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { LoadRequest, LoadResult } from './load.ts';
import type { TargetMessage } from './targets/target.ts';

interface Target {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
}

interface Running {
  readonly target: Target;
  readonly process: ChildProcess;
  readonly url: string;
  /** µs of CPU per request, a figure a round. */
  readonly cpu: number[];
  readonly rate: number[];
  readonly p99: number[];
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '6' },
    amount: { type: 'string', default: '20000' },
    connections: { type: 'string', default: '32' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log('npm run loadtest -- [--rounds N] [--amount REQUESTS] [--connections N]');
  process.exit(0);
}
const rounds = Number(values.rounds);
const amount = Number(values.amount);
const connections = Number(values.connections);
const shipped = (name: string) => new URL(`../filters/rust/${name}/${name}.wasm`, import.meta.url).pathname;
const filter = shipped('add-header');
const component = shipped('add-header-component');
const NO_FILTER = 'weir, no filter';
const MODULE = 'weir, 1 Rust header filter';
const MODULES = 'weir, 3 Rust header filters';
const COMPONENT = 'weir, 1 Rust header component';
const COMPONENTS = 'weir, 3 Rust header components';

const targets: readonly Target[] = [
  { name: 'bare node:http + undici', script: 'bare-undici.ts', args: [] },
  { name: 'http-proxy alone', script: 'http-proxy.ts', args: [] },
  { name: NO_FILTER, script: 'weir.ts', args: ['undici'] },
  { name: MODULE, script: 'weir.ts', args: ['undici', filter] },
  { name: MODULES, script: 'weir.ts', args: ['undici', filter, filter, filter] },
  { name: COMPONENT, script: 'weir.ts', args: ['undici', component] },
  { name: COMPONENTS, script: 'weir.ts', args: ['undici', component, component, component] },
  { name: 'weir, wasi:http component', script: 'weir.ts', args: ['undici', shipped('http-greeter')] },
  { name: 'weir, http-proxy, no filter', script: 'weir.ts', args: ['http-proxy'] },
];

/** The next message of a child; it must not end before. */
function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => {
      reject(new Error(`${child.spawnargs.slice(1).join(' ')} ended with ${code}`));
    };
    child.once('exit', ended);
    child.once('message', message => {
      child.off('exit', ended);
      resolve(message as T);
    });
  });
}

/** Between its turns a target is idle, and V8 uses that to collect garbage, which under a steady load it does not. */
const EXEC = ['--disable-warning=DEP0060', '--no-memory-reducer'];

function start(script: string, args: readonly string[]): ChildProcess {
  return fork(new URL(script, import.meta.url), args, { execArgv: EXEC });
}

async function cpuOf(child: ChildProcess): Promise<number> {
  child.send({});
  return (await answer<TargetMessage>(child)).cpu!;
}

async function load(generator: ChildProcess, request: LoadRequest): Promise<LoadResult> {
  generator.send(request);
  return answer<LoadResult>(generator);
}

const sorted = (list: readonly number[]) => [...list].sort((a, b) => a - b);
const median = (list: readonly number[]) => sorted(list)[list.length >> 1]!;

const upstream = start('targets/upstream.ts', []);
const upstreamUrl = (await answer<TargetMessage>(upstream)).url!;
const generator = start('load.ts', []);
const running: Running[] = [];
for (const target of targets) {
  const child = start(`targets/${target.script}`, [upstreamUrl, ...target.args]);
  const { url } = await answer<TargetMessage>(child);
  running.push({ target, process: child, url: url!, cpu: [], rate: [], p99: [] });
}

let failed = false;
/** Rounds in which code gets compiled; not counted. */
const WARM_UP = 2;
for (let round = 1 - WARM_UP; round <= rounds; round++) {
  for (const run of running) {
    process.stderr.write(`\r\x1b[Kround ${Math.max(round, 0)}/${rounds}: ${run.target.name}`);
    const before = await cpuOf(run.process);
    const result = await load(generator, { url: run.url, connections, amount });
    const after = await cpuOf(run.process);
    if (result.errors > 0) {
      failed = true;
      process.stderr.write(`\r\x1b[K${run.target.name}: ${result.errors} errors\n`);
    }
    if (round < 1) continue;
    run.cpu.push((after - before) / result.answers);
    run.rate.push(result.rate);
    run.p99.push(result.p99);
  }
}
process.stderr.write('\r\x1b[K');
for (const child of [generator, upstream, ...running.map(r => r.process)]) child.disconnect();

const base = running[0]!;
const rows = running.map(run => {
  const ratios = run.cpu.map((cpu, i) => cpu / base.cpu[i]!);
  const spread = sorted(ratios);
  const quarter = Math.floor(spread.length / 4);
  return {
    target: run.target.name,
    'CPU µs/request': median(run.cpu).toFixed(1),
    'ratio to bare': median(ratios).toFixed(2),
    'middle half': `${spread[quarter]!.toFixed(2)}-${spread.at(-1 - quarter)!.toFixed(2)}`,
    'requests/s': Math.round(median(run.rate)),
    'p99 ms': median(run.p99),
  };
});
console.table(rows);
/** µs that the filters of a target add. */
const added = (name: string) => {
  const cost = (target: string) => median(running.find(run => run.target.name === target)!.cpu);
  return (cost(name) - cost(NO_FILTER)).toFixed(1);
};
console.log(`one Rust header filter: ${added(MODULE)} µs per request; three: ${added(MODULES)} µs`);
console.log(`the same as components: ${added(COMPONENT)} µs; three: ${added(COMPONENTS)} µs`);
process.exit(failed ? 1 : 0);
