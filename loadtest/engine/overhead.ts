/**
 * What being interruptible costs: rewritten modules against the originals, as ratios of CPU time. Turns of both, and
 * of a second copy of the original that shows what the ratio of equal code is here, come one after the other.
 *
 *     node loadtest/engine/overhead.ts [--seconds 50] [--only NAME] [--json]
 */
import { setFlagsFromString } from 'node:v8';
import wabt from 'wabt';
import { PluginChain } from '../../src/chain/chain.ts';
import type { CompiledModule } from '../../src/engine/compile.ts';
import { makeMemories } from '../../src/engine/instantiate.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import { LOOPS, type Loop } from './loops.ts';
import {
  bytesOf,
  exchange,
  NO_LOG,
  original,
  pluginOptions,
  rewritten,
  SHIPPED,
  type Shipped,
  salted,
} from './shipped.ts';
import {
  cpuTime,
  geometricMean,
  interleave,
  median,
  options,
  progress,
  type Ratio,
  ratioOf,
  ratioText,
  report,
} from './support.ts';

/** How often each variant is compiled: where code lies in memory decides more than a check does. */
const COPIES = 4;
/** µs of CPU of one turn; of whole requests, so that garbage is collected in each. */
const TURN = 4_000;
const REQUESTS_TURN = 15_000;
/** µs of CPU before anything counts, at the most. */
const WARM_UP = 400_000;
/** µs of CPU after the first function of a loop has been optimised: the others follow. */
const SETTLING = 60_000;

type Call = () => unknown;

interface Row {
  readonly name: string;
  /** µs per call of the original. */
  readonly base: number;
  readonly ratio: Ratio;
  readonly control: Ratio;
}

const { seconds, json, chosen } = options('node loadtest/engine/overhead.ts');
const interrupter = await Interrupter.ofThread();
const assembler = await wabt();
setFlagsFromString('--allow-natives-syntax');
const optimised = new Function('f', 'return %IsTurboFanFunction(f)') as (f: unknown) => boolean;

function assemble({ name, text }: Loop): Uint8Array {
  const module = assembler.parseWat(`${name}.wat`, text, { bulk_memory: true });
  try {
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}

/** CPU µs per call, over a turn; `calls` of them take about one. */
function turnOf(call: Call, calls: number): () => number {
  return () => {
    const start = cpuTime();
    for (let i = 0; i < calls; i++) call();
    return (cpuTime() - start) / calls;
  };
}

/** How many calls take that many µs. */
function callsIn(call: Call, turn: number): number {
  const start = cpuTime();
  let calls = 0;
  while (cpuTime() - start < turn) {
    call();
    calls++;
  }
  return calls;
}

/** The loop's `run`, when V8 has optimised what is hot in it. */
function loopOf(compiled: CompiledModule, n: number): Call {
  const imports = makeMemories(compiled, interrupter.memory).imports;
  const { exports } = new WebAssembly.Instance(compiled.module, imports);
  const functions = Object.values(exports).filter(f => typeof f === 'function');
  const run = exports['run'] as (n: number) => number;
  const start = cpuTime();
  for (let ready = start; cpuTime() - ready < SETTLING; ) {
    run(n);
    // One is enough: what was put into its callers is optimised there only.
    if (!functions.some(optimised)) ready = cpuTime();
    if (ready - start > WARM_UP) throw new Error('V8 does not optimise the loop');
  }
  return () => run(n);
}

function measure(name: string, copies: readonly (readonly Call[])[], turn: number, time: number): Row {
  const rounds = copies.flatMap(variants => {
    const calls = callsIn(variants[0]!, turn);
    return interleave(
      variants.map(call => turnOf(call, calls)),
      time / copies.length,
    );
  });
  const base = median(rounds.map(round => round[0]!));
  return { name, base, ratio: ratioOf(rounds, 1, 0), control: ratioOf(rounds, 2, 0) };
}

async function loopRow(loop: Loop, time: number): Promise<Row> {
  const bytes = assemble(loop);
  const copies: Call[][] = [];
  for (let copy = 0; copy < COPIES; copy++) {
    const changed = await rewritten(salted(bytes, 3 * copy));
    const modules = [
      await original(salted(bytes, 3 * copy + 1), changed.facts),
      changed,
      await original(salted(bytes, 3 * copy + 2), changed.facts),
    ];
    const variants = modules.map(module => loopOf(module, loop.n));
    if (new Set(variants.map(run => run())).size > 1) throw new Error(`${loop.name}: results differ`);
    copies.push(variants);
  }
  return measure(loop.name, copies, TURN, time);
}

async function filterRow(filter: Shipped, time: number): Promise<Row> {
  const bytes = new Uint8Array(await bytesOf(filter));
  const changed = await rewritten(bytes);
  const modules = [
    await original(bytes, changed.facts),
    changed,
    await original(salted(bytes, 1), changed.facts),
  ];
  const variants = modules.map(module => {
    const registry = new VmRegistry({ log: NO_LOG, interrupter });
    const chain = new PluginChain([registry.start(module, pluginOptions(filter))], NO_LOG);
    return () => exchange(chain, filter);
  });
  const results = variants.map(run => run().join());
  if (new Set(results).size > 1) throw new Error(`${filter.name}: results differ`);
  const calls = callsIn(variants[0]!, TURN);
  const start = cpuTime();
  while (cpuTime() - start < variants.length * WARM_UP) for (const run of variants) turnOf(run, calls)();
  return measure(filter.name, [variants], REQUESTS_TURN, time);
}

const rowText = ({ name, base, ratio, control }: Row, unit: string) => ({
  name,
  [unit]: base.toFixed(1),
  'rewritten / original': ratioText(ratio),
  'original / original': ratioText(control),
});

const loops = LOOPS.filter(({ name }) => chosen(name));
const filters = SHIPPED.filter(({ name }) => chosen(name));
const loopRows: Row[] = [];
for (const loop of loops) {
  progress(loop.name);
  loopRows.push(await loopRow(loop, (seconds * 0.3) / loops.length));
}
const filterRows: Row[] = [];
for (const filter of filters) {
  progress(filter.name);
  filterRows.push(await filterRow(filter, (seconds * 0.5) / filters.length));
}
progress('');

const mean = (rows: readonly Row[]) => geometricMean(rows.map(row => row.ratio.median));
report(
  json,
  [
    { title: 'tight loops', rows: loopRows.map(row => rowText(row, 'µs/call')) },
    { title: 'shipped filters, whole requests', rows: filterRows.map(row => rowText(row, 'µs/request')) },
  ],
  [
    { what: 'tight loops, geometric mean', value: mean(loopRows), most: 1.15, unit: 'x' },
    { what: 'shipped filters, geometric mean', value: mean(filterRows), most: 1.03, unit: 'x' },
    // With --only there may be none of a kind.
  ].filter(({ value }) => !Number.isNaN(value)),
);
process.exit(0);
