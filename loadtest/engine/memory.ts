/**
 * What a live VM takes beside its linear memory: many of each shipped filter, started and configured, in a process of its
 * own. A page of linear memory that nobody wrote to is not resident: all are written to in the end, so what is left over
 * is ours and V8's.
 *
 *     node loadtest/engine/memory.ts [--only NAME] [--json]
 */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { sha256 } from '../../src/engine/compile.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { compileFilter } from '../../src/plugin/compile.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import { startRoot } from '../../src/plugin/root-start.ts';
import { LIMITS, NO_LOG, pluginOptions, SHIPPED, type Shipped } from './shipped.ts';
import { type Aim, options, progress, report } from './support.ts';

const KIB = 1024;
const PAGE = 4096;
/** Made before any counts: what V8 compiles at the first calls is nobody's. */
const FIRST = 20;
/** Live VMs of a filter, and how much linear memory they may have together. */
const MOST = 1000;
const LINEAR_MAX = 1024 * KIB * KIB;
/** Beside its linear memory a VM may take that much, in KiB: 0.3 MB. */
const AIM = 300_000 / KIB;

const ADD_HEADER = SHIPPED.find(({ name }) => name === 'add-header')!;
const component = (language: string, folder: string): Shipped => ({
  ...ADD_HEADER,
  name: `add-header, component, ${language}`,
  file: `${language}/${folder}/${folder}.wasm`,
});
const SUBJECTS: readonly Shipped[] = [
  ...SHIPPED,
  ...['rust', 'c', 'assemblyscript', 'go'].map(language => component(language, 'add-header-component')),
  component('javascript', 'add-header'),
];

/** KiB of one live VM, but for `vms`. */
export interface VmMemory {
  readonly name: string;
  readonly vms: number;
  readonly linear: number;
  /** Resident: as it is, and when all pages of linear memory have been written to. */
  readonly resident: number;
  readonly touched: number;
  readonly heap: number;
}

/** Bytes of the process that are resident and no file's. */
const resident = () => {
  const status = readFileSync('/proc/self/status', 'latin1');
  return Number(/^RssAnon:\s+(\d+)/m.exec(status)![1]) * KIB;
};

async function run({ name, file }: Shipped): Promise<VmMemory> {
  const filter = SUBJECTS.find(subject => subject.name === name)!;
  const bytes = new Uint8Array(await readFile(new URL(`../../filters/${file}`, import.meta.url)));
  const hash = sha256(bytes);
  const compiled = await compileFilter({ bytes, hash, limits: LIMITS, plugs: [], key: hash }, undefined);
  const settings = pluginOptions(filter);
  const registry = new VmRegistry({ log: NO_LOG, interrupter: await Interrupter.ofThread() });
  const slot = registry.start(compiled, settings).vmSlot!;
  const state = registry.state(settings);
  const { Memory } = WebAssembly;
  const memories: WebAssembly.Memory[] = [];
  WebAssembly.Memory = new Proxy(Memory, {
    construct: (target, args) => {
      memories.push(Reflect.construct(target, args));
      return memories.at(-1)!;
    },
  });
  const live = Array.from({ length: FIRST }, () => startRoot(slot.make(state), settings, state));
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const collect = async () => {
    for (let i = 0; i < 3; i++) {
      gc();
      await nextTurn();
    }
  };
  await collect();
  const linear = live[0]!.vm.memorySize;
  const vms = Math.min(MOST, Math.floor(LINEAR_MAX / linear));
  memories.length = 0;
  const before = { resident: resident(), heap: process.memoryUsage().heapUsed };
  for (let i = 0; i < vms; i++) live.push(startRoot(slot.make(state), settings, state));
  await collect();
  const after = { resident: resident(), heap: process.memoryUsage().heapUsed };
  for (const memory of memories) {
    const all = new Uint8Array(memory.buffer);
    for (let at = 0; at < all.length; at += PAGE) all[at] = all[at]!;
  }
  const touched = resident();
  const each = (value: number) => value / vms / KIB;
  return {
    name,
    vms: live.length - FIRST,
    linear: linear / KIB,
    resident: each(after.resident - before.resident),
    touched: each(touched - before.resident),
    heap: each(after.heap - before.heap),
  };
}

/** One filter after the other, each in a process of its own; Linux only. */
export async function measureMemory(chosen: (name: string) => boolean = () => true): Promise<VmMemory[]> {
  const rows: VmMemory[] = [];
  for (const subject of SUBJECTS.filter(({ name }) => chosen(name))) {
    progress(subject.name);
    rows.push(
      await new Promise((resolve, reject) => {
        const child = fork(import.meta.filename, ['--child']);
        child.once('message', row => resolve(row as VmMemory));
        child.once('exit', code => reject(new Error(`${subject.name}: ended with ${code}`)));
        child.send(subject);
      }),
    );
  }
  return rows;
}

async function main(): Promise<void> {
  const { json, chosen } = options('node loadtest/engine/memory.ts');
  const rows = await measureMemory(chosen);
  progress('');
  const tables = rows.map(({ name, vms, linear, resident, touched, heap }) => ({
    name,
    vms,
    'linear KiB': linear.toFixed(0),
    'resident KiB': resident.toFixed(0),
    'all touched KiB': touched.toFixed(0),
    'over linear KiB': (touched - linear).toFixed(0),
    'of it heap KiB': heap.toFixed(1),
  }));
  const aims = rows.map(({ name, touched, linear }): Aim => {
    return {
      what: `${name}, over its linear memory`,
      value: touched - linear,
      most: Math.floor(AIM),
      unit: ' KiB',
    };
  });
  report(json, [{ title: 'memory of one live VM, started and configured', rows: tables }], aims);
}

if (process.argv[2] === '--child' && process.send !== undefined) {
  process.once('message', async (subject: Shipped) => {
    process.send?.(await run(subject), () => process.exit(0));
  });
} else if (import.meta.main) await main();
