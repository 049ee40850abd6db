/** One filter in a process of its own, which makes instances when told to: its garbage is nobody else's. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { link } from '../../src/abi/link.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { startRoot } from '../../src/plugin/root-start.ts';
import { PluginState } from '../../src/plugin/state.ts';
import { endRoot, VmSlot } from '../../src/plugin/vm-slot.ts';
import { WASI_PREVIEW1 } from '../../src/wasi/index.ts';
import { bytesOf, LIMITS, NO_LOG, pluginOptions, rewritten, SHIPPED } from './shipped.ts';
import { cpuTime } from './support.ts';

/** How many instances of each kind to make. */
export interface PoolRequest {
  readonly count: number;
}

export interface PoolResult {
  /** µs each: `new Vm`, and the same started and configured. */
  readonly made: number[];
  readonly started: number[];
  /** µs of CPU of all threads for those that were started: with their end and all garbage collection. */
  readonly total: number;
}

const filter = SHIPPED.find(f => f.name === process.argv[2])!;
const interrupter = await Interrupter.ofThread();
const compiled = await rewritten(new Uint8Array(await bytesOf(filter)));
const linkage = link(compiled, WASI_PREVIEW1);
const spec = { compiled, linkage, vmId: '', vmConfig: Buffer.alloc(0), environment: [] };
const slot = new VmSlot(spec, interrupter);
const options = pluginOptions(filter);
const state = new PluginState(filter.name, LIMITS, NO_LOG);

/**
 * µs that this thread was busy, at the most: that is neither longer than it took, which others who use the machine
 * prolong, nor more than the CPU time of all threads, to which those that collect garbage add.
 */
function make(started: boolean): number {
  const startWall = performance.now();
  const start = cpuTime();
  const vm = slot.make(state);
  const root = started ? startRoot(vm, options, state) : undefined;
  const cpu = cpuTime() - start;
  const wall = (performance.now() - startWall) * 1000;
  endRoot(root, state);
  return Math.min(cpu, wall);
}

/** One each time round the event loop, as in the pool of `isolation: request`. */
async function many(count: number, started: boolean): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    times.push(make(started));
    await nextTurn();
  }
  return times;
}

process.on('message', async ({ count }: PoolRequest) => {
  const made = await many(count, false);
  const start = cpuTime();
  const started = await many(count, true);
  process.send?.({ made, started, total: cpuTime() - start } satisfies PoolResult);
});
process.on('disconnect', () => process.exit(0));
