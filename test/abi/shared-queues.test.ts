import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { NO_CAPABILITIES } from '../../src/plugin/capabilities.ts';
import { type OptionOverrides, type Puppet, rig, type Script, VERSIONS } from '../support/guest.ts';
import { assertAllocatorChecked, assertPointersChecked, during } from '../support/guest-during.ts';
import { Drive } from '../support/guest-exchange.ts';
import { FakeServices } from '../support/services.ts';

const [OK, NOT_FOUND, BAD_ARGUMENT, EMPTY, INTERNAL_FAILURE] = [0, 1, 2, 7, 10];
const GRANTED: OptionOverrides = { capabilities: { ...NO_CAPABILITIES, sharedData: true } };
const ID = 32;

/** An id, or a status negated. */
function id(p: Puppet, name: string, ...args: number[]): number {
  p.poison(ID, 4);
  const status = p.call(name, ...args, ID);
  if (status !== OK) assert.equal(p.bytes(ID, 4).toString('hex'), 'aaaaaaaa');
  return status === OK ? p.u32(ID) : -status;
}
const register = (p: Puppet, name: string) => id(p, 'proxy_register_shared_queue', ...p.put(name));
const resolve = (p: Puppet, vmId: string, name: string) =>
  id(p, 'proxy_resolve_shared_queue', ...p.put(vmId), ...p.put(name));
const enqueue = (p: Puppet, queue: number, value: string | Uint8Array) =>
  p.call('proxy_enqueue_shared_queue', queue, ...p.put(value));
const dequeue = (p: Puppet, queue: number) => {
  const { status, bytes } = p.fetch('proxy_dequeue_shared_queue', queue);
  return status === OK ? bytes.toString('latin1') : status;
};

for (const abi of VERSIONS) {
  test(`first in, first out; then EMPTY (${abi})`, async () => {
    await during(
      'proxy_on_request_headers',
      p => {
        const queue = register(p, 'q');
        assert.ok(queue > 0);
        assert.equal(dequeue(p, queue), EMPTY);
        for (const value of ['one', '', '\0\xff']) assert.equal(enqueue(p, queue, value), OK);
        assert.equal(dequeue(p, queue), 'one');
        assert.equal(dequeue(p, queue), '');
        assert.equal(enqueue(p, queue, 'four'), OK);
        assert.equal(dequeue(p, queue), '\0\xff');
        assert.equal(dequeue(p, queue), 'four');
        assert.equal(dequeue(p, queue), EMPTY);
      },
      { abi, options: GRANTED },
    );
  });
}

test('registered again it is the same, and keeps what is in it', async () => {
  await during(
    'proxy_on_request_headers',
    p => {
      const queue = register(p, 'q');
      enqueue(p, queue, 'kept');
      assert.equal(register(p, 'q'), queue);
      assert.notEqual(register(p, 'r'), queue);
      assert.equal(dequeue(p, queue), 'kept');
    },
    { options: GRANTED },
  );
});

test('a queue is found by vm id and name; what nobody registered is NOT_FOUND', async () => {
  await during(
    'proxy_on_request_headers',
    p => {
      const queue = register(p, 'q\xff');
      assert.equal(resolve(p, 'vm-\xc3\xa9', 'q\xff'), queue);
      for (const [vmId, name] of [
        ['vm-\xc3\xa9', 'q'],
        ['', 'q\xff'],
        ['vm', 'q\xff'],
        ['vm-\xc3\xa9', ''],
        ['x'.repeat(4097), 'q\xff'],
        ['vm-\xc3\xa9', 'x'.repeat(4097)],
      ] as const) {
        assert.equal(resolve(p, vmId, name), -NOT_FOUND);
      }
      assert.equal(register(p, 'x'.repeat(4097)), -BAD_ARGUMENT);
      for (const unknown of [0, queue + 1, 0x7fffffff, 0xffffffff]) {
        assert.equal(enqueue(p, unknown, 'x'), NOT_FOUND);
        assert.equal(dequeue(p, unknown), NOT_FOUND);
      }
    },
    { options: { ...GRANTED, vmId: 'vm-é' } },
  );
});

/** A filter that has a queue, and one in another VM that puts values into it. */
async function pair(t: TestContext, script: Script) {
  const services = new FakeServices();
  const configure: Script = { proxy_on_configure: p => void assert.equal(register(p, 'q'), 1) };
  const consumer = await rig({ ...configure, ...script }, {}, undefined, services);
  const producer = await rig({}, { callbacks: ['proxy_on_request_headers'] }, undefined, services);
  const from = producer.start({ ...GRANTED, name: 'producer', vmId: 'p' });
  const to = consumer.start({ ...GRANTED, name: 'consumer', vmId: 'c' });
  t.after(() => {
    for (const plugin of [from, to]) plugin.close();
  });
  const chain = producer.chain(from);
  producer.script.proxy_on_request_headers = p =>
    void assert.equal(enqueue(p, resolve(p, 'c', 'q'), 'v'), OK);
  const send = () => {
    new Drive(chain).headers(true).finish();
    producer.check();
  };
  return { consumer, services, to, send };
}

test('proxy_on_queue_ready comes once for each value, on the root context that registered, not at once', async t => {
  const got: unknown[] = [];
  const { consumer, send } = await pair(t, {
    proxy_on_queue_ready: (p, context, queue) => {
      got.push([context, queue, dequeue(p, queue)]);
      assert.equal(p.header(0, ':path'), BAD_ARGUMENT);
    },
  });
  send();
  send();
  assert.deepEqual(got, []);
  await turn();
  consumer.check();
  assert.deepEqual(got, [
    [1, 1, 'v'],
    [1, 1, 'v'],
  ]);
});

test('registered from a stream, it is the root context that hears of it', async t => {
  const services = new FakeServices();
  const r = await rig(
    { proxy_on_request_headers: p => void enqueue(p, register(p, 'q'), 'v') },
    {},
    undefined,
    services,
  );
  const plugin = r.start(GRANTED);
  t.after(() => plugin.close());
  new Drive(r.chain(plugin)).headers(true).finish();
  await turn();
  assert.equal(r.calls.at(-1), 'queue_ready(1,1)');
});

test('who has ended hears nothing; its values stay', async t => {
  const { consumer, services, to, send } = await pair(t, {});
  send();
  await turn();
  const heard = () => consumer.calls.filter(call => call.startsWith('queue_ready')).length;
  assert.equal(heard(), 1);
  to.close();
  send();
  await turn();
  assert.equal(heard(), 1);
  assert.equal(services.queues[0]!.values.length, 2);
});

test('limits.queueLength and sharedDataBytes: BAD_ARGUMENT, nothing changed', async () => {
  const { rig: r } = await during(
    'proxy_on_request_headers',
    p => {
      const queue = register(p, 'q');
      assert.equal(enqueue(p, queue, Buffer.alloc(101)), BAD_ARGUMENT);
      assert.equal(enqueue(p, queue, Buffer.alloc(100)), OK);
      assert.equal(enqueue(p, queue, 'b'), OK);
      assert.equal(enqueue(p, queue, 'c'), BAD_ARGUMENT);
      assert.equal(dequeue(p, queue), '\0'.repeat(100));
      assert.equal(enqueue(p, queue, 'd'), OK);
      assert.deepEqual([dequeue(p, queue), dequeue(p, queue), dequeue(p, queue)], ['b', 'd', EMPTY]);
    },
    { options: { ...GRANTED, limits: { sharedDataBytes: 100, queueLength: 2 } } },
  );
  const { limitHits } = r.registry.states.get('puppet')!.counters;
  assert.deepEqual([limitHits.sharedDataBytes, limitHits.queueLength], [1, 1]);
});

test('limits.queueBytes bounds the values, sharedDataBytes the queues: BAD_ARGUMENT, and counted', async () => {
  const { rig: r } = await during(
    'proxy_on_request_headers',
    p => {
      const queue = register(p, 'q');
      assert.equal(enqueue(p, queue, Buffer.alloc(37)), BAD_ARGUMENT);
      assert.equal(enqueue(p, queue, Buffer.alloc(36)), OK);
      assert.equal(enqueue(p, queue, ''), BAD_ARGUMENT);
      assert.equal(dequeue(p, queue), '\0'.repeat(36));
      assert.equal(enqueue(p, queue, ''), OK);
      assert.equal(
        p.call('proxy_register_shared_queue', ...p.put('n'.repeat(37)), 16),
        BAD_ARGUMENT,
        'a long name',
      );
    },
    { options: { ...GRANTED, limits: { sharedDataBytes: 100, queueBytes: 100 } } },
  );
  const { limitHits } = r.registry.states.get('puppet')!.counters;
  assert.deepEqual([limitHits.sharedDataBytes, limitHits.queueLength, limitHits.queueBytes], [1, 0, 2]);
});

test('not granted: INTERNAL_FAILURE, told once; nothing is registered', async () => {
  const services = new FakeServices();
  services.store.registerQueue('', 'q', { onQueueReady: () => {} }, 1 << 20);
  const { rig: r } = await during(
    'proxy_on_request_headers',
    p => {
      assert.equal(register(p, 'q'), -INTERNAL_FAILURE);
      assert.equal(resolve(p, '', 'q'), -INTERNAL_FAILURE);
      assert.equal(enqueue(p, 1, 'x'), INTERNAL_FAILURE);
      assert.equal(dequeue(p, 1), INTERNAL_FAILURE);
    },
    { services },
  );
  assert.deepEqual([services.queues.length, services.queues[0]!.values.length], [1, 0]);
  assert.equal(r.log.texts.filter(text => text.includes('denied')).length, 1);
});

test('a store that is away: INTERNAL_FAILURE from each', async () => {
  const services = new FakeServices();
  await during(
    'proxy_on_request_headers',
    p => {
      const queue = register(p, 'q');
      enqueue(p, queue, 'v');
      services.away = true;
      assert.equal(register(p, 'q'), -INTERNAL_FAILURE);
      assert.equal(resolve(p, '', 'q'), -INTERNAL_FAILURE);
      assert.equal(enqueue(p, queue, 'x'), INTERNAL_FAILURE);
      assert.equal(dequeue(p, queue), INTERNAL_FAILURE);
      services.away = false;
      assert.equal(dequeue(p, queue), 'v');
    },
    { options: GRANTED, services },
  );
});

test('memory is checked before anything is registered, put in or taken out', async () => {
  const services = new FakeServices();
  await during(
    'proxy_on_request_headers',
    p => {
      const name = p.put('queue');
      assertPointersChecked(p, 'proxy_register_shared_queue', [...name, ID], { out: [2], data: [0] });
      assert.equal(services.queues.length, 0);
      const queue = register(p, 'queue');
      assertPointersChecked(p, 'proxy_resolve_shared_queue', [...p.put('vm'), ...name, ID], {
        out: [4],
        data: [0, 2],
      });
      assertPointersChecked(p, 'proxy_enqueue_shared_queue', [queue, ...p.put('xx')], { data: [1] });
      assert.equal(dequeue(p, queue), EMPTY);
      enqueue(p, queue, 'kept');
      assertPointersChecked(p, 'proxy_dequeue_shared_queue', [queue, 16, 20], { out: [1, 2] });
      assert.equal(dequeue(p, queue), 'kept');
      for (let i = 0; i < 6; i++) enqueue(p, queue, 'value');
      assertAllocatorChecked(p, 'proxy_dequeue_shared_queue', [queue, 16, 20], Buffer.from('value'));
    },
    { options: GRANTED, services },
  );
});
