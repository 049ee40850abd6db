/**
 * What a component costs beside a module: the same filter, add-header, built by each toolchain; a whole request's CPU as
 * a ratio to the Rust module's, the start of an instance, memory.
 *
 *     node loadtest/engine/component.ts [--seconds 50] [--only NAME] [--json]
 */
import { readFile } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PluginChain } from '../../src/chain/chain.ts';
import { sha256 } from '../../src/engine/compile.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { type CompiledFilter, compileFilter } from '../../src/plugin/compile.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import { exchange, NO_LOG, pluginOptions, SHIPPED, type Shipped } from './shipped.ts';
import {
  cpuTime,
  interleave,
  median,
  options,
  progress,
  quantile,
  ratioOf,
  ratioText,
  report,
} from './support.ts';

const TURN = 15_000;
const WARM_UP = 400_000;
const STARTS = 400;
const HEAP_INSTANCES = 100;

const { seconds, json, chosen } = options('node loadtest/engine/component.ts');
const [base] = SHIPPED as [Shipped];

const SUBJECTS = [
  { name: 'Rust module', file: base.file, straight: true },
  { name: 'Rust component', file: 'rust/add-header-component/add-header-component.wasm', straight: true },
  { name: 'C component', file: 'c/add-header-component/add-header-component.wasm', straight: true },
  {
    name: 'AssemblyScript component',
    file: 'assemblyscript/add-header-component/add-header-component.wasm',
    straight: true,
  },
  {
    name: 'Rust component, through jco',
    file: 'rust/add-header-component/add-header-component.wasm',
    straight: false,
  },
].filter(({ name }) => name === 'Rust module' || chosen(name));

const interrupter = await Interrupter.ofThread();

async function compiledOf(file: string): Promise<CompiledFilter> {
  const bytes = await readFile(new URL(`../../filters/${file}`, import.meta.url));
  const hash = sha256(bytes);
  return compileFilter({ bytes, hash, limits: pluginOptions(base).limits, plugs: [], key: hash }, undefined);
}

/** ms of each start of a plugin in a VM of its own. */
function starts(compiled: CompiledFilter, straight: boolean): number[] {
  const times: number[] = [];
  const registry = new VmRegistry({ log: NO_LOG, interrupter, straight });
  for (let i = 0; i < STARTS; i++) {
    const begin = performance.now();
    const plugin = registry.start(compiled, { ...pluginOptions(base), vmId: String(i) });
    times.push(performance.now() - begin);
    plugin.close();
  }
  return times.slice(STARTS >> 2);
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of JavaScript heap that an instance keeps. */
function heapOf(compiled: CompiledFilter, straight: boolean): number {
  const registry = new VmRegistry({ log: NO_LOG, interrupter, straight });
  const start = (i: number) => registry.start(compiled, { ...pluginOptions(base), vmId: `heap ${i}` });
  start(-1);
  collect();
  const before = process.memoryUsage().heapUsed;
  const plugins = Array.from({ length: HEAP_INSTANCES }, (_, i) => start(i));
  collect();
  const bytes = (process.memoryUsage().heapUsed - before) / HEAP_INSTANCES;
  for (const plugin of plugins) plugin.close();
  return bytes;
}

const rows = [];
const turns: (() => number)[] = [];
const results: string[] = [];
const facts: { size: number; start: number[]; memory: number; heap: number }[] = [];
for (const { name, file, straight } of SUBJECTS) {
  progress(name);
  const compiled = await compiledOf(file);
  const registry = new VmRegistry({ log: NO_LOG, interrupter, straight });
  const plugin = registry.start(compiled, pluginOptions(base));
  const chain = new PluginChain([plugin], NO_LOG);
  results.push(exchange(chain, base).join());
  const begin = cpuTime();
  let calls = 0;
  while (cpuTime() - begin < WARM_UP) {
    exchange(chain, base);
    calls++;
  }
  const count = Math.max(1, Math.floor((calls * TURN) / WARM_UP));
  turns.push(() => {
    const start = cpuTime();
    for (let i = 0; i < count; i++) exchange(chain, base);
    return (cpuTime() - start) / count;
  });
  const { memorySize: memory } = plugin.vms()[0]!;
  facts.push({
    size: compiled.size,
    start: starts(compiled, straight),
    memory,
    heap: heapOf(compiled, straight),
  });
}
if (new Set(results).size > 1) throw new Error(`results differ: ${results.join(' | ')}`);
progress('measuring');
const rounds = interleave(turns, seconds);
progress('');
for (const [i, { name }] of SUBJECTS.entries()) {
  const { size, start, memory, heap } = facts[i]!;
  rows.push({
    name,
    'µs/request': median(rounds.map(round => round[i]!)).toFixed(2),
    'to the module': ratioText(ratioOf(rounds, i, 0)),
    'start p50 ms': median(start).toFixed(3),
    'start p99 ms': quantile(start, 0.99).toFixed(3),
    'memory KiB': memory / 1024,
    'JS heap KiB': (heap / 1024).toFixed(1),
    'code KiB': Math.round(size / 1024),
  });
}
const straight = SUBJECTS.map((subject, i) => ({ ...subject, i })).filter(s => s.i > 0 && s.straight);
report(
  json,
  [{ title: 'add-header, whole requests', rows }],
  straight.flatMap(({ name, i }) => [
    { what: `${name}, to the module`, value: ratioOf(rounds, i, 0).median, most: 2, unit: 'x' },
    { what: `${name}, a request`, value: median(rounds.map(round => round[i]!)), most: 5, unit: 'µs' },
    { what: `${name}, start p50`, value: median(facts[i]!.start), most: 1, unit: 'ms' },
  ]),
);
process.exit(0);
