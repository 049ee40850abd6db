/** A thread of test/runtime/store/threads.test.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { FULL } from '../../../src/plugin/services.ts';
import { EmbeddedStore, type StoreHandle } from '../../../src/runtime/store/embedded.ts';

export interface Task {
  readonly handle: StoreHandle;
  readonly what: 'increment' | 'consume' | 'load' | 'memory' | 'hold' | 'wait';
  /** Increments to make, or values to put in. */
  readonly count: number;
  /** One word for each thread: how much it has done. */
  readonly progress: SharedArrayBuffer;
  readonly index: number;
}

const MANY = 1 << 30;
const { handle, what, count, progress, index } = workerData as Task;
const done = new Int32Array(progress);
const store = EmbeddedStore.open(handle);

function increment(key: string): void {
  for (;;) {
    const old = store.get('s', key);
    const next = Buffer.alloc(8);
    if (typeof old === 'object') next.writeBigUInt64LE(Buffer.from(old.value).readBigUInt64LE() + 1n);
    // The first one is written before.
    if (store.set('s', key, next, typeof old === 'object' ? old.cas : 1, MANY) === 0) return;
  }
}

/** Some of everything, in sizes that split and join blocks. */
function load(i: number): void {
  const size = (i * 7919) % 3000;
  const queue = store.registerQueue('s', `q${i % 3}`, RECEIVER);
  const statuses = [
    store.set('s', `k${(i * 31) % 200}`, new Uint8Array(size).fill(size), 0, MANY),
    store.enqueue(queue, new Uint8Array(size >> 1), 50),
  ];
  if (statuses.some(status => status !== 0 && status !== FULL)) throw new Error(String(statuses));
  if (i % 5 === 0) increment('counter');
  const value = store.get('s', `k${(i * 17) % 200}`);
  if (typeof value === 'object' && value.value.some(byte => byte !== (value.value.length & 255))) {
    throw new Error('a torn value');
  }
  if (i % 2 === 0) store.dequeue(queue);
  if (i % 11 === 0) store.leaveQueues(RECEIVER);
}

const RECEIVER = { onQueueReady() {} };

switch (what) {
  case 'increment':
    for (let i = 0; i < count; i++) {
      increment('n');
      done[index] = i + 1;
    }
    break;
  case 'consume': {
    const taken: number[] = [];
    let calls = 0;
    // Held open by this alone: the store doesn't.
    parentPort!.once('message', () => {});
    const queue = store.registerQueue('s', 'jobs', {
      onQueueReady(id) {
        calls++;
        const value = store.dequeue(id);
        if (typeof value === 'object') taken.push(Buffer.from(value).readUInt32LE());
        if (calls === count) parentPort!.postMessage({ taken, calls });
      },
    });
    parentPort!.postMessage(queue);
    break;
  }
  case 'load':
    for (let i = index * 1000; ; i++) {
      load(i);
      Atomics.add(done, index, 1);
    }
  case 'memory': {
    const hoard: unknown[] = [];
    for (let i = 0; ; i++) {
      load(i);
      hoard.push(Array.from({ length: 100 }, () => ({ i })));
      Atomics.add(done, index, 1);
    }
  }
  case 'hold':
    store.arena.enter();
    store.arena.change();
    Atomics.store(done, index, 1);
    Atomics.wait(done, index, 1);
    break;
  case 'wait':
    store.registerQueue('s', 'q', RECEIVER);
    break;
}
