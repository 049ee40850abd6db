import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Status } from '../../../src/abi/types.ts';
import { FULL, NO_ROOM } from '../../../src/plugin/services.ts';
import { RedisStore } from '../../../src/runtime/store/redis.ts';
import { MemoryLog } from '../../support/log.ts';
import { until } from '../../support/wait.ts';
import { RedisServer, skip } from './redis-server.ts';

const MANY = 1 << 30;
const bytes = (...list: number[]) => Uint8Array.from(list);

class Receiver {
  readonly heard: number[] = [];
  onQueueReady(queue: number): void {
    this.heard.push(queue);
  }
}

/** A machine; `timeout` is long where a test isn't about it. */
async function machine(context: TestContext, { url }: RedisServer, timeout = 5000) {
  const log = new MemoryLog();
  const store = await RedisStore.start({ url, timeout, log });
  context.after(() => store.close());
  return { store, log };
}

/** Asks for something until Redis answers. */
const reached = (store: RedisStore) => until(() => store.get('s', 'x') !== Status.INTERNAL_FAILURE);

test('data: statuses, versions, limits, any bytes', { skip }, async context => {
  const server = await RedisServer.start(context);
  const { store } = await machine(context, server);
  const other = (await machine(context, server)).store;
  assert.equal(store.get('s', 'k'), Status.NOT_FOUND);
  assert.equal(store.set('s', 'k', bytes(1), 1, MANY), Status.CAS_MISMATCH);
  assert.equal(store.set('s', 'k', bytes(1, 2), 0, 66), FULL);
  assert.equal(store.set('s', 'k', bytes(1, 2), 0, 67), Status.OK);
  assert.deepEqual(other.get('s', 'k'), { value: bytes(1, 2), cas: 1 });
  assert.equal(other.set('s', 'k', bytes(), 2, 67), Status.CAS_MISMATCH);
  assert.equal(other.set('s', 'k', bytes(), 1, 67), Status.OK);
  assert.deepEqual(store.get('s', 'k'), { value: bytes(), cas: 2 });
  assert.equal(store.set('s', 'l', bytes(1), 0, 131), Status.OK);
  assert.equal(store.set('s', 'l', bytes(1, 2), 0, 131), FULL);
  assert.equal(store.set('t', 'l', bytes(1, 2), 0, 67), Status.OK);
  const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
  const large = new Uint8Array(3 << 20).map((_, i) => i * 7);
  for (const [scope, key] of [
    [all, ''],
    ['', all],
    ['', ''],
    ['', 'k'.repeat(1 << 16)],
  ] as const) {
    assert.equal(store.set(scope, key, large, 0, MANY), Status.OK);
    const got = other.get(scope, key);
    assert.ok(typeof got === 'object' && Buffer.from(got.value).equals(large));
    assert.equal(got.cas, 1);
  }
  // A view on a larger memory.
  store.set('s', 'v', new Uint8Array(large.buffer, 7, 2), 0, MANY);
  assert.deepEqual(other.get('s', 'v'), { value: bytes(49, 56), cas: 1 });
});

test('queues: statuses, order, ids that are the same everywhere', { skip }, async context => {
  const server = await RedisServer.start(context);
  const { store } = await machine(context, server);
  const other = (await machine(context, server)).store;
  assert.equal(other.resolveQueue('s', 'q'), 0);
  const queue = store.registerQueue('s', 'q', new Receiver());
  assert.ok(queue > 0 && queue <= 0xffffffff);
  assert.equal(other.resolveQueue('s', 'q'), queue);
  assert.equal(other.resolveQueue('', 'q'), 0);
  assert.equal(other.registerQueue('s', 'q', new Receiver()), queue);
  assert.notEqual(other.registerQueue('', 'sq', new Receiver()), queue);
  assert.equal(store.dequeue(queue), Status.EMPTY);
  for (const id of [0, 77, Number.NaN]) {
    assert.equal(store.enqueue(id, bytes(1), 10), Status.NOT_FOUND);
    assert.equal(store.dequeue(id), Status.NOT_FOUND);
  }
  for (const value of [bytes(1), bytes(), bytes(0, 255)]) {
    assert.equal(other.enqueue(queue, value, 3), Status.OK);
  }
  assert.equal(other.enqueue(queue, bytes(4), 3), FULL);
  assert.deepEqual(
    [store.dequeue(queue), other.dequeue(queue), store.dequeue(queue), store.dequeue(queue)],
    [bytes(1), bytes(), bytes(0, 255), Status.EMPTY],
  );
});

test('the last registrant of all machines hears once of each value, then the one before', {
  skip,
}, async context => {
  const server = await RedisServer.start(context);
  const [one, two, three] = await Promise.all(
    [1, 2, 3].map(async () => (await machine(context, server)).store),
  );
  const receivers = [new Receiver(), new Receiver(), new Receiver()] as const;
  const counts = () => receivers.map(({ heard }) => heard.length);
  const queue = one!.registerQueue('s', 'q', receivers[0]);
  two!.registerQueue('s', 'q', receivers[1]);
  three!.registerQueue('s', 'q', receivers[2]);
  for (let i = 0; i < 200; i++) one!.enqueue(queue, bytes(i), 1000);
  assert.deepEqual(counts(), [0, 0, 0]);
  await until(() => receivers[2].heard.length === 200);
  three!.leaveQueues(receivers[2]);
  for (let i = 0; i < 10; i++) three!.enqueue(queue, bytes(i), 1000);
  await until(() => receivers[1].heard.length === 10);
  for (let i = 0; i < 207; i++) three!.dequeue(queue);
  // It dies, and may not have seen to the three that are left: the next value tells.
  await two!.close();
  await until(() => {
    three!.enqueue(queue, bytes(9), 1000);
    return receivers[0].heard.length > 0;
  });
  assert.ok(receivers[0].heard.length >= 4, String(counts()));
  assert.deepEqual(counts().slice(1), [10, 200]);
});

test('queues: bytes of a scope, names that are not free, what one that died may not have seen to', {
  skip,
}, async context => {
  const server = await RedisServer.start(context);
  const { store } = await machine(context, server);
  const receivers = [new Receiver(), new Receiver()] as const;
  for (const scope of ['s', '', '3:\0)', '\n%d+']) {
    const queue = store.registerQueue(scope, 'q', receivers[0], 65);
    assert.ok(queue > 0);
    assert.equal(store.registerQueue(scope, 'r', receivers[0], 129), FULL);
    assert.equal(store.registerQueue(scope, 'q', receivers[0], 1), queue);
    const other = store.registerQueue(scope, 'r', receivers[0], 130);
    assert.ok(other > 0);
    assert.equal(store.set(scope, '', bytes(), 0, 193), FULL);
    assert.equal(store.enqueue(queue, new Uint8Array(37), 10, 100), NO_ROOM);
    assert.equal(store.enqueue(queue, new Uint8Array(36), 10, 100), Status.OK);
    assert.equal(store.enqueue(other, bytes(), 10, 163), NO_ROOM);
    assert.ok(typeof store.dequeue(queue) === 'object');
    assert.equal(store.enqueue(other, bytes(), 10, 64), Status.OK);
    assert.ok(typeof store.dequeue(other) === 'object');
  }
  const queue = store.registerQueue('s', 'q', receivers[0]);
  store.enqueue(queue, bytes(1), 10);
  const heard = () => receivers.map(r => r.heard.filter(id => id === queue).length);
  await until(() => heard()[0] === 2);
  store.leaveQueues(receivers[0], true);
  store.registerQueue('s', 'q', receivers[1]);
  await until(() => heard()[1]! >= 1);
});

test('machines that increment one key by its version lose no increment', { skip }, async context => {
  const server = await RedisServer.start(context);
  const { store } = await machine(context, server);
  store.set('s', 'n', new Uint8Array(4), 0, MANY);
  const count = 300;
  const run = () => {
    const workerData = { url: server.url, count };
    const worker = new Worker(new URL('./redis-increment.ts', import.meta.url), { workerData });
    worker.once('error', error => assert.fail(error));
    return new Promise(resolve => worker.once('exit', resolve));
  };
  assert.deepEqual(await Promise.all([run(), run()]), [0, 0]);
  const value = store.get('s', 'n');
  assert.ok(typeof value === 'object');
  assert.equal(Buffer.from(value.value).readUInt32LE(), 2 * count);
  assert.equal(value.cas, 2 * count + 1);
});

test('a server that dies and comes back: a clear status at once, one log line each way, queues as before', {
  skip,
}, async context => {
  const server = await RedisServer.start(context);
  const { store, log } = await machine(context, server);
  const receiver = new Receiver();
  const queue = store.registerQueue('s', 'q', receiver);
  store.set('s', 'k', bytes(7), 0, MANY);
  for (let round = 0; round < 2; round++) {
    await server.kill();
    await until(() => !store.up);
    const start = performance.now();
    for (let i = 0; i < 100; i++) {
      assert.equal(store.get('s', 'k'), Status.INTERNAL_FAILURE);
      assert.equal(store.set('s', 'k', bytes(), 0, MANY), Status.INTERNAL_FAILURE);
      assert.equal(store.enqueue(queue, bytes(1), 10), Status.INTERNAL_FAILURE);
      assert.equal(store.dequeue(queue), Status.INTERNAL_FAILURE);
      assert.equal(store.resolveQueue('s', 'q'), -1);
      assert.equal(store.registerQueue('s', 'r', new Receiver()), 0);
    }
    assert.ok(performance.now() - start < 1000);
    await server.start();
    await reached(store);
    assert.deepEqual(store.get('s', 'k'), { value: bytes(7), cas: 1 });
    const before = receiver.heard.length;
    assert.equal(store.enqueue(queue, bytes(1), 10), Status.OK);
    await until(() => receiver.heard.length > before);
    assert.deepEqual(store.dequeue(queue), bytes(1));
    const levels = log.lines.map(({ level }) => level);
    assert.deepEqual(levels, [
      'info',
      ...Array(round + 1)
        .fill(['error', 'info'])
        .flat(),
    ]);
  }
});

test('a server that stands still is waited for once; when it goes on, so does the store', {
  skip,
}, async context => {
  const server = await RedisServer.start(context);
  const { store } = await machine(context, server, 60);
  await until(() => store.set('s', 'k', bytes(7), 0, MANY) === Status.OK);
  server.pause(true);
  const start = performance.now();
  assert.equal(store.get('s', 'k'), Status.INTERNAL_FAILURE);
  assert.ok(performance.now() - start >= 59);
  const later = performance.now();
  for (let i = 0; i < 100; i++) assert.equal(store.get('s', 'k'), Status.INTERNAL_FAILURE);
  assert.ok(performance.now() - later < 1000);
  server.pause(false);
  await reached(store);
  assert.deepEqual(store.get('s', 'k'), { value: bytes(7), cas: 1 });
  assert.equal(store.get('s', 'other'), Status.NOT_FOUND);
});

test('a server that is not there yet: the store starts, and finds it later', { skip }, async context => {
  const server = await RedisServer.make(context);
  const { store, log } = await machine(context, server);
  assert.equal(store.up, false);
  assert.equal(store.get('s', 'k'), Status.INTERNAL_FAILURE);
  await sleep(200);
  assert.equal(log.lines.length, 1);
  assert.match(JSON.stringify(log.lines), /ECONNREFUSED/);
  await server.start();
  await until(() => store.up);
  assert.equal(store.set('s', 'k', bytes(1), 0, MANY), Status.OK);
});

test('what Redis refuses is logged once, and fails', { skip }, async context => {
  const server = await RedisServer.start(context);
  const { store, log } = await machine(context, server);
  // Another’s keys, of another type, where this one has counters.
  const thief = await RedisStore.start({ url: server.url, prefix: 'weir:bytes:', timeout: 5000, log });
  context.after(() => thief.close());
  thief.set('', 'k', bytes(1), 0, MANY);
  assert.equal(store.set('data:', 'k', bytes(1), 0, MANY), Status.INTERNAL_FAILURE);
  assert.equal(store.set('data:', 'k', bytes(1), 0, MANY), Status.INTERNAL_FAILURE);
  await until(() => log.at('error').length > 0);
  assert.equal(log.at('error').length, 1);
  assert.match(JSON.stringify(log.at('error')), /WRONGTYPE/);
});

test('a store thread that ends is started again, and registers what was registered', {
  skip,
}, async context => {
  const server = await RedisServer.start(context);
  const made: Worker[] = [];
  const keep = (worker: Worker) => void made.push(worker);
  process.on('worker', keep);
  context.after(() => process.off('worker', keep));
  const { store, log } = await machine(context, server);
  const receiver = new Receiver();
  const queue = store.registerQueue('s', 'q', receiver);
  assert.equal(made.length, 1);
  await made[0]!.terminate();
  assert.equal(store.get('s', 'k'), Status.INTERNAL_FAILURE);
  await until(() => store.up);
  assert.equal(store.enqueue(queue, bytes(1), 10), Status.OK);
  await until(() => receiver.heard.length > 0);
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ['info', 'error', 'info'],
  );
});

test('an address that is none is refused; it keeps no process from ending', { skip }, async context => {
  const log = new MemoryLog();
  for (const url of ['', 'localhost', 'http://127.0.0.1:6379', 'redis://']) {
    await assert.rejects(RedisStore.start({ url, log }), /redis:\/\/HOST/);
  }
  const { url } = await RedisServer.start(context);
  const source = new URL('../../../src/runtime/store/redis.ts', import.meta.url);
  const code = `import { RedisStore } from ${JSON.stringify(source)};
    const log = { info() {}, error() {} };
    const store = await RedisStore.start({ url: ${JSON.stringify(url)}, timeout: 5000, log });
    console.log(store.registerQueue('s', 'q', { onQueueReady() {} }) > 0);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], {
    timeout: 20_000,
  });
  assert.equal(stdout, 'true\n');
});

test('only the store thread loads the client', () => {
  const src = resolve(import.meta.dirname, '../../../src');
  const users = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    file => file.endsWith('.ts') && readFileSync(join(src, file), 'utf8').includes("'@redis/client'"),
  );
  assert.deepEqual(users, ['runtime/store/redis-thread.ts']);
});
