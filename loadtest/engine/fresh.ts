/** One filter in a process of its own, where nothing is warm: the first compilation and start, rewriting. */
import { compile, sha256 } from '../../src/engine/compile.ts';
import { DiskCache } from '../../src/engine/disk-cache.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { rewrite } from '../../src/engine/rewrite/index.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import { bytesOf, LIMITS, NO_LOG, pluginOptions, SHIPPED } from './shipped.ts';
import { cpuTime, median } from './support.ts';

export interface FreshRequest {
  readonly name: string;
  /** Directory of the disk cache; empty: none. */
  readonly cache: string;
  /** Also the speed of rewriting, which takes longer. */
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
}

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
  registry.start(compiled, options);
  const startCpu = (cpuTime() - start) / 1000;
  const figures = { size: bytes.length, rewrittenSize: compiled.size, compileCpu, compileWall, startCpu };
  if (!whole) return { ...figures, rewriteFirst: 0, rewriteWarm: 0 };

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
  };
}

process.on('message', async (request: FreshRequest) => {
  process.send?.(await run(request), () => process.exit(0));
});
