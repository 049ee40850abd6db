import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { sha256 } from '../../src/engine/compile.ts';
import { Context } from '../../src/plugin/context.ts';
import type { ModuleVm } from '../../src/plugin/module-vm.ts';
import { type Puppet, rig } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';
import { until } from '../support/wait.ts';

const REQUEST = { isolation: 'request', pool: 2 } as const;

test('each stream has a VM of its own, and keeps it', async () => {
  const vms = new Map<number, Puppet[]>();
  let stream = 0;
  const see = (p: Puppet) => {
    vms.set(stream, [...(vms.get(stream) ?? []), p]);
  };
  const r = await rig({ proxy_on_request_headers: see, proxy_on_response_headers: see, proxy_on_log: see });
  const plugin = r.start(REQUEST);
  for (stream = 0; stream < 5; stream++) {
    const d = new Drive(r.chain(plugin)).whole();
    d.finish();
  }
  const seen = [...vms.values()].map(list => new Set(list));
  assert.ok(seen.every(set => set.size === 1));
  assert.equal(new Set(seen.flatMap(set => [...set])).size, 5);
  plugin.close();
});

test('VMs are made between requests, up to the pool; a stream that finds none makes its own', async () => {
  const r = await rig();
  const plugin = r.start(REQUEST);
  await until(() => plugin.vms().length === 2, 'the pool to fill');
  const drives = Array.from({ length: 3 }, () => new Drive(r.chain(plugin)).headers());
  assert.ok(drives.every(d => d.events[0] === '> headers'));
  assert.equal(plugin.counters.poolMisses, 1);
  await until(() => plugin.vms().length === 2, 'the pool to fill again');
  for (const d of drives) d.finish();
  plugin.close();
  assert.equal(plugin.vms().length, 0);
});

test('nothing a stream leaves in memory, or in globals, is seen by another', async () => {
  const SECRET = 'secret of the first stream';
  const leaks: string[] = [];
  const r = await rig({
    proxy_on_request_headers: p => {
      if (p.memory.includes(SECRET)) leaks.push('memory');
      p.put(SECRET);
      p.memory.write(SECRET, p.size - 100, 'latin1');
    },
    proxy_on_response_headers: p => {
      if (!p.memory.includes(SECRET)) leaks.push('its own memory is gone');
    },
  });
  const plugin = r.start(REQUEST);
  for (let i = 0; i < 10; i++) {
    new Drive(r.chain(plugin)).whole().finish();
    await new Promise(resolve => setImmediate(resolve));
  }
  assert.deepEqual(leaks, []);
  plugin.close();
});

/** How many memories instances got that were made for them. */
function countMemories(t: TestContext): () => number {
  const { Memory } = WebAssembly;
  let count = 0;
  WebAssembly.Memory = new Proxy(Memory, {
    construct: (target, args) => {
      count++;
      return Reflect.construct(target, args);
    },
  });
  t.after(() => {
    WebAssembly.Memory = Memory;
  });
  return () => count;
}

const turn = () => new Promise(resolve => setImmediate(resolve));

test('memory that did not grow is used again, as if it were new', async t => {
  const count = countMemories(t);
  const fresh = new Set<string>();
  let secret = 0;
  const look = (p: Puppet) => {
    fresh.add(sha256(p.memory));
    assert.equal(p.size, 2 * 65_536);
  };
  const r = await rig({
    proxy_on_context_create: (p, _id, parent) => {
      if (parent === 0) look(p);
    },
    proxy_on_request_headers: p => p.memory.fill(++secret),
    proxy_on_log: p => assert.equal(p.memory.at(-1), secret),
  });
  const plugin = r.start(REQUEST);
  for (let i = 0; i < 30; i++) {
    new Drive(r.chain(plugin)).whole().finish();
    await turn();
    await turn();
  }
  r.check();
  assert.equal(secret, 30);
  assert.equal(fresh.size, 1);
  assert.ok(count() <= 4, `${count()} memories for 30 streams`);
  assert.ok(plugin.counters.vmsStarted >= 30);
  plugin.close();
});

test('memory that grew is not used again, nor is what died', async t => {
  for (const spoil of ['grow', 'trap'] as const) {
    const count = countMemories(t);
    const sizes = new Set<number>();
    const r = await rig({
      proxy_on_context_create: (p, _id, parent) => {
        if (parent === 0) sizes.add(p.size);
      },
      proxy_on_request_headers: p => p.call(spoil, 1) & 0,
    });
    const plugin = r.start({ ...REQUEST, restart: { firstDelay: 1, maxDelay: 1, crashesPerMinute: 1e9 } });
    for (let i = 0; i < 10; i++) {
      const { events } = new Drive(r.chain(plugin)).headers(true).finish();
      assert.deepEqual(events, [spoil === 'grow' ? '> headers end' : 'fail 503']);
      await until(() => plugin.vms().length > 0, 'the next VM');
    }
    assert.equal(count(), plugin.counters.vmsStarted);
    assert.deepEqual([...sizes], [2 * 65_536]);
    plugin.close();
  }
});

test('a VM whose stream has ended is called by nobody, and has no memory', async () => {
  const r = await rig();
  const plugin = r.start(REQUEST);
  const drive = new Drive(r.chain(plugin)).headers(true);
  const vm = r.puppets[0]!.guest as ModuleVm;
  const context = new Context(9, r.registry.states.get('puppet')!);
  const call = () => vm.call(context, 'proxy_on_log', () => 0, 0, 0, 0);
  assert.equal(call(), 0);
  drive.finish();
  assert.throws(call, { code: 'GUEST_EXIT', message: /closed before/ });
  await turn();
  assert.equal(vm.memory.has(0, 1), false);
  assert.equal(vm.memorySize, 0);
  vm.end();
  plugin.close();
});

test('a death is the death of one stream only, whatever the policy', async () => {
  for (const onFailure of ['closed', 'reload'] as const) {
    const r = await rig();
    const plugin = r.start({ ...REQUEST, onFailure });
    const chain = r.chain(plugin);
    const other = new Drive(chain).headers();
    r.script.proxy_on_request_headers = p => p.call('trap');
    assert.deepEqual(new Drive(chain).headers().events, ['fail 503']);
    r.script = {};
    other.data('x', true);
    assert.deepEqual(other.events, ['> headers', '> x end']);
    assert.deepEqual(new Drive(chain).headers(true).events, ['> headers end']);
    other.finish();
    plugin.close();
  }
});

test('contexts that never say proxy_done do not keep their VM', async () => {
  const r = await rig({ proxy_on_done: () => 0 });
  const plugin = r.start(REQUEST);
  for (let i = 0; i < 5; i++) new Drive(r.chain(plugin)).headers(true).finish();
  assert.equal(plugin.counters.contexts, 0);
  plugin.close();
});

test('a pool whose VMs do not start is not asked for them over and over', async () => {
  const r = await rig();
  const plugin = r.start({ ...REQUEST, pool: 1 });
  r.script.proxy_on_configure = () => 0;
  const chain = r.chain(plugin);
  assert.deepEqual(new Drive(chain).headers(true).events, ['> headers end']);
  await until(() => plugin.counters.startFailures >= 1, 'a VM to fail');
  for (let i = 0; i < 20; i++) new Drive(chain).headers(true);
  assert.ok(plugin.counters.startFailures <= 3, String(plugin.counters.startFailures));
  assert.ok(plugin.counters.refused >= 17);
  plugin.close();
});

test('a VM of one request ticks until its stream ends, and then no more', async t => {
  const ticks = new Map<Puppet, number>();
  let serving: Puppet | undefined;
  const r = await rig({
    proxy_on_configure: p => void p.call('proxy_set_tick_period_milliseconds', 1),
    proxy_on_tick: p => void ticks.set(p, (ticks.get(p) ?? 0) + 1),
    proxy_on_request_headers: p => {
      serving = p;
      return 1;
    },
  });
  const plugin = r.start(REQUEST);
  t.after(() => plugin.close());
  const drive = new Drive(r.chain(plugin)).headers();
  const own = serving!;
  const before = ticks.get(own) ?? 0;
  // Timers of guests keep no process alive.
  await until(() => (ticks.get(own) ?? 0) > before + 2, 'ticks while the stream waits');
  drive.finish();
  const after = ticks.get(own)!;
  const others = () => [...ticks].filter(([p]) => p !== own).reduce((sum, [, count]) => sum + count, 0);
  const seen = others();
  await until(() => others() > seen + 5, 'ticks of VMs that wait for streams');
  assert.equal(ticks.get(own), after);
  assert.deepEqual(
    r.log.lines.filter(({ level }) => level === 'error'),
    [],
  );
});
