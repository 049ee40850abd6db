import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Puppet, rig, settle } from '../support/guest.ts';
import { TcpDrive } from '../support/tcp-exchange.ts';

const PAUSE = 1;
const DOWN = 2;
const UP = 3;
const REMOTE = 2;
const LOCAL = 1;

test('a connection from its beginning to its end: every callback once and in order', async () => {
  const r = await rig();
  const d = new TcpDrive(r).start().down('ab').up('cde').down('', true).up('', true);
  d.closed(0, REMOTE).closed(1, LOCAL);
  d.stream.finish();
  d.stream.finish();
  assert.deepEqual(r.calls.slice(3), [
    'context_create(2,1)',
    'new_connection(2)',
    'downstream_data(2,2,0)',
    'upstream_data(2,3,0)',
    'downstream_data(2,0,1)',
    'upstream_data(2,0,1)',
    'downstream_connection_close(2,2)',
    'upstream_connection_close(2,1)',
    'done(2)',
    'log(2)',
    'delete(2)',
  ]);
  assert.deepEqual(d.events, ['connect', '> ab', '< cde', '>  end', '<  end']);
});

test('what comes from downstream runs through the chain in order, what comes from upstream in reverse', async () => {
  const order: string[] = [];
  const r = await rig({
    proxy_on_new_connection: p => {
      order.push(`new ${p.property('plugin_name')}`);
    },
    proxy_on_downstream_data: p => {
      order.push(`down ${p.property('plugin_name')}`);
    },
    proxy_on_upstream_data: p => {
      order.push(`up ${p.property('plugin_name')}`);
    },
  });
  new TcpDrive(r, r.start({ name: 'a' }), r.start({ name: 'b' })).start().down('x').up('y');
  assert.deepEqual(order, ['new a', 'new b', 'down a', 'down b', 'up b', 'up a']);
});

test('a new connection that is stopped: later filters and the upstream wait, this filter sees what comes', async () => {
  const r = await rig({
    proxy_on_new_connection: p => (p.property('plugin_name').toString() === 'a' ? PAUSE : 0),
    proxy_on_downstream_data: (p, _id, size) =>
      p.property('plugin_name').toString() === 'a' && size < 4 ? PAUSE : 0,
  });
  const d = new TcpDrive(r, r.start({ name: 'a' }), r.start({ name: 'b' })).start();
  assert.deepEqual(d.take(), []);
  d.down('ab');
  assert.deepEqual(d.take(), []);
  d.down('cd');
  assert.deepEqual(d.take(), ['connect', '> abcd']);
  const all = r.calls.filter(call => /new_connection|downstream_data/.test(call));
  assert.deepEqual(all, [
    'new_connection(3)',
    'downstream_data(3,2,0)',
    'downstream_data(3,4,0)',
    'new_connection(4)',
    'downstream_data(4,4,0)',
  ]);
});

test('a new connection goes on with proxy_continue_stream, and what came meanwhile with it', async () => {
  const ids: number[] = [];
  const r = await rig(
    {
      proxy_on_new_connection: (_p, id) => {
        ids.push(id);
        return PAUSE;
      },
    },
    { callbacks: ['proxy_on_new_connection', 'proxy_on_tick', 'proxy_on_done', 'proxy_on_log'] },
  );
  const d = new TcpDrive(r).start().down('early').down('', true);
  assert.deepEqual(d.take(), []);
  // As from the answer of a call: on another context, through the effective one.
  const { puppet } = r;
  const stream = puppet.guest;
  assert.equal(stream.setEffectiveContext(ids[0]!), 0);
  assert.equal(stream.host.continueStream(DOWN), 0);
  assert.deepEqual(d.take(), []);
  await settle();
  assert.deepEqual(d.take(), ['connect', '> early end']);
});

test('a filter that waits sees the data grow, and lets it go with Continue', async () => {
  const r = await rig({
    proxy_on_downstream_data: (_p, _id, size) => (size < 5 ? PAUSE : 0),
    proxy_on_upstream_data: (_p, _id, _size, end) => (end ? 0 : PAUSE),
  });
  const d = new TcpDrive(r).start().down('ab').up('x').down('cd').up('y').down('ef').down('gh').up('', true);
  assert.deepEqual(d.events, ['connect', '> abcdef', '< xy end']);
  assert.deepEqual(
    r.calls.filter(call => call.startsWith('downstream_data')),
    ['downstream_data(2,2,0)', 'downstream_data(2,4,0)', 'downstream_data(2,6,0)', 'downstream_data(2,2,0)'],
  );
});

for (const [name, type, from] of [
  ['downstream', DOWN, 'down'],
  ['upstream', UP, 'up'],
] as const) {
  test(`proxy_continue_stream lets ${name} go, its end too, and not the other direction`, async () => {
    const r = await rig({
      proxy_on_downstream_data: () => PAUSE,
      proxy_on_upstream_data: () => PAUSE,
    });
    const d = new TcpDrive(r).start().down('a').up('b')[from]('c', true);
    const context = r.puppet.guest;
    assert.equal(context.setEffectiveContext(2), 0);
    assert.equal(context.host.continueStream(type), 0);
    await settle();
    assert.deepEqual(d.events, ['connect', from === 'down' ? '> ac end' : '< bc end']);
  });
}

test('a continue before Pause in the same callback wins; one of an earlier callback does not', async () => {
  let first = true;
  const r = await rig({
    proxy_on_downstream_data: p => {
      if (first) p.call('proxy_continue_stream', DOWN);
      first = false;
      return PAUSE;
    },
  });
  const d = new TcpDrive(r).start().down('a');
  await settle();
  d.down('b');
  await settle();
  assert.deepEqual(d.events, ['connect', '> a']);
});

for (const type of [DOWN, UP]) {
  for (const callback of [
    'proxy_on_new_connection',
    'proxy_on_downstream_data',
    'proxy_on_upstream_data',
  ] as const) {
    test(`proxy_close_stream(${type}) in ${callback}: nothing goes on, both connections end`, async () => {
      const r = await rig({ [callback]: (p: Puppet) => p.call('proxy_close_stream', type) });
      const d = new TcpDrive(r).start();
      if (callback !== 'proxy_on_new_connection') d.down('a').up('b');
      await settle();
      assert.equal(d.events.at(-1), 'close: a filter closed the stream');
      const sent = d.events.filter(event => event.startsWith(callback.includes('up') ? '<' : '>'));
      assert.deepEqual(sent, []);
      d.down('more').up('more');
      assert.equal(r.calls.filter(call => call.includes('data(')).length <= 2, true);
      d.closed(0, LOCAL).closed(1, LOCAL).stream.finish();
      assert.deepEqual(r.calls.slice(-3), ['done(2)', 'log(2)', 'delete(2)']);
    });
  }
}

test('more than limits.bufferedBody stops the source, not the connection', async () => {
  let hold = true;
  const r = await rig({ proxy_on_downstream_data: () => (hold ? PAUSE : 0) });
  const d = new TcpDrive(r, r.start({ limits: { bufferedBody: 10 } })).start().down('12345');
  assert.deepEqual(d.take(), ['connect']);
  d.down('67890');
  assert.deepEqual(d.take(), ['pause downstream']);
  hold = false;
  d.down('x');
  assert.deepEqual(d.take(), ['unpause downstream', '> 1234567890x']);
});

test('a stream that nobody resumes ends when limits.pauseTime is over', async () => {
  for (const callback of ['proxy_on_new_connection', 'proxy_on_upstream_data'] as const) {
    const r = await rig({ [callback]: () => PAUSE });
    const plugin = r.start({ limits: { pauseTime: 20 } });
    const d = new TcpDrive(r, plugin).start().up('x');
    const { promise, resolve } = Promise.withResolvers<void>();
    d.fail = failure => {
      d.failure = failure;
      resolve();
    };
    await promise;
    assert.match(d.failure!.details, /nothing resumed the stream for limits\.pauseTime \(20 ms\)/);
    assert.equal(plugin.counters.limitHits.pauseTime, 1);
  }
});

test('false from done keeps the context until proxy_done', async () => {
  const r = await rig({ proxy_on_done: (_p, id) => (id === 2 ? 0 : 1) });
  const plugin = r.start();
  const d = new TcpDrive(r, plugin).start();
  d.stream.finish();
  assert.equal(r.calls.at(-1), 'done(2)');
  assert.equal(plugin.counters.contexts, 1);
  r.puppet.guest.setEffectiveContext(2);
  assert.equal(r.puppet.guest.host.done(), 0);
  await settle();
  assert.deepEqual(r.calls.slice(-3), ['done(2)', 'log(2)', 'delete(2)']);
  assert.equal(plugin.counters.contexts, 0);
});

test('a module without callbacks for TCP passes everything; its contexts live as others do', async () => {
  const r = await rig({}, { callbacks: ['proxy_on_context_create', 'proxy_on_done', 'proxy_on_delete'] });
  const d = new TcpDrive(r).start().down('a').up('b').down('', true);
  d.stream.finish();
  assert.deepEqual(d.events, ['connect', '> a', '< b', '>  end']);
  assert.deepEqual(r.calls, ['context_create(1,0)', 'context_create(2,1)', 'done(2)', 'delete(2)']);
});

test('limits.contexts counts connections', async () => {
  const r = await rig();
  const plugin = r.start({ limits: { contexts: 1 } });
  const first = new TcpDrive(r, plugin).start();
  const second = new TcpDrive(r, plugin).start();
  assert.equal(second.events.at(-1), 'fail');
  assert.match(second.failure!.details, /limits\.contexts/);
  first.stream.finish();
  second.stream.finish();
  assert.deepEqual(new TcpDrive(r, plugin).start().events, ['connect']);
});

test('isolation: request gives each connection its VM', async () => {
  const r = await rig();
  const plugin = r.start({ isolation: 'request', pool: 0 });
  const before = r.puppets.length;
  new TcpDrive(r, plugin).start().stream.finish();
  new TcpDrive(r, plugin).start().stream.finish();
  assert.ok(r.puppets.length >= before + 1);
  assert.equal(new Set(r.calls.filter(call => call.startsWith('new_connection'))).size, 1);
  assert.equal(plugin.counters.contexts, 0);
});
