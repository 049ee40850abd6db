import { Worker } from 'node:worker_threads';
import { flagMemory } from './run.ts';

/** Raises `flag` some milliseconds after each `arm`, from a thread of its own. */
export interface Watchdog {
  readonly flag: WebAssembly.Memory;
  arm(): void;
  end(): Promise<number>;
}

const THREAD = `
  const { workerData: { flag, go, delay } } = require('node:worker_threads');
  const never = new Int32Array(new SharedArrayBuffer(4));
  Atomics.store(go, 1, 1);
  Atomics.notify(go, 1);
  for (;;) {
    Atomics.wait(go, 0, 0);
    Atomics.store(go, 0, 0);
    Atomics.wait(never, 0, 0, delay);
    Atomics.store(flag, 0, 1);
  }`;

/** A watchdog thread that has started. */
export function startWatchdog(delay: number): Watchdog {
  const flag = flagMemory();
  const word = new Int32Array(flag.buffer);
  const go = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(THREAD, { eval: true, workerData: { flag: word, go, delay } });
  Atomics.wait(go, 1, 0, 10_000);
  return {
    flag,
    arm() {
      Atomics.store(word, 0, 0);
      Atomics.store(go, 0, 1);
      Atomics.notify(go, 0);
    },
    end: () => worker.terminate(),
  };
}
