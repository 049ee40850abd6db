import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { NO_CAPABILITIES } from '../../src/plugin/capabilities.ts';
import type { ForeignCaller } from '../../src/plugin/services.ts';
import { EmbeddedStore } from '../../src/runtime/store/embedded.ts';
import { type Puppet, type Rig, rig, type Script, settle } from '../support/guest.ts';
import { GuestClock } from '../support/guest-clock.ts';
import { Drive } from '../support/guest-exchange.ts';
import { FakeServices } from '../support/services.ts';
import { until } from '../support/wait.ts';

const period = (p: Puppet, ms: number) => p.call('proxy_set_tick_period_milliseconds', ms);
const ticks = (r: Rig) => r.calls.filter(call => call.startsWith('tick')).length;
const starts = (r: Rig) => r.calls.filter(call => call.startsWith('configure')).length;
const tick: Script = { proxy_on_configure: p => void period(p, 10) };
const RESTART = { firstDelay: 100, maxDelay: 1000, crashesPerMinute: 30 };

/** Everything that microtasks do. */
async function pass(clock: GuestClock, ms: number): Promise<void> {
  for (let i = 0; i < ms; i += 5) {
    clock.pass(5);
    await settle();
  }
}

function ticking(t: TestContext): GuestClock {
  t.mock.method(Math, 'random', () => 1);
  return new GuestClock(t);
}

for (const onFailure of ['reload', 'open'] as const) {
  test(`a VM that dies of a tick is started again, though no stream comes (${onFailure})`, async t => {
    const r = await rig(tick);
    const clock = ticking(t);
    const plugin = r.start({ onFailure, restart: RESTART });
    r.script = {
      ...tick,
      proxy_on_tick: p => {
        delete r.script.proxy_on_tick;
        p.call('trap');
      },
    };
    await pass(clock, 15);
    assert.deepEqual([ticks(r), starts(r), r.puppets.length], [1, 2, 2]);
    await pass(clock, 20);
    assert.equal(ticks(r), 3);
    assert.ok(r.log.texts.includes('warn started a new VM in place of one that died'));
    assert.equal(plugin.counters.traps, 1);
    assert.equal(plugin.counters.refused, 0, 'nobody was refused');
    plugin.close();
    await pass(clock, 100);
    assert.equal(ticks(r), 3);
  });
}

test('closed: it stays down', async t => {
  const r = await rig({ ...tick, proxy_on_tick: p => p.call('trap') });
  const clock = ticking(t);
  const plugin = r.start({ onFailure: 'closed', restart: RESTART });
  await pass(clock, 10_000);
  assert.deepEqual([ticks(r), starts(r), plugin.counters.vmsStarted], [1, 1, 1]);
  assert.deepEqual(new Drive(r.chain(plugin)).headers(true).events, ['fail 503']);
  plugin.close();
});

test('one that traps in every tick comes back with the back-off, and no more than so often a minute', async t => {
  const r = await rig({ ...tick, proxy_on_tick: p => p.call('trap') });
  const clock = ticking(t);
  const plugin = r.start({ restart: { ...RESTART, crashesPerMinute: 5 } });
  await pass(clock, 15);
  assert.equal(starts(r), 2, 'the first time at once');
  await pass(clock, 105);
  assert.equal(starts(r), 2, 'then after 100 ms from when it died');
  await pass(clock, 5);
  assert.equal(starts(r), 3);
  await pass(clock, 3000);
  assert.equal(starts(r), 6, 'six crashes are too many');
  await pass(clock, 58_000);
  assert.ok(starts(r) > 6, 'until the minute is over');
  plugin.close();
});

test('one that does not start again is tried again', async t => {
  const r = await rig(tick);
  const clock = ticking(t);
  const plugin = r.start({ restart: RESTART });
  r.script = { proxy_on_vm_start: () => 0, proxy_on_tick: p => p.call('trap') };
  await pass(clock, 400);
  assert.equal(ticks(r), 1);
  assert.equal(plugin.counters.startFailures, 3, 'at once, after 100 and after 200 ms');
  r.script = tick;
  await pass(clock, 420);
  assert.ok(ticks(r) > 1);
  plugin.close();
});

test('a stream that comes while it waits is refused, and starts it as soon as it may', async t => {
  const r = await rig({ ...tick, proxy_on_tick: p => p.call('trap') });
  const clock = ticking(t);
  const plugin = r.start({ restart: RESTART });
  const chain = r.chain(plugin);
  await pass(clock, 25);
  assert.equal(starts(r), 2);
  assert.deepEqual(new Drive(chain).headers(true).events, ['fail 503']);
  assert.equal(plugin.counters.refused, 1);
  r.script = tick;
  clock.now += 150;
  assert.deepEqual(new Drive(chain).headers(true).events, ['> headers end']);
  assert.equal(starts(r), 3);
  await pass(clock, 300);
  assert.equal(starts(r), 3, 'it was not started once more');
  plugin.close();
});

test('none is started after the plugin was closed, or retired', async t => {
  for (const end of ['close', 'retire'] as const) {
    const r = await rig({ ...tick, proxy_on_tick: p => p.call('trap') });
    const clock = ticking(t);
    const plugin = r.start({ restart: RESTART });
    await pass(clock, 25);
    assert.equal(starts(r), 2);
    plugin[end]();
    await pass(clock, 1000);
    assert.equal(starts(r), 2, end);
    t.mock.reset();
  }
});

test('one that waits to be started again is not, once its thread ends', async t => {
  const r = await rig({ ...tick, proxy_on_tick: p => p.call('trap') });
  const clock = ticking(t);
  const plugin = r.start({ restart: RESTART });
  await pass(clock, 30);
  assert.equal(plugin.worksAlone, true);
  const before = r.puppets.length;
  plugin.finish();
  await pass(clock, 2000);
  assert.equal(r.puppets.length, before);
  assert.equal(plugin.finishing, false);
  plugin.close();
});

test('what only answers streams waits for the next one', async t => {
  const r = await rig();
  const clock = ticking(t);
  const plugin = r.start({ restart: RESTART });
  r.script.proxy_on_request_headers = p => p.call('trap');
  new Drive(r.chain(plugin)).headers(true);
  await pass(clock, 500);
  assert.equal(starts(r), 1);
  plugin.close();
});

test('a plugin with queues is started again, and hears of its queue', async t => {
  const services = new FakeServices();
  const options = { capabilities: { ...NO_CAPABILITIES, sharedData: true }, restart: RESTART };
  const r = await rig(
    {
      proxy_on_configure: p => void assert.equal(p.call('proxy_register_shared_queue', ...p.put('q'), 16), 0),
    },
    {},
    undefined,
    services,
  );
  const plugin = r.start(options);
  t.after(() => plugin.close());
  r.script.proxy_on_queue_ready = p => {
    delete r.script.proxy_on_queue_ready;
    p.call('trap');
  };
  services.store.enqueue(1, Buffer.from('a'), 10, 1 << 20);
  await turn();
  assert.equal(services.queues[0]!.receivers.length, 0, 'the dead one has left');
  while (starts(r) < 2) await turn();
  assert.equal(services.queues[0]!.receivers.length, 1);
  services.store.enqueue(1, Buffer.from('b'), 10, 1 << 20);
  await turn();
  assert.deepEqual(r.calls.slice(-1), ['queue_ready(1,1)']);
});

test('values that a VM died of, or had not heard of, are told to the one in its place', async t => {
  const store = EmbeddedStore.create();
  t.after(() => store.close());
  const services = { ...new FakeServices(), store };
  const options = { capabilities: { ...NO_CAPABILITIES, sharedData: true }, restart: RESTART };
  const register: Script = {
    proxy_on_configure: p => void assert.equal(p.call('proxy_register_shared_queue', ...p.put('q'), 16), 0),
  };
  const r = await rig(register, {}, undefined, services);
  const plugin = r.start(options);
  t.after(() => plugin.close());
  r.script = { ...register, proxy_on_queue_ready: p => p.call('trap') };
  for (let i = 0; i < 3; i++) store.enqueue(1, Buffer.from('a'), 10);
  while (plugin.counters.traps === 0) await turn();
  const taken: number[] = [];
  r.script = {
    ...register,
    proxy_on_queue_ready: p => void taken.push(p.call('proxy_dequeue_shared_queue', 1, 16, 20)),
  };
  await until(() => taken.length === 3);
  assert.deepEqual(taken, [0, 0, 0]);
  assert.equal(store.usage.values, 0);
});

test('filters that share a VM: one traps, the other one that ticks comes back by itself', async t => {
  const r = await rig({
    proxy_on_configure: (p, context) => {
      if (context === 1) period(p, 10);
    },
  });
  const clock = ticking(t);
  const options = { restart: RESTART };
  const ticker = r.start({ ...options, name: 'ticker', onFailure: 'closed' });
  const other = r.start({ ...options, name: 'other' });
  r.script.proxy_on_request_headers = p => p.call('trap');
  new Drive(r.chain(other)).headers(true);
  await pass(clock, 20);
  assert.equal(starts(r), 3);
  assert.equal(ticks(r), 1, 'it was not in its hands: closed does not keep it down');
  delete r.script.proxy_on_request_headers;
  assert.deepEqual(new Drive(r.chain(other)).headers(true).events, ['> headers end']);
  assert.equal(r.puppets.length, 2, 'in the same new VM');
  ticker.close();
  other.close();
});

test('isolation: request, VMs that die while they wait are made anew with the back-off; streams are served', async t => {
  const r = await rig({ ...tick, proxy_on_tick: p => p.call('trap') });
  const plugin = r.start({ isolation: 'request', pool: 4, restart: { ...RESTART, maxDelay: 30_000 } });
  t.after(() => plugin.close());
  for (let i = 0; i < 20; i++) {
    const drive = new Drive(r.chain(plugin)).headers(true);
    assert.deepEqual(drive.events, ['> headers end']);
    drive.finish();
    // Those that wait fill the pool, tick, and die.
    await sleep(15);
  }
  assert.ok(plugin.counters.traps > 0);
  assert.ok(plugin.counters.vmsStarted < 35, `${plugin.counters.vmsStarted} VMs for 20 streams`);
});

test('isolation: request, a VM that died of a tick while it waited is given to no stream', async t => {
  const r = await rig({ ...tick, proxy_on_tick: p => p.call('trap') });
  const clock = ticking(t);
  const plugin = r.start({ isolation: 'request', pool: 1, restart: RESTART });
  t.after(() => plugin.close());
  await pass(clock, 10);
  assert.equal(plugin.counters.traps, 1);
  r.script = {};
  assert.deepEqual(new Drive(r.chain(plugin)).headers(true).events, ['> headers end']);
});

// proxy_on_foreign_function

test('a function calls back, with bytes that can be read then and only then', async t => {
  let caller: ForeignCaller | undefined;
  const keep = (_args: Buffer, by: ForeignCaller) => {
    caller = by;
    by.callBack(7, Buffer.from('at once'));
    return Buffer.alloc(0);
  };
  const services = new FakeServices(new Map([['keep', keep]]));
  const got: unknown[] = [];
  const r = await rig(
    {
      proxy_on_request_headers: p => {
        assert.equal(p.call('proxy_call_foreign_function', ...p.put('keep'), 0, 0, 0, 0), 0);
        assert.equal(p.body(8), 1);
        assert.equal(got.length, 0, 'not while a guest is on the stack');
      },
      proxy_on_foreign_function: (p, context, id, size) => {
        got.push([context, id, size, p.body(8)]);
        assert.equal(p.call('proxy_set_buffer_bytes', 8, 0, 0, ...p.put('x')), 1);
      },
      proxy_on_done: p => void assert.equal(p.body(8), 1),
    },
    {},
    undefined,
    services,
  );
  const plugin = r.start();
  t.after(() => plugin.close());
  const drive = new Drive(r.chain(plugin)).headers(true);
  await turn();
  drive.finish();
  caller!.callBack(0xffffffff, Buffer.from('later'));
  caller!.callBack(1, Buffer.alloc(0));
  await turn();
  r.check();
  assert.deepEqual(got, [
    [1, 7, 7, 'at once'],
    [1, -1, 5, 'later'],
    [1, 1, 0, ''],
  ]);
  plugin.close();
  caller!.callBack(2, Buffer.alloc(0));
  await turn();
  assert.equal(got.length, 3, 'nobody is there any more');
});

test('a trap in it ends the VM; the next call of it is heard by nobody', async t => {
  const callers: ForeignCaller[] = [];
  const services = new FakeServices(
    new Map([
      [
        'keep',
        (_args: Buffer, by: ForeignCaller) => {
          callers.push(by);
          return 0;
        },
      ],
    ]),
  );
  const r = await rig(
    {
      proxy_on_configure: p => void p.call('proxy_call_foreign_function', ...p.put('keep'), 0, 0, 0, 0),
      proxy_on_foreign_function: p => p.call('trap'),
    },
    {},
    undefined,
    services,
  );
  const plugin = r.start();
  t.after(() => plugin.close());
  callers[0]!.callBack(1, Buffer.alloc(0));
  callers[0]!.callBack(2, Buffer.alloc(0));
  await turn();
  await turn();
  assert.equal(plugin.counters.traps, 1);
  assert.deepEqual(
    r.calls.filter(call => call.startsWith('foreign')),
    ['foreign_function(1,1,0)'],
  );
});
