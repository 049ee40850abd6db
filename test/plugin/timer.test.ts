import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { NO_SERVICES } from '../../src/plugin/no-services.ts';
import { PluginState } from '../../src/plugin/state.ts';
import { TickTimer } from '../../src/plugin/timer.ts';
import { pluginOptions } from '../support/guest.ts';
import { GuestClock } from '../support/guest-clock.ts';
import { GuestLog } from '../support/guest-log.ts';

function ticking(t: TestContext, tickPeriod = 1) {
  const clock = new GuestClock(t);
  const state = new PluginState(pluginOptions({ limits: { tickPeriod } }), new GuestLog(), NO_SERVICES);
  const begin = clock.now;
  const ticks: number[] = [];
  let onTick = () => {};
  const timer = new TickTimer(state, () => {
    ticks.push(clock.now - begin);
    onTick();
  });
  return {
    clock,
    timer,
    /** When each came, in ms. */
    ticks,
    hits: () => state.counters.limitHits.tickPeriod,
    onTick: (then: () => void) => {
      onTick = then;
    },
  };
}

test('ticks come every period, and not at once', t => {
  const { clock, timer, ticks } = ticking(t);
  assert.equal(timer.active, false);
  assert.equal(timer.set(10), 0);
  assert.equal(timer.active, true);
  clock.pass(9);
  assert.deepEqual(ticks, []);
  clock.pass(26);
  assert.deepEqual(ticks, [10, 20, 30]);
});

test('0 ends them, another period counts from when it was set', t => {
  const { clock, timer, ticks } = ticking(t);
  timer.set(10);
  clock.pass(15);
  timer.set(0);
  assert.equal(timer.active, false);
  clock.pass(100);
  assert.deepEqual(ticks, [10]);
  timer.set(7);
  clock.pass(15);
  assert.deepEqual(ticks, [10, 122, 129]);
});

test('a tick changes the period, also to none, and back within one tick', t => {
  const { clock, timer, ticks, onTick } = ticking(t);
  const periods = [20, 5, 0];
  onTick(() => timer.set(periods.shift()!));
  timer.set(10);
  clock.pass(200);
  assert.deepEqual(ticks, [10, 30, 35]);
  onTick(() => {
    timer.set(50);
    timer.set(0);
    timer.set(3);
  });
  timer.set(1);
  clock.pass(8);
  assert.deepEqual(ticks.slice(3), [201, 204, 207]);
});

test('a period that is set again and again before it is over never ticks', t => {
  const { clock, timer, ticks } = ticking(t);
  for (let i = 0; i < 50; i++) {
    timer.set(10);
    clock.pass(9);
  }
  assert.deepEqual(ticks, []);
});

test('a period below limits.tickPeriod becomes that, and is counted; one over 2^31 ms fits', t => {
  const { clock, timer, ticks, hits } = ticking(t, 25);
  timer.set(1);
  clock.pass(60);
  assert.deepEqual(ticks, [25, 50]);
  assert.equal(hits(), 1);
  timer.set(25);
  timer.set(0);
  assert.equal(hits(), 1);
  timer.set(0xffffffff);
  clock.stall(1000);
  assert.equal(ticks.length, 2);
  assert.equal(timer.active, true);
});

test('lateness does not add up', t => {
  const { clock, timer, ticks } = ticking(t);
  timer.set(10);
  for (let i = 0; i < 100; i++) {
    clock.stall(13);
    clock.pass(7);
  }
  assert.equal(ticks.length, 200, 'one for every 10 of 2000 ms');
});

test('ticks that were missed are not made up for', t => {
  const { clock, timer, ticks } = ticking(t);
  timer.set(10);
  clock.stall(1005);
  assert.deepEqual(ticks, [1005]);
  clock.pass(21);
  assert.deepEqual(ticks, [1005, 1015, 1025]);
});

test('a tick that takes longer than the period is followed by the next when others had their time', t => {
  const { clock, timer, ticks, onTick } = ticking(t);
  onTick(() => {
    clock.now += 25;
  });
  timer.set(10);
  clock.pass(5);
  assert.deepEqual(ticks, []);
  clock.pass(400);
  // Never two at once, and time for others between them: they have four fifths of it.
  for (let i = 1; i < ticks.length; i++) assert.ok(ticks[i]! >= ticks[i - 1]! + 125, ticks.join());
  assert.ok(ticks.length > 2);
});

test('others have their time too when a tick that takes long sets its period again', t => {
  const { clock, timer, ticks, onTick } = ticking(t);
  onTick(() => {
    clock.now += 9;
    timer.set(10);
  });
  timer.set(10);
  clock.pass(20);
  timer.set(1);
  clock.pass(100);
  for (let i = 1; i < ticks.length; i++) assert.ok(ticks[i]! >= ticks[i - 1]! + 45, ticks.join());
  assert.ok(ticks.length > 1);
});

test('all ticks of a filter, whatever their VM, leave others their time', t => {
  const clock = new GuestClock(t);
  const state = new PluginState(pluginOptions(), new GuestLog(), NO_SERVICES);
  const ticks = [0, 0, 0, 0];
  const timers = ticks.map(
    (_, i) =>
      new TickTimer(state, () => {
        ticks[i]!++;
        clock.now += 10;
      }),
  );
  for (const timer of timers) timer.set(10);
  clock.pass(2000);
  const all = ticks.reduce((sum, n) => sum + n);
  assert.ok(all > 20 && all <= 50, ticks.join());
  assert.ok(Math.min(...ticks) > 0, 'each has its turn');
});

test('none comes after stop, not even from a tick that stops itself, nor by set', t => {
  const { clock, timer, ticks, onTick } = ticking(t);
  onTick(() => timer.stop());
  timer.set(10);
  clock.pass(100);
  assert.deepEqual(ticks, [10]);
  assert.equal(timer.set(10), 0);
  assert.equal(timer.active, false);
  clock.pass(100);
  assert.deepEqual(ticks, [10]);
});

test('timers keep no process alive', () => {
  const state = new PluginState(pluginOptions(), new GuestLog(), NO_SERVICES);
  const before = process.getActiveResourcesInfo().filter(name => name === 'Timeout').length;
  const timer = new TickTimer(state, () => {});
  timer.set(1000);
  assert.equal(process.getActiveResourcesInfo().filter(name => name === 'Timeout').length, before);
  timer.stop();
});
