import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Puppet, rig, settle } from '../support/guest.ts';
import { TcpDrive } from '../support/tcp-exchange.ts';

const DOWN = 2;
const UP = 3;
const OK = 0;
const NOT_FOUND = 1;
const BAD_ARGUMENT = 2;
const UNIMPLEMENTED = 12;

const set = (p: Puppet, type: number, start: number, size: number, text: string) =>
  p.call('proxy_set_buffer_bytes', type, start, size, ...p.put(text));

test('each buffer can be read while its data is there, and by nobody else', async () => {
  const seen: unknown[] = [];
  const look = (p: Puppet) => {
    seen.push([p.body(DOWN), p.body(UP), p.body(0), p.body(1)]);
  };
  const r = await rig({
    proxy_on_new_connection: look,
    proxy_on_downstream_data: look,
    proxy_on_upstream_data: look,
    proxy_on_downstream_connection_close: look,
    proxy_on_upstream_connection_close: look,
    proxy_on_log: look,
  });
  const d = new TcpDrive(r).start().down('ping').up('pong');
  d.closed(0, 2).closed(1, 1).stream.finish();
  r.check();
  const none = [NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND];
  assert.deepEqual(seen, [
    none,
    ['ping', NOT_FOUND, NOT_FOUND, NOT_FOUND],
    [NOT_FOUND, 'pong', NOT_FOUND, NOT_FOUND],
    none,
    none,
    none,
  ]);
});

test('a buffer that waits stays readable and writable from other callbacks, also those of its root', async () => {
  const answers: unknown[] = [];
  let stream = 0;
  const r = await rig({
    proxy_on_downstream_data: (_p, id) => {
      stream = id;
      return 1;
    },
    proxy_on_upstream_data: p => {
      answers.push(p.body(DOWN), set(p, DOWN, 0, 1, 'P'));
    },
    proxy_on_tick: p => {
      answers.push(p.body(DOWN), p.call('proxy_set_effective_context', stream), p.body(DOWN));
      answers.push(set(p, DOWN, 99, 0, '!'), p.call('proxy_continue_stream', DOWN));
      // Until the callback has returned it is still there.
      answers.push(p.body(DOWN));
    },
    proxy_on_configure: p => {
      p.call('proxy_set_tick_period_milliseconds', 1);
    },
  });
  const d = new TcpDrive(r).start().down('ping').up('x');
  const { promise, resolve } = Promise.withResolvers<void>();
  const send = d.send.bind(d);
  d.send = (...args) => {
    send(...args);
    resolve();
  };
  await promise;
  r.check();
  assert.deepEqual(answers.slice(0, 8), ['ping', OK, NOT_FOUND, OK, 'Ping', OK, OK, 'Ping!']);
  assert.deepEqual(d.events, ['connect', '< x', '> Ping!']);
});

test('all ways of proxy_set_buffer_bytes, both ways', async () => {
  const edit = (type: number) => (p: Puppet) => {
    assert.equal(set(p, type, 0, 0, '<'), OK);
    assert.equal(set(p, type, 0xffff, 0, '>'), OK);
    assert.equal(set(p, type, 2, 1, '--'), OK);
    // The other one's data isn't there.
    assert.equal(set(p, type === DOWN ? UP : DOWN, 0, 0, 'x'), NOT_FOUND);
  };
  const r = await rig({ proxy_on_downstream_data: edit(DOWN), proxy_on_upstream_data: edit(UP) });
  const d = new TcpDrive(r).start().down('abc').up('def', true);
  r.check();
  assert.deepEqual(d.events, ['connect', '> <a--c>', '< <d--f> end']);
});

test('a buffer takes no more than the filter may hold', async () => {
  const r = await rig({
    proxy_on_downstream_data: p => {
      assert.equal(set(p, DOWN, 0, 0, 'x'.repeat(1025)), BAD_ARGUMENT);
      assert.equal(set(p, DOWN, 0, 3, 'x'.repeat(1024)), OK);
    },
  });
  const d = new TcpDrive(r).start().down('abc');
  r.check();
  assert.equal(d.events[1], `> ${'x'.repeat(1024)}`);
});

test('pointers that lie outside of memory, sizes past u32', async () => {
  const answers: number[] = [];
  const r = await rig({
    proxy_on_downstream_data: p => {
      const { size } = p;
      answers.push(
        p.call('proxy_set_buffer_bytes', DOWN, 0, 0, size - 1, 2),
        p.call('proxy_get_buffer_bytes', DOWN, 0, 4, size - 3, 16),
        p.call('proxy_get_buffer_bytes', DOWN, 0xffffffff, 2, 16, 20),
        p.call('proxy_get_buffer_status', DOWN, size, 16),
      );
    },
  });
  const d = new TcpDrive(r).start().down('abc');
  assert.deepEqual(answers, [6, 6, BAD_ARGUMENT, 6]);
  assert.deepEqual(d.events, ['connect', '> abc']);
});

test('stream types: TCP ones are known, HTTP ones UNIMPLEMENTED, others BAD_ARGUMENT', async () => {
  const answers: number[] = [];
  const r = await rig({
    proxy_on_upstream_data: p => {
      for (const type of [2, 3, 0, 1, 4, -1]) answers.push(p.call('proxy_continue_stream', type));
      for (const type of [0, 1, 4, -1]) answers.push(p.call('proxy_close_stream', type));
    },
  });
  const d = new TcpDrive(r).start().up('x');
  await settle();
  const [u, b] = [UNIMPLEMENTED, BAD_ARGUMENT];
  assert.deepEqual(answers, [OK, OK, u, u, b, b, u, u, b, b]);
  assert.deepEqual(d.events, ['connect', '< x']);
});

test('no HTTP on a TCP stream: no maps, no local response', async () => {
  const r = await rig({
    proxy_on_downstream_data: p => {
      for (const map of [0, 1, 2, 3]) {
        assert.ok([NOT_FOUND, BAD_ARGUMENT].includes(p.header(map, ':path') as number));
        assert.notEqual(p.setHeader(map, 'a', 'b'), OK);
      }
      assert.equal(p.respond(403), BAD_ARGUMENT);
    },
  });
  const d = new TcpDrive(r).start().down('x');
  await settle();
  r.check();
  assert.deepEqual(d.events, ['connect', '> x']);
});

test('properties of the connection', async () => {
  const names = [
    'source\0address',
    'source\0port',
    'destination\0address',
    'destination\0port',
    'connection\0id',
    'connection\0mtls',
    'connection\0requested_server_name',
    'cluster_name',
    'cluster_metadata\0filter_metadata\0location\0region',
    'plugin_name',
    'upstream\0address',
    'request\0path',
    'own\0value',
  ];
  const seen: Record<string, unknown[]> = { before: [], after: [] };
  const look = (p: Puppet) =>
    names.map(name => {
      const value = p.property(name);
      if (typeof value === 'number') return value;
      return value.length === 8 && value[7] === 0
        ? value.readBigInt64LE()
        : value.length === 1
          ? value[0]
          : value.toString();
    });
  const r = await rig({
    proxy_on_new_connection: p => {
      assert.equal(p.call('proxy_set_property', ...p.put('own\0value'), ...p.put('mine')), OK);
      assert.equal(p.call('proxy_set_property', ...p.put('source\0address'), ...p.put('x')), BAD_ARGUMENT);
      seen['before'] = look(p);
    },
    proxy_on_upstream_data: p => {
      seen['after'] = look(p);
    },
  });
  new TcpDrive(r).start().up('x');
  r.check();
  const common = ['192.0.2.1:40000', 40000n, '192.0.2.2:5000', 5000n, 7n, 0, NOT_FOUND, 'db', 'eu', 'puppet'];
  assert.deepEqual(seen['before'], [...common, NOT_FOUND, NOT_FOUND, 'mine']);
  assert.deepEqual(seen['after'], [...common, '192.0.2.3:5432', NOT_FOUND, 'mine']);
});
