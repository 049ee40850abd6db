import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IdTable } from '../../src/plugin/id-table.ts';
import { rig, settle, VERSIONS } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';

for (const abi of VERSIONS) {
  test(`a whole exchange, callback by callback (${abi})`, async () => {
    const r = await rig({}, { abi });
    const plugin = r.start({ vmConfig: Buffer.from('vm'), config: Buffer.from('plugin') });
    new Drive(r.chain(plugin)).whole();
    plugin.close();
    const end = abi === '0.1.0' ? '' : ',0';
    assert.deepEqual(r.calls, [
      ...['context_create(1,0)', 'vm_start(1,2)', 'configure(1,6)'],
      ...[
        'context_create(2,1)',
        `request_headers(2,4${end})`,
        'request_body(2,12,0)',
        'request_trailers(2,1)',
      ],
      ...[`response_headers(2,2${end})`, 'response_body(2,13,0)', 'response_trailers(2,1)'],
      ...['done(2)', 'log(2)', 'delete(2)', 'done(1)', 'log(1)', 'delete(1)'],
    ]);
  });
}

test('end_of_stream is told where it is true', async () => {
  const r = await rig();
  const chain = r.chain();
  new Drive(chain).headers(true).responseHeaders(204, [], true).finish();
  new Drive(chain).headers().data('x', true).responseHeaders().responseData('', true).finish();
  const told = r.calls.filter(c => /^re.*(headers|body)/.test(c));
  assert.deepEqual(told, [
    ...['request_headers(2,4,1)', 'response_headers(2,1,1)'],
    ...['request_headers(3,4,0)', 'request_body(3,1,1)', 'response_headers(3,1,0)', 'response_body(3,0,1)'],
  ]);
});

test('a client that goes away in any phase still gets done, log, delete, once', async () => {
  const steps: ((d: Drive) => unknown)[] = [
    d => d.headers(),
    d => d.data('x'),
    d => d.trailers(),
    d => d.responseHeaders(),
    d => d.responseData('x'),
    d => d.responseTrailers(),
  ];
  for (const paused of [false, true]) {
    for (let n = 0; n <= steps.length; n++) {
      const r = await rig(
        paused ? { proxy_on_request_headers: () => 1, proxy_on_response_headers: () => 1 } : {},
      );
      const d = new Drive(r.chain());
      for (const step of steps.slice(0, n)) step(d);
      r.calls.length = 0;
      d.finish();
      d.finish();
      for (const step of steps) step(d);
      await settle();
      assert.deepEqual(r.calls, n === 0 ? [] : ['done(2)', 'log(2)', 'delete(2)']);
    }
  }
});

test('done false keeps the context: log and delete come after proxy_done, not inside it', async () => {
  const r = await rig({ proxy_on_done: (_p, id) => (id === 2 ? 0 : 1) });
  const plugin = r.start();
  const chain = r.chain(plugin);
  const d = new Drive(chain).whole();
  await settle();
  assert.equal(r.calls.at(-1), 'done(2)');
  const seen: unknown[] = [];
  r.script.proxy_on_request_headers = p => {
    p.call('proxy_set_effective_context', 2);
    const before = r.calls.length;
    seen.push(p.header(0, ':path'), p.call('proxy_done'), p.call('proxy_done'), r.calls.length - before);
  };
  r.script.proxy_on_log = (p, id) => {
    seen.push(id, p.header(2, ':status'), p.header(1, 'x-trailer'));
  };
  new Drive(chain).headers(true);
  seen.push('returned');
  await settle();
  assert.deepEqual(seen, [2, 0, 1, 0, 'returned', 2, '200', 'request']);
  assert.deepEqual(r.calls.slice(-2), ['log(2)', 'delete(2)']);
  d.finish();
  await settle();
  assert.equal(r.calls.at(-1), 'delete(2)');
});

test('a root context that waits for proxy_done is ended all the same when its plugin is', async () => {
  const r = await rig({ proxy_on_done: () => 0 });
  const plugin = r.start();
  plugin.close();
  plugin.close();
  await settle();
  assert.deepEqual(r.calls.slice(-3), ['done(1)', 'log(1)', 'delete(1)']);
});

test('a filter without proxy_on_done is finished at once', async () => {
  const r = await rig({}, { callbacks: ['proxy_on_log', 'proxy_on_delete'] });
  const plugin = r.start();
  new Drive(r.chain(plugin)).headers(true).finish();
  plugin.close();
  assert.deepEqual(r.calls, ['log(2)', 'delete(2)', 'log(1)', 'delete(1)']);
});

test('contexts have ids of their own, and a deleted one is no longer held', async () => {
  const r = await rig();
  const chain = r.chain();
  const streams = [1, 2, 3].map(() => new Drive(chain).headers());
  assert.deepEqual(
    r.calls.filter(c => c.startsWith('context_create')),
    ['context_create(1,0)', 'context_create(2,1)', 'context_create(3,1)', 'context_create(4,1)'],
  );
  for (const d of streams) d.finish();
  const vm = r.puppet.guest as unknown as { contexts: IdTable<{ readonly id: number }> };
  assert.equal(vm.contexts.size, 1);
  assert.equal(vm.contexts.get(1)?.id, 1);
});

test('hostcalls that act on a stream do nothing to one that is over', async () => {
  const r = await rig({
    proxy_on_log: p => {
      p.respond(403);
      p.call('proxy_continue_stream', 0);
      p.call('proxy_close_stream', 0);
    },
  });
  const d = new Drive(r.chain()).headers();
  d.take();
  d.finish();
  await settle();
  assert.deepEqual(d.take(), []);
});

test('0.1.0: continue_request, continue_response and clear_route_cache', async () => {
  const r = await rig(
    {
      proxy_on_request_headers: p => {
        assert.equal(p.call('proxy_clear_route_cache'), 0);
        assert.equal(p.call('proxy_continue_request'), 0);
        return 1;
      },
      proxy_on_response_headers: p => {
        assert.equal(p.call('proxy_continue_response'), 0);
        return 1;
      },
    },
    { abi: '0.1.0' },
  );
  const d = new Drive(r.chain()).headers(true);
  await settle();
  d.responseHeaders(200, [], true);
  await settle();
  r.check();
  assert.deepEqual(d.events, ['clear route cache', '> headers end', '< 200 end']);
});

test('stream types: unknown BAD_ARGUMENT, TCP UNIMPLEMENTED, outside a stream BAD_ARGUMENT', async () => {
  const answers: number[][] = [];
  const ask = (p: { call(name: string, ...args: number[]): number }) => {
    const types = [2, 3, 4, -1];
    answers.push(
      ['proxy_continue_stream', 'proxy_close_stream'].flatMap(name => types.map(t => p.call(name, t))),
    );
  };
  const r = await rig({ proxy_on_configure: ask, proxy_on_request_headers: ask });
  const d = new Drive(r.chain()).headers(true);
  await settle();
  assert.deepEqual(answers, [
    [2, 2, 2, 2, 2, 2, 2, 2],
    [12, 12, 2, 2, 12, 12, 2, 2],
  ]);
  assert.deepEqual(d.events, ['> headers end']);
});
