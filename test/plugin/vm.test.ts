import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Rig, rig, settle } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';

/** A clock for back-off: `performance.now` gives what the test says. */
function clock(t: TestContext): { now: number } {
  const time = { now: 1_000_000 };
  t.mock.method(performance, 'now', () => time.now);
  // The jitter of back-off: none.
  t.mock.method(Math, 'random', () => 1);
  return time;
}

const trapOnce = (r: Rig) => {
  r.script.proxy_on_request_headers = p => {
    delete r.script.proxy_on_request_headers;
    p.call('trap');
  };
};

test('plugins share a VM when module, vm id, VM configuration and environment are the same', async () => {
  const cases: [options: object, shared: boolean][] = [
    [{ name: 'b', rootId: 'r', config: Buffer.from('c') }, true],
    [{ limits: { bufferedBody: 1, pauseTime: 1 }, allowOnHeadersStopIteration: true }, true],
    [{ vmId: 'other' }, false],
    [{ vmConfig: Buffer.from('x') }, false],
    [{ env: { A: '1' } }, false],
  ];
  for (const [options, shared] of cases) {
    const r = await rig();
    r.start();
    r.start(options);
    assert.equal(r.puppets.length, shared ? 1 : 2, JSON.stringify(options));
    assert.equal(r.calls.filter(c => c.startsWith('vm_start')).length, 2, 'each root context is started');
    if (shared) assert.deepEqual(r.calls.slice(0, 4).at(-1), 'context_create(2,0)');
  }
});

test('names and values of the environment can not be confused', async () => {
  const r = await rig();
  r.start({ env: { A: '1', B: '2' } });
  r.start({ env: { A: '1,"B":"2' } });
  r.start({ vmId: 'a' });
  assert.equal(r.puppets.length, 3);
});

for (const callback of [
  'proxy_on_context_create',
  'proxy_on_request_headers',
  'proxy_on_request_body',
  'proxy_on_request_trailers',
  'proxy_on_response_headers',
  'proxy_on_response_body',
  'proxy_on_response_trailers',
] as const) {
  test(`a trap in ${callback}: that stream fails closed, once, and nothing enters the VM again`, async () => {
    const r = await rig();
    const plugin = r.start();
    r.script[callback] = p => p.call('trap');
    r.calls.length = 0;
    const d = new Drive(r.chain(plugin)).whole();
    await settle();
    assert.deepEqual(
      d.events.filter(e => e.startsWith('fail')),
      ['fail 503'],
    );
    assert.equal(d.events.at(-1), 'fail 503');
    assert.equal(r.calls.at(-1)!.split('(')[0], callback.slice(9));
    assert.equal(d.exchange.failure!.filter, 'puppet');
    assert.match(d.exchange.failure!.details, new RegExp(`^${callback}: trap: unreachable`));
    assert.equal(r.log.lines.filter(l => l.level === 'error').length, 1);
    r.script = {};
    plugin.close();
    assert.equal(r.calls.at(-1)!.split('(')[0], callback.slice(9));
  });
}

for (const callback of ['proxy_on_done', 'proxy_on_log', 'proxy_on_delete'] as const) {
  test(`a trap in ${callback} is logged, and the exchange is not disturbed`, async () => {
    const r = await rig({ [callback]: (p: Rig['puppet']) => p.call('trap') });
    const plugin = r.start();
    const d = new Drive(r.chain(plugin)).whole();
    assert.equal(d.events.length, 6);
    assert.match(r.log.texts.at(-1)!, new RegExp(`^error ${callback}: trap: unreachable`));
    assert.equal(r.calls.at(-1), `${callback.slice(9)}(2)`);
  });
}

test("a VM's death fails its other streams closed, paused ones when they next need it", async () => {
  const r = await rig({ proxy_on_request_headers: () => 1 });
  const plugin = r.start();
  const chain = r.chain(plugin);
  const paused = new Drive(chain).headers();
  r.script.proxy_on_request_headers = () => 0;
  const open = new Drive(chain).headers();
  trapOnce(r);
  new Drive(chain).headers();
  const before = r.calls.length;
  open.data('x');
  assert.deepEqual(open.events, ['> headers', 'fail 503']);
  assert.match(open.exchange.failure!.details, /its VM ended before this \(proxy_on_request_headers: trap/);
  paused.data('x').finish();
  open.finish();
  assert.equal(r.calls.length, before);
});

test('a local response of a dead filter that another one gives does not enter it', async () => {
  const first = await rig();
  const second = await rig({ proxy_on_request_body: p => p.respond(403) });
  const d = new Drive(first.chain(first.start(), second.start())).headers();
  trapOnce(first);
  new Drive(first.chain(first.start())).headers();
  first.calls.length = 0;
  d.data('x');
  assert.deepEqual(first.calls, []);
  assert.deepEqual(d.events.at(-1), 'fail 503');
});

test('after a death a new VM starts at once, then ever less often', async t => {
  const time = clock(t);
  const r = await rig();
  const chain = r.chain(r.start());
  const die = () => {
    trapOnce(r);
    assert.deepEqual(new Drive(chain).headers().events, ['fail 503']);
  };
  const alive = () => new Drive(chain).headers(true).events[0] === '> headers end';
  for (const [i, wait] of [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000].entries()) {
    die();
    if (wait > 0) {
      time.now += wait - 1;
      assert.equal(alive(), false, `${wait} ms are not over`);
      time.now += 1;
    }
    assert.equal(alive(), true, `after ${wait} ms`);
    assert.equal(r.puppets.length, i + 2);
  }
});

test('while restarts are held back requests fail closed and say why', async t => {
  clock(t);
  const r = await rig();
  const chain = r.chain(r.start());
  for (const _ of [1, 2]) {
    trapOnce(r);
    new Drive(chain).headers();
    new Drive(chain);
  }
  const d = new Drive(chain).headers();
  assert.deepEqual(d.events, ['fail 503']);
  assert.match(d.exchange.failure!.details, /filter puppet is down: a new VM is tried in 100 ms/);
  assert.equal(d.exchange.failure!.filter, 'puppet');
});

test('a VM that lived long is replaced at once again, and the next wait is short', async t => {
  const time = clock(t);
  const r = await rig();
  const chain = r.chain(r.start());
  const die = () => {
    trapOnce(r);
    new Drive(chain).headers();
  };
  const alive = () => new Drive(chain).headers(true).events[0] === '> headers end';
  for (let i = 0; i < 5; i++) {
    die();
    assert.equal(alive(), true, String(i));
    time.now += 11_000;
  }
  die();
  assert.equal(alive(), true);
  die();
  assert.equal(alive(), false);
  time.now += 100;
  assert.equal(alive(), true);
});

test('a new VM is configured as the old one, and both plugins of a shared VM move to it', async t => {
  clock(t);
  const r = await rig();
  const a = r.start({ name: 'a', config: Buffer.from('for a') });
  const b = r.start({ name: 'b', config: Buffer.from('for b') });
  trapOnce(r);
  new Drive(r.chain(a)).headers();
  const configs: unknown[] = [];
  r.script.proxy_on_configure = p => {
    configs.push(p.body(7));
  };
  assert.deepEqual(new Drive(r.chain(b)).headers(true).events, ['> headers end']);
  assert.deepEqual(new Drive(r.chain(a)).headers(true).events, ['> headers end']);
  assert.deepEqual(new Drive(r.chain(a)).headers(true).events, ['> headers end']);
  assert.deepEqual(configs, ['for b', 'for a']);
  assert.equal(r.puppets.length, 2);
  assert.equal(r.log.texts.filter(l => l.includes('started a new VM')).length, 2);
});

test('a new VM that refuses its configuration fails requests closed, and is asked again after a while', async t => {
  const time = clock(t);
  const r = await rig();
  const chain = r.chain(r.start());
  trapOnce(r);
  new Drive(chain).headers();
  r.script.proxy_on_configure = () => 0;
  const d = new Drive(chain).headers();
  assert.deepEqual(d.events, ['fail 503']);
  assert.match(d.exchange.failure!.details, /proxy_on_configure returned false/);
  r.script = {};
  assert.deepEqual(new Drive(chain).headers(true).events, ['fail 503']);
  time.now += 100;
  assert.deepEqual(new Drive(chain).headers(true).events, ['> headers end']);
});

test('an exit in a callback ends the VM, also when it asked for something before', async () => {
  const r = await rig({
    proxy_on_request_headers: p => {
      p.respond(200, 'not this');
      p.call('proc_exit', 0);
    },
  });
  const d = new Drive(r.chain()).headers();
  await settle();
  assert.deepEqual(d.events, ['fail 503']);
  assert.match(d.exchange.failure!.details, /the guest called proc_exit\(0\)/);
});

test('an allocator that traps ends the VM', async () => {
  const r = await rig({
    proxy_on_request_headers: p => {
      p.allocator(6);
      p.header(0, ':path');
    },
  });
  assert.deepEqual(new Drive(r.chain()).headers().events, ['fail 503']);
});

test('a fault in a hostcall ends the VM and is told apart from a trap', async () => {
  const r = await rig({
    proxy_on_request_headers: () => {
      throw new TypeError('ours');
    },
  });
  const d = new Drive(r.chain()).headers();
  assert.match(d.exchange.failure!.details, /fault in a hostcall: ours/);
});
