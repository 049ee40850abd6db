import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { Status } from '../../../src/abi/types.ts';
import { EmbeddedStore } from '../../../src/runtime/store/embedded.ts';
import { until } from '../../support/wait.ts';
import { blocks, check } from './check.ts';
import type { Task } from './thread.ts';

const MANY = 1 << 30;

class Threads {
  readonly store = EmbeddedStore.create({ maxBytes: 1 << 20 });
  readonly progress = new SharedArrayBuffer(64);
  readonly done = new Int32Array(this.progress);

  start(index: number, what: Task['what'], count = 0, resourceLimits: ResourceLimits = {}): Worker {
    const { store, progress } = this;
    const workerData: Task = { handle: store.handle(index), what, count, progress, index };
    return new Worker(new URL('./thread.ts', import.meta.url), { workerData, resourceLimits });
  }
}

const exit = (worker: Worker) => new Promise<number>(resolve => worker.once('exit', resolve));

test('threads that increment one key by its version lose no increment', async () => {
  const threads = new Threads();
  threads.store.set('s', 'n', new Uint8Array(8), 0, MANY);
  const workers = [0, 1, 2].map(index => threads.start(index, 'increment', 5000));
  assert.deepEqual(await Promise.all(workers.map(exit)), [0, 0, 0]);
  const value = threads.store.get('s', 'n');
  assert.ok(typeof value === 'object');
  assert.equal(Buffer.from(value.value).readBigUInt64LE(), 15_000n);
  assert.equal(value.cas, 15_001);
  check(threads.store.arena);
});

test('each value of a queue comes out once, in the thread that was called for it', async () => {
  const threads = new Threads();
  const count = 3000;
  const worker = threads.start(0, 'consume', count);
  const [queue] = (await once(worker, 'message')) as [number];
  const answer = once(worker, 'message');
  for (let i = 0; i < count; ) {
    const value = Buffer.alloc(4);
    value.writeUInt32LE(i);
    if (threads.store.enqueue(queue, value, 500) === Status.OK) i++;
    if (i % 700 === 0) await sleep(1);
  }
  const [{ taken, calls }] = (await answer) as [{ taken: number[]; calls: number }];
  assert.equal(calls, count);
  assert.deepEqual(
    taken,
    Array.from({ length: count }, (_, i) => i),
  );
  assert.equal(threads.store.dequeue(queue), Status.EMPTY);
  await worker.terminate();
});

test('threads die at any moment under load: others go on, and what is left is whole', async () => {
  const threads = new Threads();
  const { store, done } = threads;
  store.set('s', 'counter', new Uint8Array(8), 0, MANY);
  const workers = [0, 1, 2].map(index => threads.start(index, 'load'));
  for (const worker of workers) worker.once('error', error => assert.fail(error));
  await until(() => [0, 1, 2].every(index => done[index]! > 0));
  for (let round = 0; round < 8; round++) {
    const index = round % 3;
    await sleep(Math.random() * 20);
    await workers[index]!.terminate();
    store.recover(index);
    const before = [...done];
    await until(() => [0, 1, 2].every(other => other === index || done[other]! > before[other]!));
    workers[index] = threads.start(index, 'load');
    workers[index].once('error', error => assert.fail(error));
    await until(() => done[index]! > before[index]!);
  }
  await Promise.all(workers.map(worker => worker.terminate()));
  for (const index of [0, 1, 2]) store.recover(index);
  check(store.arena);
  const value = store.get('s', 'counter');
  assert.ok(typeof value === 'object');
  // Each version was one increment.
  assert.equal(Buffer.from(value.value).readBigUInt64LE(), BigInt(value.cas - 1));
});

test('a thread that dies of memory leaves a whole structure', async () => {
  const threads = new Threads();
  threads.store.set('s', 'counter', new Uint8Array(8), 0, MANY);
  const other = threads.start(1, 'load');
  const worker = threads.start(0, 'memory', 0, { maxOldGenerationSizeMb: 16 });
  const [error] = (await once(worker, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ERR_WORKER_OUT_OF_MEMORY');
  if (worker.threadId !== -1) await exit(worker);
  threads.store.recover(0);
  const before = threads.done[1]!;
  await until(() => threads.done[1]! > before);
  await other.terminate();
  threads.store.recover(1);
  check(threads.store.arena);
});

test('a lock that a dead thread holds stops the others only until it is recovered', async () => {
  const threads = new Threads();
  const { store, done } = threads;
  store.set('s', 'n', new Uint8Array(8), 0, MANY);
  const holder = threads.start(0, 'hold');
  await until(() => done[0] === 1);
  const other = threads.start(1, 'increment', 10);
  const ended = exit(other);
  assert.equal(store.get('s', 'n'), Status.INTERNAL_FAILURE, 'after a while');
  assert.equal(done[1], 0);
  await holder.terminate();
  store.recover(0);
  assert.equal(await ended, 0);
  assert.equal(done[1], 10);
  check(store.arena);
});

test('two threads die at once, one of them with the lock, and are recovered in the wrong order', async () => {
  const threads = new Threads();
  const { store, done } = threads;
  const waiter = threads.start(1, 'wait');
  await exit(waiter);
  const holder = threads.start(0, 'hold');
  await until(() => done[0] === 1);
  await holder.terminate();
  store.recover(1);
  store.recover(0);
  assert.equal(store.set('s', 'k', new Uint8Array(1), 0, MANY), Status.OK);
  // Scope, queue, key and value; the registration has gone.
  await until(() => blocks(store.arena).length === 4);
  check(store.arena);
});

test('who waits for values can end: nothing of the store keeps a thread or the process', async () => {
  const threads = new Threads();
  assert.equal(await exit(threads.start(0, 'wait')), 0);
  const url = new URL('../../../src/runtime/store/embedded.ts', import.meta.url);
  const code = `import { EmbeddedStore } from ${JSON.stringify(url)};
    const store = EmbeddedStore.create();
    const queue = store.registerQueue('s', 'q', { onQueueReady() { console.log('heard'); } });
    store.enqueue(queue, new Uint8Array(1), 10);
    setTimeout(() => store.handle(0) && store.recover(0), 20);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], {
    timeout: 20_000,
  });
  assert.equal(stdout, 'heard\n');
});
