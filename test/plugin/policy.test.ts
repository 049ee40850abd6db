import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { PluginError } from '../../src/errors.ts';
import { type Rig, rig, settle } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';

const trapOnce = (r: Rig) => {
  r.script.proxy_on_request_headers = p => {
    delete r.script.proxy_on_request_headers;
    p.call('trap');
  };
};

function clock(t: TestContext): { now: number } {
  const time = { now: 1_000_000 };
  t.mock.method(performance, 'now', () => time.now);
  return time;
}

test('closed: 503 for the stream, and for all after it, for good', async t => {
  const time = clock(t);
  const r = await rig();
  const plugin = r.start({ onFailure: 'closed' });
  const chain = r.chain(plugin);
  trapOnce(r);
  for (let i = 0; i < 4; i++) {
    const d = new Drive(chain).headers(true);
    assert.deepEqual(d.events, ['fail 503']);
    if (i > 0) assert.match(d.exchange.failure!.details, /its VM died and onFailure is closed/);
    time.now += 3_600_000;
  }
  assert.equal(r.puppets.length, 1);
  assert.equal(plugin.counters.traps, 1);
  assert.equal(plugin.counters.refused, 3);
});

test('reload: 503 for the stream, the next one has a new VM', async () => {
  const r = await rig();
  const plugin = r.start({ onFailure: 'reload' });
  trapOnce(r);
  assert.deepEqual(new Drive(r.chain(plugin)).headers(true).events, ['fail 503']);
  assert.deepEqual(new Drive(r.chain(plugin)).headers(true).events, ['> headers end']);
  assert.equal(r.puppets.length, 2);
  assert.equal(plugin.counters.vmsStarted, 2);
});

test('open: the stream goes on, and while the filter is down others go past it', async t => {
  const time = clock(t);
  t.mock.method(Math, 'random', () => 1);
  const r = await rig();
  const plugin = r.start({ onFailure: 'open' });
  const chain = r.chain(plugin);
  const passes = () => assert.deepEqual(new Drive(chain).headers(true).events, ['> headers end']);
  for (let i = 0; i < 2; i++) {
    trapOnce(r);
    passes();
  }
  const before = r.calls.length;
  passes();
  assert.equal(r.calls.length, before, 'it is down, nobody asks it');
  assert.equal(plugin.counters.refused, 1);
  assert.equal(plugin.counters.skipped, 3);
  time.now += 100;
  passes();
  assert.ok(r.calls.includes('request_headers(2,4,1)'), r.calls.join());
});

test('what ended a VM is counted by its kind', async () => {
  const deaths: [keyof Rig['puppet'] | string, (p: Rig['puppet']) => unknown][] = [
    ['traps', p => p.call('trap')],
    ['exits', p => p.call('proc_exit', 3)],
    [
      'hostFaults',
      () => {
        throw new TypeError('ours');
      },
    ],
  ];
  for (const [counter, die] of deaths) {
    const r = await rig({ proxy_on_request_headers: die });
    const plugin = r.start();
    new Drive(r.chain(plugin)).headers();
    const { traps, exits, hostFaults, interruptions } = plugin.counters;
    assert.deepEqual(
      { traps, exits, hostFaults, interruptions },
      { traps: 0, exits: 0, hostFaults: 0, interruptions: 0, [counter]: 1 },
    );
  }
});

test('a callback that runs too long is interrupted: one stream fails, and the log says why', async () => {
  const r = await rig({
    proxy_on_request_headers: p => {
      p.call('spin');
    },
  });
  const plugin = r.start({ limits: { callTime: 20 } });
  const d = new Drive(r.chain(plugin)).headers();
  assert.deepEqual(d.events, ['fail 503']);
  assert.match(
    d.exchange.failure!.details,
    /^proxy_on_request_headers: ran longer than limits\.callTime \(20 ms\)$/,
  );
  assert.equal(plugin.counters.interruptions, 1);
  assert.equal(plugin.counters.limitHits.callTime, 1);
  r.script = {};
  assert.deepEqual(new Drive(r.chain(plugin)).headers(true).events, ['> headers end']);
});

test('a start that never ends is interrupted at startTime', async () => {
  const r = await rig({ proxy_on_configure: p => p.call('spin') });
  assert.throws(() => r.start({ limits: { startTime: 30, callTime: 1 } }), {
    code: 'GUEST_TIMEOUT',
    message: 'proxy_on_configure: ran longer than limits.startTime (30 ms)',
  });
});

test('contexts that never say proxy_done: the oldest is ended when there are too many', async () => {
  const r = await rig({ proxy_on_done: () => 0 });
  const plugin = r.start({ limits: { contexts: 3 } });
  const chain = r.chain(plugin);
  for (let i = 0; i < 10; i++) {
    const d = new Drive(chain).headers(true);
    assert.deepEqual(d.events, ['> headers end'], String(i));
    d.finish();
  }
  assert.equal(plugin.counters.contexts, 3);
  assert.equal(plugin.counters.limitHits.contexts, 7);
  assert.equal(r.calls.filter(c => c.startsWith('delete')).length, 7);
  r.calls.length = 0;
  plugin.close();
  assert.deepEqual(
    r.calls.map(c => c.split('(')[0]),
    ['log', 'delete', 'log', 'delete', 'log', 'delete', 'done', 'log', 'delete'],
    'at the end each gets its log and delete',
  );
});

test('contexts of streams that are under way are not ended: the next stream fails', async () => {
  const r = await rig();
  const plugin = r.start({ limits: { contexts: 2 } });
  const chain = r.chain(plugin);
  const first = new Drive(chain).headers(true);
  new Drive(chain).headers(true);
  const third = new Drive(chain).headers(true);
  assert.deepEqual(third.events, ['fail 503']);
  assert.match(third.exchange.failure!.details, /filter puppet has 2 contexts \(limits\.contexts\)/);
  first.finish();
  assert.deepEqual(new Drive(chain).headers(true).events, ['> headers end']);
});

test('log lines beyond the limit are counted and told in one line', async t => {
  const time = clock(t);
  const r = await rig({
    proxy_on_request_headers: p => {
      for (let i = 0; i < 10; i++) p.log(2, `line ${i}`);
    },
  });
  const plugin = r.start({ limits: { logLines: 4 } });
  r.log.lines.length = 0;
  new Drive(r.chain(plugin)).headers();
  assert.deepEqual(r.log.texts, ['info line 0', 'info line 1', 'info line 2', 'info line 3']);
  time.now += 1000;
  r.log.lines.length = 0;
  new Drive(r.chain(plugin)).headers();
  assert.equal(r.log.texts[0], 'warn 6 log lines dropped: more than limits.logLines (4 per second)');
  assert.equal(r.log.texts.length, 5);
  plugin.close();
  assert.match(r.log.texts.at(-1)!, /^warn 6 log lines dropped/);
  assert.equal(plugin.counters.limitHits.logLines, 12);
});

test('a retired plugin ends with its last stream', async () => {
  const r = await rig();
  const plugin = r.start();
  const d = new Drive(r.chain(plugin)).headers();
  plugin.retire();
  assert.equal(plugin.retired, true);
  d.data('x');
  assert.deepEqual(d.events, ['> headers', '> x']);
  assert.equal(r.calls.filter(c => c.startsWith('delete')).length, 0);
  d.finish();
  await settle();
  assert.deepEqual(
    r.calls.slice(-6).map(c => c.split('(')[0]),
    ['done', 'log', 'delete', 'done', 'log', 'delete'],
  );
  assert.deepEqual(plugin.vms(), []);
});

test('a plugin without streams ends when it is retired, and its VM when all that share it have ended', async () => {
  const r = await rig();
  const a = r.start({ name: 'a' });
  const b = r.start({ name: 'b' });
  a.retire();
  assert.deepEqual(new Drive(r.chain(b)).headers(true).events, ['> headers end']);
  assert.equal(r.puppets.length, 1);
  b.close();
  r.start({ name: 'c' });
  assert.equal(r.puppets.length, 2, 'nobody kept the VM');
});

test('memory.grow beyond the limit fails for the guest and is counted', async () => {
  const r = await rig({
    proxy_on_request_headers: p => {
      assert.equal(p.call('grow', 1), 2, 'pages before');
      for (let i = 0; i < 3; i++) assert.equal(p.call('grow', 100), -1);
      assert.equal(p.size, 3 * 65_536);
    },
  });
  const plugin = r.start({ limits: { memory: 4 * 65_536 } });
  assert.deepEqual(new Drive(r.chain(plugin)).headers(true).events, ['> headers end']);
  r.check();
  assert.equal(plugin.counters.limitHits.memory, 3);
});

test('a stream that comes to a plugin after it was evicted is served, and the plugin ends again', async () => {
  const r = await rig();
  const plugin = r.start();
  const chain = r.chain(plugin);
  plugin.retire();
  const d = new Drive(chain).headers(true);
  assert.deepEqual(d.events, ['> headers end']);
  assert.equal(r.puppets.length, 2);
  d.finish();
  assert.deepEqual(plugin.vms(), []);
  assert.equal(r.log.texts.filter(l => l.includes('in place of one that died')).length, 0);
});

test('closed outlives eviction: the filter stays down when it is loaded again', async () => {
  const r = await rig();
  const first = r.start({ onFailure: 'closed' });
  trapOnce(r);
  new Drive(r.chain(first)).headers(true);
  new Drive(r.chain(first)).headers(true);
  first.retire();
  const again = r.start({ onFailure: 'closed' });
  const d = new Drive(r.chain(again)).headers(true);
  assert.deepEqual(d.events, ['fail 503']);
});

test('while no callback can run streams fail, and nothing of them is left', async t => {
  const r = await rig();
  const plugin = r.start({ limits: { contexts: 10 } });
  const chain = r.chain(plugin);
  const live = Array.from({ length: 3 }, () => new Drive(chain).headers(true));
  const enter = t.mock.method(await Interrupter.ofThread(), 'enter', () => {
    throw new PluginError('PLUGIN_DOWN', 'no callback can run now');
  });
  for (let i = 0; i < 20; i++) {
    const d = new Drive(chain).headers(true);
    assert.deepEqual(d.events, ['fail 503']);
    d.finish();
  }
  for (const d of live) d.finish();
  enter.mock.restore();
  assert.equal(plugin.counters.contexts, 0);
  assert.deepEqual(new Drive(chain).headers(true).events, ['> headers end']);
});

test('a plugin that ends leaves the waiting contexts of the one that took its place', async () => {
  const r = await rig({ proxy_on_done: (_p, id) => (id === 1 ? 1 : 0) });
  const old = r.start();
  const first = new Drive(r.chain(old)).headers(true);
  old.retire();
  const second = new Drive(r.chain(r.start())).headers(true);
  second.finish();
  r.calls.length = 0;
  r.script.proxy_on_done = () => 1;
  first.finish();
  assert.deepEqual(
    r.calls.map(call => call.split('(')[0]),
    ['done', 'log', 'delete', 'done', 'log', 'delete'],
    'the first stream and the root of its plugin',
  );
});
