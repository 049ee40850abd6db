/** One filter in a process of its own, which makes instances when told to: its garbage is nobody else's. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import { startRoot } from '../../src/plugin/root-start.ts';
import { endRoot } from '../../src/plugin/vm-slot.ts';
import { bytesOf, NO_LOG, pluginOptions, rewritten, SHIPPED } from './shipped.ts';
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
const options = pluginOptions(filter);
const registry = new VmRegistry({ log: NO_LOG, interrupter });
const slot = registry.start(compiled, options).vmSlot;
const state = registry.state(options);

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
