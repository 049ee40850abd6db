import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Puppet, rig, VERSIONS } from '../support/guest.ts';
import { GuestClock } from '../support/guest-clock.ts';
import { during } from '../support/guest-during.ts';
import { Drive } from '../support/guest-exchange.ts';

const period = (p: Puppet, ms: number) => p.call('proxy_set_tick_period_milliseconds', ms);
const ticks = (calls: readonly string[]) => calls.filter(call => call.startsWith('tick'));

for (const abi of VERSIONS) {
  test(`proxy_on_tick comes on the root context, every period (${abi})`, async t => {
    const r = await rig({ proxy_on_configure: p => void assert.equal(period(p, 10), 0) }, { abi });
    const clock = new GuestClock(t);
    const plugin = r.start();
    r.check();
    clock.pass(35);
    assert.deepEqual(ticks(r.calls), ['tick(1)', 'tick(1)', 'tick(1)']);
    plugin.close();
    clock.pass(100);
    assert.equal(ticks(r.calls).length, 3, 'none after the end');
  });
}

test('from a stream the period is that of its root context; 0 ends it', async t => {
  const r = await rig({ proxy_on_request_headers: p => void assert.equal(period(p, 10), 0) });
  const clock = new GuestClock(t);
  const plugin = r.start();
  const chain = r.chain(plugin);
  new Drive(chain).headers(true).finish();
  clock.pass(25);
  assert.deepEqual(ticks(r.calls), ['tick(1)', 'tick(1)']);
  r.script.proxy_on_request_headers = p => void assert.equal(period(p, 0), 0);
  new Drive(chain).headers(true).finish();
  r.check();
  clock.pass(100);
  assert.equal(ticks(r.calls).length, 2);
  plugin.close();
});

test('a tick runs on the root: no stream is there, whatever was effective before', async t => {
  let stream = 0;
  const r = await rig({
    proxy_on_request_headers: (p, context) => {
      stream = context;
      period(p, 10);
      return 1;
    },
    proxy_on_tick: (p, context) => {
      assert.equal(context, 1);
      assert.equal(p.header(0, ':path'), 2);
      assert.equal(p.property('plugin_name').toString(), 'puppet');
      assert.equal(p.call('proxy_set_effective_context', stream), 0);
      assert.equal(p.header(0, ':path'), '/');
    },
  });
  const clock = new GuestClock(t);
  const plugin = r.start();
  new Drive(r.chain(plugin)).headers(true);
  clock.pass(25);
  r.check();
  assert.equal(ticks(r.calls).length, 2);
  plugin.close();
});

test('a tick resumes a stream that waits', async t => {
  let stream = 0;
  const r = await rig({
    proxy_on_request_headers: (p, context) => {
      stream = context;
      period(p, 10);
      return 1;
    },
    proxy_on_tick: p => {
      p.call('proxy_set_effective_context', stream);
      assert.equal(p.call('proxy_continue_stream', 0), 0);
      period(p, 0);
    },
  });
  const clock = new GuestClock(t);
  const plugin = r.start();
  const drive = new Drive(r.chain(plugin)).headers(true);
  assert.deepEqual(drive.take(), []);
  clock.pass(10);
  await undefined;
  r.check();
  assert.deepEqual(drive.take(), ['> headers end']);
  plugin.close();
});

test('two root contexts in one VM tick each by its own period', async t => {
  const r = await rig({ proxy_on_configure: (p, context) => period(p, context === 1 ? 10 : 25) });
  r.script.proxy_on_configure = (p, context) => {
    period(p, context === 1 ? 10 : 25);
  };
  const clock = new GuestClock(t);
  const a = r.start({ name: 'a' });
  const b = r.start({ name: 'b' });
  assert.equal(r.puppets.length, 1);
  clock.pass(51);
  assert.deepEqual(ticks(r.calls).sort(), [...Array(5).fill('tick(1)'), 'tick(2)', 'tick(2)']);
  a.close();
  r.calls.length = 0;
  clock.pass(50);
  assert.deepEqual(ticks(r.calls), ['tick(2)', 'tick(2)']);
  b.close();
});

test('limits.tickPeriod is the shortest; a module without the callback may ask for ticks', async t => {
  const r = await rig({ proxy_on_configure: p => void period(p, 1) }, { callbacks: ['proxy_on_configure'] });
  const other = await rig({ proxy_on_configure: p => void period(p, 1) });
  const clock = new GuestClock(t);
  const plugin = r.start();
  const limited = other.start({ limits: { tickPeriod: 20 } });
  clock.pass(50);
  assert.deepEqual(ticks(r.calls), []);
  assert.deepEqual(ticks(other.calls), ['tick(1)', 'tick(1)']);
  assert.equal(limited.counters.limitHits.tickPeriod, 1);
  plugin.close();
  limited.close();
});

for (const callback of ['proxy_on_vm_start', 'proxy_on_log', 'proxy_on_delete'] as const) {
  test(`a period can be set in ${callback}; when all has ended there are no ticks`, async t => {
    const clock = new GuestClock(t);
    const { rig: r } = await during(callback, p => void assert.equal(period(p, 10), 0));
    clock.pass(100);
    assert.deepEqual(ticks(r.calls), []);
  });
}

test('isolation: request, a VM whose stream has ended does not tick', async t => {
  const r = await rig({ proxy_on_configure: p => void period(p, 10) });
  const clock = new GuestClock(t);
  const plugin = r.start({ isolation: 'request', pool: 0 });
  const drive = new Drive(r.chain(plugin)).headers(true);
  clock.pass(10);
  assert.equal(ticks(r.calls).length, 1);
  drive.finish();
  clock.pass(100);
  assert.equal(ticks(r.calls).length, 1);
  plugin.close();
  assert.deepEqual(
    r.log.texts.filter(text => text.startsWith('error')),
    [],
  );
});
