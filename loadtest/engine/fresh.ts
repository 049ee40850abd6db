/** One filter in a process of its own, where nothing is warm: the first compilation and start, memory, rewriting. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compile, sha256 } from '../../src/engine/compile.ts';
import { DiskCache } from '../../src/engine/disk-cache.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { rewrite } from '../../src/engine/rewrite/index.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import { startRoot } from '../../src/plugin/root-start.ts';
import { bytesOf, LIMITS, NO_LOG, pluginOptions, SHIPPED } from './shipped.ts';
import { cpuTime, median } from './support.ts';

export interface FreshRequest {
  readonly name: string;
  /** Directory of the disk cache; empty: none. */
  readonly cache: string;
  /** Also memory and speed of rewriting, which take longer. */
  readonly whole: boolean;
}

export interface FreshResult {
  /** Bytes as shipped, and rewritten. */
  readonly size: number;
  readonly rewrittenSize: number;
  /** ms of CPU, and on the wall, from bytes to compiled. */
  readonly compileCpu: number;
  readonly compileWall: number;
  /** ms of CPU to the first VM that is started and configured: code is compiled when it is first called. */
  readonly startCpu: number;
  /** ms of CPU of the first `rewrite` and of later ones. */
  readonly rewriteFirst: number;
  readonly rewriteWarm: number;
  /** KiB per live instance: linear memory, growth of what is resident, of what V8 knows to be external, of its heap. */
  readonly linear: number;
  readonly rss: number;
  readonly external: number;
  readonly heap: number;
}

const INSTANCES = 60;
/** ms of CPU, by which rewriting has been optimised. */
const REWRITING = 600;

async function run({ name, cache, whole }: FreshRequest): Promise<FreshResult> {
  const filter = SHIPPED.find(f => f.name === name)!;
  const bytes = new Uint8Array(await bytesOf(filter));
  const hash = sha256(bytes);
  const interrupter = await Interrupter.ofThread();
  const disk = cache === '' ? undefined : await DiskCache.open(cache, NO_LOG);

  const startWall = performance.now();
  let start = cpuTime();
  const compiled = await compile(bytes, hash, LIMITS, disk);
  const compileCpu = (cpuTime() - start) / 1000;
  const compileWall = performance.now() - startWall;

  start = cpuTime();
  const options = pluginOptions(filter);
  const registry = new VmRegistry({ log: NO_LOG, interrupter });
  const slot = registry.start(compiled, options).vmSlot;
  const startCpu = (cpuTime() - start) / 1000;
  const figures = { size: bytes.length, rewrittenSize: compiled.size, compileCpu, compileWall, startCpu };
  const none = { rewriteFirst: 0, rewriteWarm: 0, linear: 0, rss: 0, external: 0, heap: 0 };
  if (!whole) return { ...figures, ...none };

  const state = registry.state(options);
  const make = () => startRoot(slot.make(state), options, state);
  const live = [make()];
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 5; i++) make();
  collect();
  const before = process.memoryUsage();
  for (let i = 0; i < INSTANCES; i++) live.push(make());
  collect();
  const after = process.memoryUsage();
  const each = (of: 'rss' | 'external' | 'heapUsed') => (after[of] - before[of]) / INSTANCES / 1024;

  const times: number[] = [];
  for (const first = cpuTime(); cpuTime() - first < REWRITING * 1000; ) {
    start = cpuTime();
    rewrite(bytes, LIMITS);
    times.push((cpuTime() - start) / 1000);
  }
  return {
    ...figures,
    // With a disk cache that had it, this was the first.
    rewriteFirst: times[0]!,
    rewriteWarm: median(times.slice(times.length >> 1)),
    linear: live[0]!.vm.memorySize / 1024,
    rss: each('rss'),
    external: each('external'),
    heap: each('heapUsed'),
  };
}

process.on('message', async (request: FreshRequest) => {
  process.send?.(await run(request), () => process.exit(0));
});
