import { parentPort, workerData } from 'node:worker_threads';
import { CpuTime } from './cpu-time.ts';
import type { Assignment } from './protocol.ts';
import { Watch } from './watch.ts';
import { Watchdog } from './watchdog.ts';

// Entry of the watchdog's thread: it never returns to its event loop, and ends by being terminated.
const { bell, slots } = workerData as Assignment;
const clock = () => performance.now();
const watchdog = new Watchdog(
  bell,
  slots.map(({ page, thread }) => new Watch(page, clock, CpuTime.of(thread))),
);
parentPort?.postMessage('watching');
for (;;) watchdog.round();
