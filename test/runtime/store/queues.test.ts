import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { Status } from '../../../src/abi/types.ts';
import { FULL, NO_ROOM } from '../../../src/plugin/services.ts';
import { EmbeddedStore } from '../../../src/runtime/store/embedded.ts';
import { MAX_QUEUES } from '../../../src/runtime/store/queues.ts';
import { until } from '../../support/wait.ts';
import { check } from './check.ts';

const bytes = (...list: number[]) => Uint8Array.from(list);

class Receiver {
  readonly heard: number[] = [];
  onQueueReady(queue: number): void {
    this.heard.push(queue);
  }
}

/** Nothing more comes after that. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn();
}

/** A second thread’s view of the store, in this thread. */
const other = (store: EmbeddedStore, index: number) => EmbeddedStore.open(store.handle(index));

test('values come out in order, empty ones too, then the queue is empty', () => {
  const store = EmbeddedStore.create();
  const queue = store.registerQueue('s', 'q', new Receiver());
  assert.ok(queue > 0);
  assert.equal(store.dequeue(queue), Status.EMPTY);
  const values = [bytes(1), bytes(), bytes(2, 3), new Uint8Array(1 << 20).fill(5)];
  for (const value of values) assert.equal(store.enqueue(queue, value, 10), Status.OK);
  assert.equal(store.usage.values, 4);
  for (const value of values) {
    const out = store.dequeue(queue);
    assert.ok(typeof out === 'object' && Buffer.from(out).equals(value));
  }
  assert.equal(store.dequeue(queue), Status.EMPTY);
  check(store.arena);
});

test('a queue is found by scope and name once it was registered; its id is the same everywhere', () => {
  const store = EmbeddedStore.create();
  const second = other(store, 0);
  assert.equal(second.resolveQueue('s', 'q'), 0);
  const queue = store.registerQueue('s', 'q', new Receiver());
  assert.equal(second.resolveQueue('s', 'q'), queue);
  assert.equal(second.resolveQueue('', 'q'), 0);
  assert.equal(second.resolveQueue('s', ''), 0);
  assert.equal(second.registerQueue('s', 'q', new Receiver()), queue);
  assert.notEqual(store.registerQueue('t', 'q', new Receiver()), queue);
  check(store.arena);
});

test('an id that nobody was given is not found', () => {
  const store = EmbeddedStore.create();
  store.registerQueue('s', 'q', new Receiver());
  for (const id of [0, -1, 2, 1.5, MAX_QUEUES, MAX_QUEUES + 1, 0xffffffff, Number.NaN]) {
    assert.equal(store.enqueue(id, bytes(1), 10), Status.NOT_FOUND, String(id));
    assert.equal(store.dequeue(id), Status.NOT_FOUND, String(id));
  }
});

test('a queue takes as many values as it may have', () => {
  const store = EmbeddedStore.create();
  const queue = store.registerQueue('s', 'q', new Receiver());
  assert.equal(store.enqueue(queue, bytes(1), 0), FULL);
  assert.equal(store.enqueue(queue, bytes(1), 2), Status.OK);
  assert.equal(store.enqueue(queue, bytes(2), 2), Status.OK);
  assert.equal(store.enqueue(queue, bytes(3), 2), FULL);
  assert.deepEqual(store.dequeue(queue), bytes(1));
  assert.equal(store.enqueue(queue, bytes(3), 2), Status.OK);
  assert.equal(store.enqueue(queue, new Uint8Array(128 << 20), 3), NO_ROOM);
  check(store.arena);
});

test('the values of a scope have as many bytes as they may have, and none is free', () => {
  const store = EmbeddedStore.create();
  const [a, b] = ['a', 'b'].map(name => store.registerQueue('s', name, new Receiver()));
  const other = store.registerQueue('t', 'a', new Receiver());
  assert.equal(store.enqueue(a!, new Uint8Array(37), 10, 100), NO_ROOM);
  assert.equal(store.enqueue(a!, new Uint8Array(36), 10, 100), Status.OK);
  assert.equal(store.enqueue(b!, bytes(), 10, 163), NO_ROOM);
  assert.equal(store.enqueue(b!, bytes(), 10, 164), Status.OK);
  assert.equal(store.enqueue(other, new Uint8Array(36), 10, 100), Status.OK);
  check(store.arena);
  assert.equal((store.dequeue(a!) as Uint8Array).length, 36);
  assert.equal(store.enqueue(b!, new Uint8Array(36), 10, 164), Status.OK);
  assert.equal(store.enqueue(b!, bytes(), 10, 164), NO_ROOM);
  check(store.arena);
});

test('what one that left had not heard of is news to the next, however late that comes', async () => {
  const store = EmbeddedStore.create();
  const queue = store.registerQueue('s', 'q', new Receiver());
  const first = new Receiver();
  store.registerQueue('s', 'q', first);
  for (let i = 0; i < 3; i++) store.enqueue(queue, bytes(i), 10);
  store.leaveQueues(first);
  store.close();
  const again = EmbeddedStore.create();
  const q = again.registerQueue('s', 'q', first);
  again.enqueue(q, bytes(1), 10);
  again.leaveQueues(first);
  const next = new Receiver();
  again.registerQueue('s', 'q', next);
  await until(() => next.heard.length === 1);
  again.dequeue(q);
  again.leaveQueues(next, true);
  again.enqueue(q, bytes(2), 10);
  again.registerQueue('s', 'q', first);
  await until(() => first.heard.length === 1);
  await quiet();
  assert.deepEqual([first.heard.length, next.heard.length], [1, 1]);
});

test('one that can not hear any more is called no more; the next hears of the rest', async () => {
  const store = EmbeddedStore.create();
  const dying = {
    heard: 0,
    deaf: false,
    onQueueReady() {
      this.heard++;
      this.deaf = true;
    },
  };
  const queue = store.registerQueue('s', 'q', dying);
  for (let i = 0; i < 3; i++) store.enqueue(queue, bytes(i), 10);
  await until(() => dying.heard === 1);
  await quiet();
  assert.equal(dying.heard, 1);
  store.leaveQueues(dying, true);
  const next = new Receiver();
  store.registerQueue('s', 'q', next);
  await until(() => next.heard.length === 3);
});

test('receivers that take long don’t hold up the event loop', async () => {
  const store = EmbeddedStore.create();
  let calls = 0;
  const slow = {
    onQueueReady() {
      calls++;
      for (const end = performance.now() + 5; performance.now() < end; );
    },
  };
  const queue = store.registerQueue('s', 'q', slow);
  for (let i = 0; i < 20; i++) store.enqueue(queue, bytes(), 1000);
  const seen = new Set<number>();
  while (calls < 20) {
    await turn();
    seen.add(calls);
  }
  assert.ok(seen.size >= 20, String([...seen]));
});

test('the receiver is called once for each value, later, however fast they come', async () => {
  const store = EmbeddedStore.create();
  const receiver = new Receiver();
  const queue = store.registerQueue('s', 'q', receiver);
  const another = store.registerQueue('s', 'r', receiver);
  for (let i = 0; i < 300; i++) store.enqueue(queue, bytes(i), 1000);
  store.enqueue(another, bytes(1), 1000);
  assert.deepEqual(receiver.heard, []);
  await until(() => receiver.heard.length >= 301);
  await quiet();
  assert.equal(receiver.heard.filter(id => id === queue).length, 300);
  assert.equal(receiver.heard.filter(id => id === another).length, 1);
});

test('many values don’t hold up the event loop: other work gets its turn in between', async () => {
  const store = EmbeddedStore.create();
  const receiver = new Receiver();
  const queue = store.registerQueue('s', 'q', receiver);
  for (let i = 0; i < 1000; i++) store.enqueue(queue, bytes(), 1000);
  const seen = new Set<number>();
  while (receiver.heard.length < 1000) {
    await turn();
    seen.add(receiver.heard.length);
  }
  assert.ok(seen.size > 10, String([...seen]));
});

test('the last one that registered hears; when it leaves, the one before, with what the other had not heard', async () => {
  const store = EmbeddedStore.create();
  const second = other(store, 0);
  const receivers = [new Receiver(), new Receiver(), new Receiver()] as const;
  const queue = store.registerQueue('s', 'q', receivers[0]);
  second.registerQueue('s', 'q', receivers[1]);
  store.registerQueue('s', 'q', receivers[2]);
  store.registerQueue('s', 'q', receivers[0]);
  const counts = () => receivers.map(r => r.heard.length);
  second.enqueue(queue, bytes(1), 10);
  await until(() => receivers[0].heard.length === 1);
  store.leaveQueues(receivers[0]);
  store.enqueue(queue, bytes(2), 10);
  await until(() => receivers[2].heard.length === 1);
  store.enqueue(queue, bytes(3), 10);
  store.enqueue(queue, bytes(4), 10);
  store.leaveQueues(receivers[2]);
  await until(() => receivers[1].heard.length === 2);
  second.leaveQueues(receivers[1]);
  second.leaveQueues(receivers[1]);
  assert.equal(store.enqueue(queue, bytes(5), 10), Status.OK);
  await quiet();
  assert.deepEqual(counts(), [1, 2, 1]);
  assert.equal(store.usage.values, 5);
  // Values stay; when nobody was left, whoever registers next hears of all of them.
  store.registerQueue('s', 'q', receivers[0]);
  await until(() => receivers[0].heard.length === 6);
  await quiet();
  assert.deepEqual(counts(), [6, 2, 1]);
  assert.deepEqual(store.dequeue(queue), bytes(1));
  check(store.arena);
});

test('one that leaves while it is called hears no more; the other calls go to the next', async () => {
  const store = EmbeddedStore.create();
  const before = new Receiver();
  const queue = store.registerQueue('s', 'q', before);
  const heard: number[] = [];
  const leaver = {
    onQueueReady(id: number) {
      heard.push(id);
      if (heard.length === 3) store.leaveQueues(leaver);
    },
  };
  store.registerQueue('s', 'q', leaver);
  for (let i = 0; i < 10; i++) store.enqueue(queue, bytes(i), 10);
  await until(() => before.heard.length === 7);
  await quiet();
  assert.equal(heard.length, 3);
  assert.equal(before.heard.length, 7);
  check(store.arena);
});

test('one that puts in a value when it hears of one hears of that too', async () => {
  const store = EmbeddedStore.create();
  let calls = 0;
  const queue = store.registerQueue('s', 'q', {
    onQueueReady(id) {
      calls++;
      if (calls < 200) store.enqueue(id, bytes(), 1000);
    },
  });
  store.enqueue(queue, bytes(), 1000);
  await until(() => calls === 200);
});

test('who is lost hears no more, and the next one of all that is still there', async () => {
  const store = EmbeddedStore.create();
  const [mine, lost] = [new Receiver(), new Receiver()];
  const queue = store.registerQueue('s', 'q', mine);
  const second = other(store, 3);
  second.registerQueue('s', 'q', lost);
  for (let i = 0; i < 5; i++) store.enqueue(queue, bytes(i), 10);
  await until(() => lost.heard.length === 5);
  // It has seen to one of them.
  second.dequeue(queue);
  store.recover(3);
  await until(() => mine.heard.length === 4);
  store.enqueue(queue, bytes(9), 10);
  await until(() => mine.heard.length === 5);
  await quiet();
  assert.deepEqual([mine.heard.length, lost.heard.length], [5, 5]);
  check(store.arena);
});

test('when nobody is left, the next that comes hears of all that is still there', async () => {
  const store = EmbeddedStore.create();
  const queue = other(store, 0).registerQueue('s', 'q', new Receiver());
  store.enqueue(queue, bytes(1), 10);
  store.recover(0);
  store.enqueue(queue, bytes(2), 10);
  const next = new Receiver();
  other(store, 0).registerQueue('s', 'q', next);
  await until(() => next.heard.length === 2);
  await quiet();
  assert.equal(next.heard.length, 2);
  check(store.arena);
});

test('thread indices are given once until they are recovered', () => {
  const store = EmbeddedStore.create();
  const { token } = store.handle(7);
  assert.throws(() => store.handle(7), /recover/);
  for (const index of [-1, 255, 1.5]) assert.throws(() => store.handle(index), RangeError);
  store.recover(7);
  store.recover(7);
  assert.notEqual(store.handle(7).token, token);
  assert.throws(() => other(store, 1).handle(2), /only the thread/);
});

test('there is an end to queues, and to room for them', () => {
  const small = EmbeddedStore.create({ maxBytes: 64 * 1024 });
  const receiver = new Receiver();
  let made = 0;
  while (small.registerQueue('s', `q${made}`, receiver) !== 0) made++;
  assert.ok(made > 100, String(made));
  check(small.arena);
  const large = EmbeddedStore.create();
  for (let i = 0; i < MAX_QUEUES; i++) assert.equal(large.registerQueue('s', `q${i}`, receiver), i + 1);
  assert.equal(large.registerQueue('s', 'one more', receiver), 0);
  large.leaveQueues(receiver);
});

test('any sequence of operations leaves what plain lists would have, and calls whom they would', async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ what: fc.constant('put'), q: fc.nat(3), n: fc.nat(5000) }) },
    { weight: 4, arbitrary: fc.record({ what: fc.constant('take'), q: fc.nat(3), n: fc.constant(0) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('register'), q: fc.nat(3), n: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('leave'), q: fc.constant(0), n: fc.nat(3) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async steps => {
      const store = EmbeddedStore.create({ maxBytes: 64 * 1024 });
      const stores = [store, other(store, 0), store, other(store, 1)];
      const receivers = stores.map(() => new Receiver());
      const lists = Array.from({ length: 4 }, () => ({
        id: 0,
        values: [] as Uint8Array[],
        stack: [] as number[],
        calls: 0,
        orphaned: false,
      }));
      for (const { what, q, n } of steps) {
        const list = lists[q]!;
        if (what === 'put') {
          const value = new Uint8Array(n).fill(n);
          const status = store.enqueue(list.id, value, 5);
          if (list.id === 0) assert.equal(status, Status.NOT_FOUND);
          else if (list.values.length === 5) assert.equal(status, FULL);
          else if (status === NO_ROOM) assert.ok(store.usage.bytes + n > 32 * 1024, 'full too early');
          else {
            list.values.push(value);
            if (list.stack.length > 0) list.calls++;
          }
        } else if (what === 'take') {
          const expected = list.values.shift() ?? (list.id === 0 ? Status.NOT_FOUND : Status.EMPTY);
          assert.deepEqual(stores[1]!.dequeue(list.id), expected);
        } else if (what === 'register') {
          list.id = stores[n]!.registerQueue('s', `q${q}`, receivers[n]!);
          list.stack = [...list.stack.filter(r => r !== n), n];
          if (list.orphaned) list.calls += list.values.length;
          list.orphaned = false;
        } else {
          stores[n]!.leaveQueues(receivers[n]!);
          for (const each of lists) {
            if (each.stack.length === 0) continue;
            each.stack = each.stack.filter(r => r !== n);
            if (each.stack.length > 0) continue;
            // No call has been made yet.
            each.calls = 0;
            each.orphaned = true;
          }
        }
      }
      check(store.arena);
      await quiet();
      for (const list of lists) {
        const calls = receivers.flatMap(r => r.heard).filter(id => id === list.id).length;
        assert.equal(calls, list.calls);
        for (const value of list.values) assert.deepEqual(store.dequeue(list.id), value);
      }
      check(store.arena);
    }),
    { numRuns: 60 },
  );
});
