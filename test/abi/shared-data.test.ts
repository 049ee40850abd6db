import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_CAPABILITIES } from '../../src/plugin/capabilities.ts';
import { type OptionOverrides, type Puppet, rig, VERSIONS } from '../support/guest.ts';
import { assertAllocatorChecked, assertPointersChecked, during } from '../support/guest-during.ts';
import { Drive } from '../support/guest-exchange.ts';
import { FakeServices } from '../support/services.ts';

const [OK, NOT_FOUND, BAD_ARGUMENT, CAS_MISMATCH, INTERNAL_FAILURE] = [0, 1, 2, 8, 10];
const GRANTED: OptionOverrides = { capabilities: { ...NO_CAPABILITIES, sharedData: true } };
const CAS = 32;

/** The value and its version, or a status. */
function get(p: Puppet, key: string): [value: string, cas: number] | number {
  p.poison(16, 8);
  p.poison(CAS, 4);
  const status = p.call('proxy_get_shared_data', ...p.put(key), 16, 20, CAS);
  if (status === OK) return [p.text(p.u32(16), p.u32(20)), p.u32(CAS)];
  assert.equal(p.bytes(16, 8).toString('hex') + p.bytes(CAS, 4).toString('hex'), 'aa'.repeat(12));
  return status;
}

const set = (p: Puppet, key: string, value: string | Uint8Array, cas = 0) =>
  p.call('proxy_set_shared_data', ...p.put(key), ...p.put(value), cas);

for (const abi of VERSIONS) {
  test(`a value is read as it was set, with a version that counts up (${abi})`, async () => {
    await during(
      'proxy_on_request_headers',
      p => {
        assert.equal(get(p, 'key'), NOT_FOUND);
        assert.equal(set(p, 'key', '\0\xff\r\n'), OK);
        assert.deepEqual(get(p, 'key'), ['\0\xff\r\n', 1]);
        assert.equal(set(p, 'key', ''), OK);
        assert.deepEqual(get(p, 'key'), ['', 2], 'an empty value is a value');
      },
      { abi, options: GRANTED },
    );
  });
}

test('compare and swap: 0 is whatever is there, a wrong version is CAS_MISMATCH and changes nothing', async () => {
  await during(
    'proxy_on_request_headers',
    p => {
      assert.equal(set(p, 'key', 'a', 1), CAS_MISMATCH, 'there is none yet');
      assert.equal(get(p, 'key'), NOT_FOUND);
      assert.equal(set(p, 'key', 'a'), OK);
      assert.equal(set(p, 'key', 'b', 1), OK);
      assert.equal(set(p, 'key', 'c', 1), CAS_MISMATCH);
      assert.equal(set(p, 'key', 'c', 0xffffffff), CAS_MISMATCH);
      assert.deepEqual(get(p, 'key'), ['b', 2]);
      assert.equal(set(p, 'key', 'c', 2), OK);
      assert.equal(set(p, 'key', 'd', 0), OK);
      assert.deepEqual(get(p, 'key'), ['d', 4]);
    },
    { options: GRANTED },
  );
});

test('versions over 2^31 are unsigned both ways', async () => {
  const services = new FakeServices();
  services.data.set('\0key', { value: Buffer.from('old'), cas: 0xfffffff0 });
  await during(
    'proxy_on_request_headers',
    p => {
      assert.deepEqual(get(p, 'key'), ['old', 0xfffffff0]);
      assert.equal(set(p, 'key', 'new', 0xfffffff0 | 0), OK);
    },
    { options: GRANTED, services },
  );
  assert.equal(services.data.get('\0key')!.cas, 0xfffffff1);
});

test('keys are bytes: an empty one, a NUL and what is no UTF-8 are keys; over 4 KiB there are none', async () => {
  await during(
    'proxy_on_request_headers',
    p => {
      const keys = ['', '\0', 'a\0b', '\xff\xfe', '\xc3\xa9', 'K', 'k', 'x'.repeat(4096)];
      for (const key of keys) assert.equal(set(p, key, `of ${key.slice(0, 9)}`), OK);
      for (const key of keys) assert.deepEqual(get(p, key), [`of ${key.slice(0, 9)}`, 1]);
      assert.equal(set(p, 'x'.repeat(4097), ''), BAD_ARGUMENT);
      assert.equal(get(p, 'x'.repeat(4097)), NOT_FOUND);
    },
    { options: GRANTED },
  );
});

test('data is shared by the VMs of a vm id, and by no others', async t => {
  const services = new FakeServices();
  const seen: unknown[] = [];
  const r = await rig(
    { proxy_on_request_headers: p => void seen.push(get(p, 'k')) },
    {},
    undefined,
    services,
  );
  const other = await rig(
    { proxy_on_request_headers: p => void seen.push(get(p, 'k')) },
    { callbacks: ['proxy_on_request_headers'] },
    undefined,
    services,
  );
  const plugins = [
    r.start({ ...GRANTED, name: 'a', vmId: 'one' }),
    other.start({ ...GRANTED, name: 'b', vmId: 'one' }),
    r.start({ ...GRANTED, name: 'c', vmId: 'two' }),
    other.start({ ...GRANTED, name: 'd' }),
  ];
  t.after(() => {
    for (const plugin of plugins) plugin.close();
  });
  services.store.set('one', 'k', Buffer.from('v'), 0, 100);
  new Drive(r.chain(...plugins)).headers(true);
  assert.deepEqual(seen, [['v', 1], ['v', 1], NOT_FOUND, NOT_FOUND]);
});

test('limits.sharedDataBytes bounds a value and all of the vm id: BAD_ARGUMENT, nothing changed', async () => {
  const { rig: r } = await during(
    'proxy_on_request_headers',
    p => {
      assert.equal(set(p, 'a', Buffer.alloc(201)), BAD_ARGUMENT);
      assert.equal(set(p, 'a', Buffer.alloc(136)), BAD_ARGUMENT, 'with its key, and 64');
      assert.equal(set(p, 'a', Buffer.alloc(59, 1)), OK);
      assert.equal(set(p, 'b', Buffer.alloc(12)), BAD_ARGUMENT);
      assert.equal(set(p, 'b', Buffer.alloc(11)), OK);
      assert.equal(set(p, 'a', Buffer.alloc(60)), BAD_ARGUMENT);
      assert.deepEqual(get(p, 'a'), ['\x01'.repeat(59), 1]);
      assert.equal(set(p, 'a', Buffer.alloc(10)), OK);
      assert.equal(set(p, 'b', Buffer.alloc(60)), OK);
    },
    { options: { ...GRANTED, limits: { sharedDataBytes: 200 } } },
  );
  assert.equal(r.registry.states.get('puppet')!.counters.limitHits.sharedDataBytes, 4);
});

test('not granted: INTERNAL_FAILURE, and one line in the log says what would', async () => {
  const services = new FakeServices();
  const { rig: r } = await during(
    'proxy_on_request_headers',
    p => {
      for (let i = 0; i < 3; i++) {
        assert.equal(get(p, 'key'), INTERNAL_FAILURE);
        assert.equal(set(p, 'key', 'v'), INTERNAL_FAILURE);
      }
    },
    { services },
  );
  assert.equal(services.data.size, 0);
  assert.deepEqual(
    r.log.texts.filter(text => text.includes('denied')),
    ['warn denied: shared data and queues (capabilities: {sharedData: true} would allow it)'],
  );
});

test('a store that is away: INTERNAL_FAILURE, until it is back', async () => {
  const services = new FakeServices();
  await during(
    'proxy_on_request_headers',
    p => {
      assert.equal(set(p, 'key', 'v'), OK);
      services.away = true;
      assert.equal(get(p, 'key'), INTERNAL_FAILURE);
      assert.equal(set(p, 'key', 'w'), INTERNAL_FAILURE);
      services.away = false;
      assert.deepEqual(get(p, 'key'), ['v', 1]);
    },
    { options: GRANTED, services },
  );
});

for (const callback of [
  'proxy_on_vm_start',
  'proxy_on_configure',
  'proxy_on_done',
  'proxy_on_log',
] as const) {
  test(`there is shared data in ${callback}`, async () => {
    await during(
      callback,
      p => {
        assert.equal(set(p, 'key', 'v'), OK);
        assert.deepEqual(get(p, 'key'), ['v', 1]);
      },
      { options: GRANTED },
    );
  });
}

test('memory is checked and the allocator is not trusted', async () => {
  await during(
    'proxy_on_request_headers',
    p => {
      const key = p.put('key');
      set(p, 'key', 'value');
      const args = [...key, 16, 20, CAS];
      assertPointersChecked(p, 'proxy_get_shared_data', args, { out: [2, 3, 4], data: [0] });
      assertPointersChecked(p, 'proxy_set_shared_data', [...key, ...p.put('new'), 0], { data: [0, 2] });
      assert.deepEqual(get(p, 'key'), ['value', 1]);
      // The allocator's check wants the results at the end.
      p.allocator(1);
      assert.equal(get(p, 'key'), 6);
      p.allocator(4);
      assert.deepEqual(get(p, 'key'), ['value', 1]);
    },
    { options: GRANTED },
  );
});

test('where the value goes may not be where its version goes: each is written whole', async () => {
  await during(
    'proxy_on_request_headers',
    p => {
      set(p, 'key', 'value');
      assert.equal(p.call('proxy_get_shared_data', ...p.put('key'), 16, 20, 16), OK);
      assert.equal(p.u32(16), 1);
    },
    { options: GRANTED },
  );
});

test('the allocator of proxy_get_shared_data', async () => {
  await during(
    'proxy_on_request_headers',
    p => {
      set(p, 'key', 'value');
      // The pointers to results are the fourth and third from the end.
      const call = p.call.bind(p);
      p.call = (name, ...args) =>
        name === 'proxy_get_shared_data' ? call(name, ...args, CAS) : call(name, ...args);
      assertAllocatorChecked(p, 'proxy_get_shared_data', [...p.put('key'), 16, 20], Buffer.from('value'));
    },
    { options: GRANTED },
  );
});
