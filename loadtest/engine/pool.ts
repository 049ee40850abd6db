/** One filter in a process of its own, which makes instances when told to: its garbage is nobody else's. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import { startRoot } from '../../src/plugin/root-start.ts';
import { endRoot } from '../../src/plugin/vm-slot.ts';
import { bytesOf, NO_LOG, pluginOptions, rewritten, SHIPPED } from './shipped.ts';
import { cpuTime, waited } from './support.ts';

/** How many instances of each kind to make. */
export interface PoolRequest {
  readonly count: number;
}

export interface PoolResult {
  /** µs each: `new Vm`; the same started and configured; that as `isolation: request` does, with memory used again. */
  readonly made: number[];
  readonly started: number[];
  readonly request: number[];
  /** µs of CPU of all threads for those that were started: with their end and all garbage collection. */
  readonly startedTotal: number;
  readonly requestTotal: number;
}

const filter = SHIPPED.find(f => f.name === process.argv[2])!;
const interrupter = await Interrupter.ofThread();
const compiled = await rewritten(new Uint8Array(await bytesOf(filter)));
const registry = new VmRegistry({ log: NO_LOG, interrupter });

function maker(isolation: 'shared' | 'request', starts: boolean): () => number {
  const options = { ...pluginOptions(filter), isolation };
  const slot = registry.start(compiled, options).vmSlot;
  const state = registry.state(options);
  /**
   * µs that this thread was busy, at the most: neither longer than it took without what it waited for a core, which
   * others who use the machine prolong, nor more than the CPU time of all threads, to which those that collect garbage
   * add.
   */
  return () => {
    const startWaited = waited();
    const startWall = performance.now();
    const start = cpuTime();
    const vm = slot.make(state);
    const root = starts ? startRoot(vm, options, state) : undefined;
    const cpu = cpuTime() - start;
    const wall = (performance.now() - startWall) * 1000;
    const busy = Math.min(cpu, wall - (waited() - startWaited));
    endRoot(root, state);
    vm.end();
    return busy;
  };
}

const make = maker('shared', false);
const start = maker('shared', true);
const startForRequest = maker('request', true);

/** One each time round the event loop, as in the pool of `isolation: request`. */
async function many(count: number, one: () => number): Promise<{ times: number[]; total: number }> {
  const times: number[] = [];
  const before = cpuTime();
  for (let i = 0; i < count; i++) {
    times.push(one());
    await nextTurn();
  }
  return { times, total: cpuTime() - before };
}

process.on('message', async ({ count }: PoolRequest) => {
  const made = await many(count, make);
  const started = await many(count, start);
  const request = await many(count, startForRequest);
  process.send?.({
    made: made.times,
    started: started.times,
    request: request.times,
    startedTotal: started.total,
    requestTotal: request.total,
  } satisfies PoolResult);
});
process.on('disconnect', () => process.exit(0));
