/** A worker of test/filters/rate-limit.test.ts: sends requests through a VM of its own, as fast as they go. */
import { parentPort, workerData } from 'node:worker_threads';
import { NO_SERVICES } from '../../src/plugin/no-services.ts';
import { EmbeddedStore, type StoreHandle } from '../../src/runtime/store/embedded.ts';
import { startShipped } from '../support/shipped-plugin.ts';

export interface Task {
  readonly handle: StoreHandle;
  readonly config: object;
  readonly keys: readonly string[];
  readonly requests: number;
  /** One word: how many threads are ready. They begin together. */
  readonly ready: SharedArrayBuffer;
  readonly threads: number;
}

const { handle, config, keys, requests, ready, threads } = workerData as Task;
const store = EmbeddedStore.open(handle);
const { exchange, plugin, log } = await startShipped('rate-limit', { ...NO_SERVICES, store }, config);
const waiting = new Int32Array(ready);
Atomics.add(waiting, 0, 1);
Atomics.notify(waiting, 0);
for (let n = Atomics.load(waiting, 0); n < threads; n = Atomics.load(waiting, 0)) Atomics.wait(waiting, 0, n);

const passed: Record<string, number> = {};
for (let i = 0; i < requests; i++) {
  for (const key of keys) {
    if (exchange(['x-key', key]).response?.status === 200) passed[key] = (passed[key] ?? 0) + 1;
  }
}
parentPort!.postMessage({ passed, log: log.texts });
plugin.close();
store.close();
