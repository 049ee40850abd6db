import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { CpuTime } from './cpu-time.ts';
import { type Assignment, NEWS, type Orders, type Place, TICK } from './protocol.ts';
import { Watch } from './watch.ts';
import { type Looked, Watchdog } from './watchdog.ts';

// Entry of the watchdog's thread: it never returns to its event loop, and ends by being terminated.
const { bell, watch } = workerData as Assignment;
const port = parentPort!;
const clock = () => performance.now();
const words = new Int32Array(bell);

/** Whom to watch may change. It is looked at like a thread, so that its messages wake the watchdog up as callbacks do. */
const news = {
  seen: Atomics.load(words, NEWS),
  quiet: Number.POSITIVE_INFINITY,
  get unchanged(): boolean {
    return Atomics.load(words, NEWS) === this.seen;
  },
  look(): number {
    if (this.unchanged) return TICK;
    this.seen = Atomics.load(words, NEWS);
    for (;;) {
      const received = receiveMessageOnPort(port) as { message: Orders } | undefined;
      if (received === undefined) return TICK;
      const orders = received.message;
      if ('forget' in orders) {
        watched.delete(orders.forget);
        arrange();
      } else begin(orders.watch);
    }
  },
};

const watched = new Map<number, Watch>();
const looked: Looked[] = [];

function begin(places: readonly Place[]): void {
  for (const { id, page, thread } of places) watched.set(id, new Watch(page, clock, CpuTime.of(thread)));
  arrange();
  port.postMessage(places.map(({ id }) => id));
}

function arrange(): void {
  // News comes last: it is its look that changes what stands before it.
  looked.splice(0, looked.length, ...watched.values(), news);
}

begin(watch);
const watchdog = new Watchdog(bell, looked);
for (;;) watchdog.round();
