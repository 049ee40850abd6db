/**
 * What interruption costs: entering and leaving a callback, how late an endless one ends, and what CPU the watchdog
 * takes. Takes some 20 s; the figures are this machine's, and lateness is only meant on an idle one.
 *
 *     node loadtest/engine/interrupt.ts
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CpuTime, ownThread } from '../../src/engine/interrupt/cpu-time.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { makeGuest } from '../../test/engine/interrupt/guest.ts';

type Row = Record<string, string | number>;

const interrupter = await Interrupter.ofThread();
const guest = makeGuest(interrupter.memory);
const watchdog = findWatchdog();

const quantile = (sorted: readonly number[], q: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
const round = (value: number, digits = 2) => Number(value.toFixed(digits));

/** What the system says of the watchdog's thread, by its name. */
function findWatchdog(): CpuTime | undefined {
  if (ownThread() === undefined) return undefined;
  const thread = readdirSync('/proc/self/task').find(id =>
    readFileSync(`/proc/self/task/${id}/comm`, 'utf8').startsWith('weir watchdog'),
  );
  return CpuTime.of(thread);
}

/** ns of one turn of `body`, which runs `turns` of them: the least of some rounds. */
function cost(body: (turns: number) => void): number {
  const turns = 2_000_000;
  let least = Infinity;
  for (let i = 0; i < 15; i++) {
    const start = performance.now();
    body(turns);
    least = Math.min(least, ((performance.now() - start) * 1e6) / turns);
  }
  return least;
}

function handshake(): Row[] {
  const plain = cost(turns => {
    for (let i = 0; i < turns; i++) guest.nop();
  });
  const watched = cost(turns => {
    for (let i = 0; i < turns; i++) {
      interrupter.enter(10);
      guest.nop();
      interrupter.leave();
    }
  });
  const varied = cost(turns => {
    for (let i = 0; i < turns; i++) {
      interrupter.enter(10 + (i & 1));
      guest.nop();
      interrupter.leave();
    }
  });
  return [
    { what: 'call of an empty function', ns: round(plain, 1) },
    { what: 'with enter and leave', ns: round(watched, 1), more: round(watched - plain, 1) },
    { what: 'with another budget each time', ns: round(varied, 1), more: round(varied - plain, 1) },
  ];
}

/** Endless callbacks, with a pause of random length before each. */
async function lateness(budget: number, count: number): Promise<Row> {
  const late: number[] = [];
  // The same in CPU time of this thread, which the machine's noise doesn't touch.
  const onCpu: number[] = [];
  for (let i = 0; i < count; i++) {
    await sleep(1 + Math.random() * 3);
    const before = process.threadCpuUsage();
    const start = performance.now();
    interrupter.enter(budget);
    try {
      guest.endless();
    } catch {
      interrupter.leave();
    }
    late.push(performance.now() - start - budget);
    const { user, system } = process.threadCpuUsage(before);
    onCpu.push((user + system) / 1000 - budget);
  }
  late.sort((a, b) => a - b);
  onCpu.sort((a, b) => a - b);
  return {
    'budget ms': budget,
    count,
    'late p50': round(quantile(late, 0.5)),
    p90: round(quantile(late, 0.9)),
    p99: round(quantile(late, 0.99)),
    max: round(late.at(-1)!),
    'CPU min': round(onCpu[0]!),
    'CPU p50': round(quantile(onCpu, 0.5)),
    'CPU p99': round(quantile(onCpu, 0.99)),
    'CPU max': round(onCpu.at(-1)!),
  };
}

/** CPU of the watchdog while `load` runs, in % of one CPU. */
async function watchdogCpu(what: string, load: () => Promise<void>): Promise<Row> {
  watchdog?.read();
  const before = watchdog?.used ?? Number.NaN;
  const cpu = process.cpuUsage();
  const start = performance.now();
  await load();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  watchdog?.read();
  return {
    what,
    'watchdog %': round(((watchdog?.used ?? Number.NaN) - before) * (100 / ms), 3),
    'process %': round((user + system) / ms / 10, 2),
  };
}

/** Callbacks of some µs at a rate, in bursts of 1 ms. */
async function callbacks(rate: number, ms: number): Promise<void> {
  const end = performance.now() + ms;
  let last = performance.now();
  while (last < end) {
    await sleep(1);
    const now = performance.now();
    for (let due = ((now - last) * rate) / 1000; due >= 1; due--) {
      interrupter.enter(10);
      guest.spin(1000);
      interrupter.leave();
    }
    last = now;
  }
}

console.log('Handshake, ns');
console.table(handshake());

console.log('Lateness of the end of endless callbacks: ms on the wall, and ms of CPU time');
console.table([await lateness(1, 400), await lateness(10, 200), await lateness(100, 25)]);

console.log('CPU of the watchdog, % of one');
await sleep(1000);
console.table([
  await watchdogCpu('no callbacks', () => sleep(2500)),
  await watchdogCpu('10,000 callbacks/s', () => callbacks(10_000, 2500)),
  await watchdogCpu('one callback all the time', async () => {
    interrupter.enter(2500);
    try {
      guest.endless();
    } catch {
      interrupter.leave();
    }
  }),
]);
