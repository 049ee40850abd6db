import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ProxyWasmPlugin } from '../../src/plugin/plugin.ts';
import {
  Alloc,
  type Handler,
  type OptionOverrides,
  type Rig,
  rig,
  type Script,
  settle,
} from '../support/guest.ts';
import { TcpDrive } from '../support/tcp-exchange.ts';

const PAUSE = 1;
const DOWN = 2;
const REMOTE = 2;
const LOCAL = 1;

const CALLBACKS = ['proxy_on_new_connection', 'proxy_on_downstream_data', 'proxy_on_upstream_data'] as const;

/** Ways of guests to go wrong; each ends the VM. */
const FAULTS: Readonly<Record<string, Handler>> = {
  trap: p => p.call('trap'),
  'an endless loop': p => p.call('spin'),
  proc_exit: p => p.call('proc_exit', 1),
};

const begin = async (script: Script, options: OptionOverrides): Promise<[Rig, ProxyWasmPlugin, TcpDrive]> => {
  const r = await rig(script);
  const plugin = r.start({ limits: { callTime: 50 }, ...options });
  return [r, plugin, new TcpDrive(r, plugin)];
};

const run = (d: TcpDrive) => d.start().down('a').up('b');
const end = (d: TcpDrive) => d.closed(0, REMOTE).closed(1, LOCAL).stream.finish();

for (const [name, fault] of Object.entries(FAULTS)) {
  describe(`${name} in a TCP callback`, () => {
    for (const callback of CALLBACKS) {
      for (const onFailure of ['closed', 'reload'] as const) {
        it(`${callback}, onFailure: ${onFailure}: the connection fails, nothing passes the filter`, async () => {
          const [r, plugin, d] = await begin({ [callback]: fault }, { onFailure });
          run(d);
          await settle();
          assert.equal(d.failure?.filter, 'puppet');
          assert.equal(d.events.filter(event => event === 'fail').length, 1);
          assert.ok(!d.events.includes(callback === 'proxy_on_upstream_data' ? '< b' : '> a'));
          end(d);
          assert.equal(plugin.counters.contexts, 0);
          r.script = {};
          const next = run(new TcpDrive(r, plugin));
          const expected = onFailure === 'closed' ? ['fail'] : ['connect', '> a', '< b'];
          assert.deepEqual(next.events, expected);
        });
      }

      it(`${callback}, onFailure: open: the connection goes on without the filter`, async () => {
        const [, plugin, d] = await begin({ [callback]: fault }, { onFailure: 'open' });
        run(d).down('c').up('d', true);
        await settle();
        assert.deepEqual(d.events, ['connect', '> a', '< b', '> c', '< d end']);
        end(d);
        assert.equal(plugin.counters.skipped, 1);
        assert.equal(plugin.counters.contexts, 0);
      });
    }
  });
}

describe('a VM that dies while connections live in it', () => {
  /** Two connections of one plugin: the second one's new connection kills the VM. */
  async function pair(onFailure: 'closed' | 'open' | 'reload', script: Script): Promise<[Rig, TcpDrive]> {
    let kill = false;
    const r = await rig({ ...script, proxy_on_new_connection: p => (kill ? p.call('trap') : 0) });
    const plugin = r.start({ onFailure });
    const d = run(new TcpDrive(r, plugin));
    kill = true;
    new TcpDrive(r, plugin).start();
    await settle();
    return [r, d];
  }

  for (const onFailure of ['closed', 'reload'] as const) {
    it(`onFailure: ${onFailure}: they fail at once, also idle ones`, async () => {
      const [, d] = await pair(onFailure, {});
      assert.equal(d.events.at(-1), 'fail');
      assert.match(d.failure!.details, /its VM ended/);
    });
  }

  it('onFailure: open: what is held goes on as it came, and all that follows', async () => {
    const [, d] = await pair('open', { proxy_on_downstream_data: () => PAUSE });
    assert.deepEqual(d.events, ['connect', '< b', '> a']);
    d.down('more').up('answer');
    assert.deepEqual(d.events.slice(3), ['> more', '< answer']);
  });

  it('onFailure: open: what the filter did to the data that it holds is undone', async () => {
    const [, d] = await pair('open', {
      proxy_on_downstream_data: p => {
        assert.equal(p.call('proxy_set_buffer_bytes', DOWN, 0, 99, ...p.put('changed')), 0);
        return PAUSE;
      },
    });
    assert.deepEqual(d.events, ['connect', '< b', '> a']);
  });

  it('onFailure: open: once it has changed what went on, the rest would not fit', async () => {
    const [, d] = await pair('open', {
      proxy_on_downstream_data: p => {
        p.call('proxy_set_buffer_bytes', DOWN, 0, 0, ...p.put('<'));
      },
    });
    assert.deepEqual(d.events, ['connect', '> <a', '< b']);
    d.down('more');
    assert.equal(d.events.at(-1), 'fail');
  });
});

it('a filter that is down: open goes on without it, closed fails', async () => {
  for (const onFailure of ['open', 'closed'] as const) {
    const r = await rig({ proxy_on_new_connection: p => p.call('trap') });
    const plugin = r.start({
      onFailure,
      restart: { firstDelay: 60_000, maxDelay: 60_000, crashesPerMinute: 1 },
    });
    for (let i = 0; i < 3; i++) end(new TcpDrive(r, plugin).start());
    const d = run(new TcpDrive(r, plugin));
    assert.deepEqual(d.events, onFailure === 'open' ? ['connect', '> a', '< b'] : ['fail']);
    assert.ok(plugin.counters.refused > 0);
  }
});

it('a close that was asked for by a callback which died is forgotten', async () => {
  const script: Script = {
    proxy_on_downstream_data: p => {
      p.call('proxy_close_stream', DOWN);
      p.call('trap');
    },
  };
  const [, , d] = await begin(script, { onFailure: 'open' });
  run(d);
  await settle();
  assert.deepEqual(d.events, ['connect', '> a', '< b']);
});

it('a filter that takes what it holds out of the buffer can hold no more than its limit, and is then not skipped', async () => {
  let kill = false;
  const r = await rig({
    proxy_on_downstream_data: p => {
      if (kill) p.call('trap');
      p.call('proxy_set_buffer_bytes', DOWN, 0, 0xffffffff, ...p.put(''));
      return PAUSE;
    },
  });
  const plugin = r.start({ onFailure: 'open', limits: { bufferedBody: 8 } });
  const d = new TcpDrive(r, plugin).start().down('12345').down('67890');
  kill = true;
  d.down('x');
  assert.deepEqual(d.events, ['connect', 'fail']);
});

it('callbacks at the end that fail end nothing else', async () => {
  const r = await rig({
    proxy_on_downstream_connection_close: (p, id) => (id === 2 ? p.call('trap') : 0),
  });
  const a = r.start({ name: 'a', vmId: 'one' });
  const b = r.start({ name: 'b', vmId: 'two' });
  const d = run(new TcpDrive(r, b, a));
  r.calls.length = 0;
  end(d);
  await settle();
  assert.equal(a.counters.contexts + b.counters.contexts, 0);
  assert.equal(a.counters.traps + b.counters.traps, 2);
});

it('an allocator that fails: nothing is read, nothing breaks', async () => {
  const statuses: number[] = [];
  const r = await rig({
    proxy_on_downstream_data: p => {
      for (const mode of [Alloc.NULL, Alloc.OUT_OF_RANGE, Alloc.ONE_TOO_FAR]) {
        p.allocator(mode);
        statuses.push(p.call('proxy_get_buffer_bytes', DOWN, 0, 10, 16, 20));
      }
      p.allocator(Alloc.NORMAL);
    },
  });
  const d = run(new TcpDrive(r));
  assert.ok(
    statuses.every(status => status !== 0),
    String(statuses),
  );
  assert.deepEqual(d.events, ['connect', '> a', '< b']);
});

it('actions out of range stop, as in Envoy', async () => {
  for (const action of [2, 255, -1]) {
    const r = await rig({ proxy_on_downstream_data: () => action, proxy_on_new_connection: () => action });
    const d = new TcpDrive(r).start().down('x');
    assert.deepEqual(d.events, []);
  }
});

it('it is called for a connection that ended, through its effective context: nothing happens', async () => {
  const r = await rig();
  const d = run(new TcpDrive(r));
  const { guest } = r.puppet;
  guest.setEffectiveContext(2);
  const context = guest.host;
  end(d);
  const before = d.events.length;
  context.continueStream(DOWN);
  context.closeStream(DOWN);
  await settle();
  assert.equal(d.events.length, before);
});
