import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Puppet, rig, VERSIONS } from '../support/guest.ts';
import { assertPointersChecked, during } from '../support/guest-during.ts';
import { Drive } from '../support/guest-exchange.ts';
import { FakeServices } from '../support/services.ts';

const [OK, NOT_FOUND, BAD_ARGUMENT] = [0, 1, 2];
const [COUNTER, GAUGE, HISTOGRAM] = [0, 1, 2];
const ID = 32;
const MAX = 2n ** 64n - 1n;

/** An id, or a status negated. */
function define(p: Puppet, type: number, name: string): number {
  p.poison(ID, 4);
  const status = p.call('proxy_define_metric', type, ...p.put(name), ID);
  if (status !== OK) assert.equal(p.bytes(ID, 4).toString('hex'), 'aaaaaaaa');
  return status === OK ? p.u32(ID) : -status;
}
/** The value, or a status negated. */
function get(p: Puppet, id: number): bigint {
  p.poison(40, 8);
  const status = p.call('proxy_get_metric', id, 40);
  if (status !== OK) assert.equal(p.bytes(40, 8).toString('hex'), 'aa'.repeat(8));
  return status === OK ? p.u64(40) : BigInt(-status);
}
const record = (p: Puppet, id: number, value: bigint) => p.call('proxy_record_metric', id, value);
const increment = (p: Puppet, id: number, offset: bigint) => p.call('proxy_increment_metric', id, offset);

for (const abi of VERSIONS) {
  test(`a counter counts up, a gauge both ways, a histogram observes (${abi})`, async () => {
    const services = new FakeServices();
    await during(
      'proxy_on_request_headers',
      p => {
        const counter = define(p, COUNTER, 'requests');
        const gauge = define(p, GAUGE, 'depth');
        const histogram = define(p, HISTOGRAM, 'latency');
        assert.equal(new Set([counter, gauge, histogram]).size, 3);
        assert.equal(get(p, counter), 0n);
        assert.equal(increment(p, counter, 5n), OK);
        assert.equal(increment(p, counter, 0n), OK);
        assert.equal(record(p, counter, 2n), OK, 'as in Envoy it adds');
        assert.equal(get(p, counter), 7n);
        assert.equal(increment(p, counter, -1n), BAD_ARGUMENT);
        assert.equal(get(p, counter), 7n);
        assert.equal(record(p, gauge, 10n), OK);
        assert.equal(increment(p, gauge, -3n), OK);
        assert.equal(increment(p, gauge, 1n), OK);
        assert.equal(get(p, gauge), 8n);
        assert.equal(record(p, gauge, 1n), OK);
        assert.equal(get(p, gauge), 1n);
        for (const value of [1n, MAX, 0n]) assert.equal(record(p, histogram, value), OK);
        assert.equal(increment(p, histogram, 1n), BAD_ARGUMENT);
        assert.equal(get(p, histogram), -BigInt(BAD_ARGUMENT));
      },
      { abi, services },
    );
    assert.deepEqual(services.cells[2]!.observed, [1n, MAX, 0n]);
  });
}

test('values are unsigned, 64 bits wide', async () => {
  await during('proxy_on_request_headers', p => {
    const counter = define(p, COUNTER, 'c');
    assert.equal(record(p, counter, 2n ** 63n), OK);
    assert.equal(increment(p, counter, 2n ** 63n - 1n), OK);
    assert.equal(get(p, counter), MAX);
    const gauge = define(p, GAUGE, 'g');
    assert.equal(record(p, gauge, MAX), OK);
    assert.equal(get(p, gauge), MAX);
    assert.equal(increment(p, gauge, -(2n ** 63n)), OK);
    assert.equal(get(p, gauge), 2n ** 63n - 1n);
  });
});

test('the same name is the same id, and has one type; other types do not exist', async () => {
  const { rig: r } = await during('proxy_on_request_headers', p => {
    const counter = define(p, COUNTER, 'one');
    assert.equal(define(p, COUNTER, 'one'), counter);
    for (const type of [GAUGE, HISTOGRAM]) assert.equal(define(p, type, 'one'), -BAD_ARGUMENT);
    for (const type of [3, 0x7fffffff, 0xffffffff]) assert.equal(define(p, type, 'two'), -BAD_ARGUMENT);
    assert.equal(define(p, COUNTER, ''), -BAD_ARGUMENT);
    assert.equal(define(p, COUNTER, 'x'.repeat(257)), -BAD_ARGUMENT);
    assert.ok(define(p, COUNTER, 'x'.repeat(256)) > 0);
    assert.ok(define(p, COUNTER, 'é\0\xff {}"') > 0, 'a name is bytes');
  });
  assert.equal(r.registry.states.get('puppet')!.counters.limitHits.metrics, 0);
});

test('ids that nobody has are NOT_FOUND', async () => {
  await during('proxy_on_request_headers', p => {
    const last = define(p, COUNTER, 'one');
    for (const id of [0, last + 1, 0x7fffffff, 0xffffffff, 0x80000000]) {
      assert.equal(record(p, id, 1n), NOT_FOUND);
      assert.equal(increment(p, id, 1n), NOT_FOUND);
      assert.equal(increment(p, id, -1n), NOT_FOUND);
      assert.equal(get(p, id), -BigInt(NOT_FOUND));
    }
  });
});

test('limits.metrics: one more is BAD_ARGUMENT, those that are there are', async () => {
  const { rig: r } = await during(
    'proxy_on_request_headers',
    p => {
      const first = define(p, COUNTER, 'a');
      assert.ok(define(p, GAUGE, 'b') > 0);
      for (let i = 0; i < 3; i++) assert.equal(define(p, COUNTER, `c${i}`), -BAD_ARGUMENT);
      assert.equal(define(p, COUNTER, 'a'), first);
    },
    { options: { limits: { metrics: 2 } } },
  );
  assert.equal(r.registry.states.get('puppet')!.counters.limitHits.metrics, 3);
});

test("filters that share a VM have each their own, also of one name; a new VM finds the filter's values", async t => {
  const services = new FakeServices();
  const r = await rig(
    {
      proxy_on_request_headers: (p, context) =>
        void record(p, define(p, COUNTER, 'n'), context % 2 === 1 ? 10n : 1n),
    },
    {},
    undefined,
    services,
  );
  const plugins = ['a', 'b'].map(name => r.start({ name }));
  t.after(() => {
    for (const plugin of plugins) plugin.close();
  });
  assert.equal(r.puppets.length, 1);
  new Drive(r.chain(...plugins)).headers(true);
  const values = () => services.cells.map(({ key, value }) => [key, value]);
  assert.deepEqual(values(), [
    ['a\0n', 10n],
    ['b\0n', 1n],
  ]);
  const die = r.script;
  r.script = { proxy_on_request_headers: p => p.call('trap') };
  new Drive(r.chain(...plugins)).headers(true);
  r.script = die;
  new Drive(r.chain(plugins[1]!)).headers(true);
  assert.equal(services.cells.length, 2);
  assert.ok(services.cells[1]!.value > 1n);
});

for (const callback of [
  'proxy_on_vm_start',
  'proxy_on_configure',
  'proxy_on_log',
  'proxy_on_delete',
] as const) {
  test(`metrics can be defined in ${callback}`, async () => {
    const services = new FakeServices();
    await during(callback, p => void increment(p, define(p, COUNTER, 'n'), 1n), { services });
    assert.equal(services.cells[0]!.value, 1n);
  });
}

test('memory is checked before anything is defined', async () => {
  const services = new FakeServices();
  await during(
    'proxy_on_request_headers',
    p => {
      assertPointersChecked(p, 'proxy_define_metric', [COUNTER, ...p.put('name'), ID], {
        out: [3],
        data: [1],
      });
      assert.equal(services.cells.length, 0);
      const id = define(p, COUNTER, 'name');
      assertPointersChecked(p, 'proxy_get_metric', [id, 40], { out: [1], width: 8 });
    },
    { services },
  );
});
