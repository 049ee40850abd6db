import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ProxyWasmPlugin } from '../../src/plugin/plugin.ts';
import { type OptionOverrides, type Rig, rig, type Script, settle } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';
import { answer, CALLS_GRANTED, httpCall } from '../support/http-calls.ts';
import { FakeServices } from '../support/services.ts';

interface Calling {
  readonly r: Rig;
  readonly services: FakeServices;
  readonly plugin: ProxyWasmPlugin;
  readonly open: () => Drive;
}

async function calling(t: TestContext, script: Script, options: OptionOverrides = {}): Promise<Calling> {
  const services = new FakeServices();
  const r = await rig(script, {}, undefined, services);
  const plugin = r.start({ ...CALLS_GRANTED, ...options });
  t.after(() => plugin.close());
  const chain = r.chain(plugin);
  return { r, services, plugin, open: () => new Drive(chain).headers(true) };
}

const answers = (r: Rig) => r.calls.filter(call => call.startsWith('http_call_response'));
const errors = (r: Rig) => r.log.texts.filter(text => text.startsWith('error'));
const calls = (pause: boolean): Script => ({
  proxy_on_request_headers: p => {
    assert.ok(httpCall(p) > 0);
    return pause ? 1 : 0;
  },
});

test('a stream that waits for its call takes it along when it ends: the root hears 0/0/0', async t => {
  const { r, services, plugin, open } = await calling(t, calls(true));
  open().finish();
  assert.equal(services.calls[0]!.aborted, true);
  assert.deepEqual(answers(r), [], 'not before the stream is done with');
  await turn();
  assert.deepEqual(answers(r), ['http_call_response(1,1,0,0,0)']);
  assert.equal(plugin.counters.calls, 0);
  answer(services.calls[0]!);
  assert.equal(answers(r).length, 1);
  r.check();
});

test('only the calls of that stream are taken along', async t => {
  const { r, services, plugin, open } = await calling(t, calls(true));
  const first = open();
  open();
  first.finish();
  await turn();
  assert.deepEqual(
    services.calls.map(({ aborted }) => aborted),
    [true, false],
  );
  assert.equal(plugin.counters.calls, 1);
  answer(services.calls[1]!, 204);
  assert.deepEqual(answers(r), ['http_call_response(1,1,0,0,0)', 'http_call_response(1,2,1,0,0)']);
});

test('what a stream sent and did not wait for outlives it', async t => {
  const { r, services, plugin, open } = await calling(t, {
    ...calls(false),
    proxy_on_http_call_response: p => void assert.equal(p.body(4), 'late'),
  });
  open().finish();
  await turn();
  assert.equal(services.calls[0]!.aborted, false);
  assert.equal(plugin.counters.contexts, 0);
  answer(services.calls[0]!, 200, [], ['late']);
  r.check();
  assert.deepEqual(answers(r), ['http_call_response(1,1,1,4,0)']);
  assert.equal(plugin.counters.calls, 0);
});

test('a stream that was resumed before its call ended waits for nothing', async t => {
  const { services, open } = await calling(t, {
    proxy_on_request_headers: p => {
      httpCall(p);
      p.call('proxy_continue_stream', 0);
      return 1;
    },
  });
  const drive = open();
  await settle();
  drive.finish();
  await turn();
  assert.equal(services.calls[0]!.aborted, false);
});

test('so does one that was answered by its filter', async t => {
  const { services, open } = await calling(t, {
    proxy_on_request_headers: p => {
      httpCall(p);
      p.respond(200, 'at once');
      return 1;
    },
  });
  open().finish();
  await turn();
  assert.equal(services.calls[0]!.aborted, false);
});

test('one that waits for a call of its response is held as well', async t => {
  const { services, open } = await calling(t, {
    proxy_on_response_body: (p, _context, _size, end) => {
      if (end === 1) httpCall(p);
      return 1;
    },
  });
  open().responseHeaders(200).responseData('a', true).finish();
  assert.equal(services.calls[0]!.aborted, true);
});

test('the context of a stream whose end is put off hears of its call there', async t => {
  let stream = 0;
  const { r, services, open } = await calling(t, {
    proxy_on_request_headers: (p, context) => {
      stream = context;
      httpCall(p);
    },
    proxy_on_done: (_p, context) => (context === stream ? 0 : 1),
    proxy_on_http_call_response: p => {
      assert.equal(p.call('proxy_set_effective_context', stream), 0);
      assert.equal(p.body(4), 'yes');
      assert.equal(p.call('proxy_done'), 0);
    },
  });
  open().finish();
  answer(services.calls[0]!, 200, [], ['yes']);
  await settle();
  r.check();
  assert.ok(r.calls.includes(`delete(${stream})`));
});

test('a context that went away is none: the callback goes on with the root', async t => {
  let stream = 0;
  const { r, services, open } = await calling(t, {
    proxy_on_request_headers: (p, context) => {
      stream = context;
      httpCall(p);
    },
    proxy_on_http_call_response: p => {
      assert.equal(p.call('proxy_set_effective_context', stream), 2);
      assert.equal(p.body(4), 'yes');
    },
  });
  open().finish();
  answer(services.calls[0]!, 200, [], ['yes']);
  r.check();
  assert.equal(answers(r).length, 1);
});

test('calls of a VM that dies are aborted, and their answers heard by nobody', async t => {
  const { r, services, plugin, open } = await calling(t, calls(true));
  open();
  open();
  r.script = { proxy_on_request_headers: p => p.call('trap') };
  open();
  await turn();
  assert.deepEqual(
    services.calls.map(({ aborted }) => aborted),
    [true, true],
  );
  assert.equal(plugin.counters.calls, 0);
  for (const call of services.calls) answer(call);
  assert.deepEqual(answers(r), []);
  // The next one's ids don't depend on the dead VM's.
  r.script = calls(true);
  open();
  answer(services.calls[2]!);
  assert.equal(answers(r).length, 1);
});

test('a trap in the callback of a call ends the VM: the others of its calls are aborted', async t => {
  const { r, services, plugin, open } = await calling(t, {
    ...calls(true),
    proxy_on_http_call_response: p => p.call('trap'),
  });
  const first = open();
  const second = open();
  answer(services.calls[0]!);
  await turn();
  assert.equal(services.calls[1]!.aborted, true);
  assert.equal(plugin.counters.calls, 0);
  assert.deepEqual([first.take(), second.take()], [['fail 503'], ['fail 503']]);
  assert.equal(errors(r).length, 1);
});

test('a root context that ends aborts its calls, and no other can be made on it', async t => {
  let late = 0;
  const { r, services, plugin } = await calling(t, {
    proxy_on_configure: p => void assert.ok(httpCall(p) > 0),
    proxy_on_delete: p => {
      late = httpCall(p);
    },
  });
  assert.equal(plugin.counters.calls, 1);
  plugin.close();
  assert.ok(late > 0);
  assert.deepEqual(
    services.calls.map(({ aborted }) => aborted),
    [true, true],
  );
  assert.equal(plugin.counters.calls, 0);
  answer(services.calls[0]!);
  assert.deepEqual(answers(r), []);
});

test('streams that outlive their root context can make none', async t => {
  const { services, plugin, open, r } = await calling(t, {});
  const drive = open();
  plugin.close();
  let made = 0;
  let queue = 0;
  r.script.proxy_on_response_headers = p => {
    made = httpCall(p);
    queue = p.call('proxy_register_shared_queue', ...p.put('q'), 16);
  };
  drive.responseHeaders(200, [], true);
  assert.deepEqual([made, queue, services.calls.length], [-10, 10, 0]);
});

test('a plugin that refused to start leaves nothing', async () => {
  const services = new FakeServices();
  const r = await rig(
    {
      proxy_on_vm_start: p => {
        httpCall(p);
        p.call('proxy_set_tick_period_milliseconds', 1);
      },
      proxy_on_configure: () => 0,
    },
    {},
    undefined,
    services,
  );
  assert.throws(() => r.start(CALLS_GRANTED), { code: 'PLUGIN_CONFIGURE_FAILED' });
  assert.equal(services.calls[0]!.aborted, true);
  assert.equal(r.registry.states.get('puppet')!.counters.calls, 0);
});

test('each VM counts its own ids; filters that share one have no id twice', async t => {
  const services = new FakeServices();
  const ids: number[] = [];
  const r = await rig({ proxy_on_request_headers: p => void ids.push(httpCall(p)) }, {}, undefined, services);
  const names = ['a', 'b'];
  const plugins = names.map(name => r.start({ ...CALLS_GRANTED, name }));
  const own = r.start({ ...CALLS_GRANTED, name: 'c', vmId: 'other' });
  t.after(() => {
    for (const plugin of [...plugins, own]) plugin.close();
  });
  new Drive(r.chain(...plugins, own)).headers(true);
  assert.deepEqual(ids, [1, 2, 1]);
  for (const call of services.calls) answer(call);
  // Each on the root context of its own plugin.
  assert.deepEqual(answers(r), [
    'http_call_response(1,1,1,0,0)',
    'http_call_response(2,2,1,0,0)',
    'http_call_response(1,1,1,0,0)',
  ]);
});

test('isolation: request, a stream that waits for its call: both end, and nobody is left to hear of it', async t => {
  const options = { isolation: 'request', pool: 0 } as const;
  const { r, services, plugin, open } = await calling(t, calls(true), options);
  open().finish();
  await turn();
  assert.equal(services.calls[0]!.aborted, true);
  assert.equal(plugin.counters.calls, 0);
  assert.deepEqual([answers(r), errors(r)], [[], []]);
});

test('isolation: request, what a stream sent and did not wait for goes out; the VM has ended by its answer', async t => {
  const options = { isolation: 'request', pool: 0 } as const;
  const { r, services, plugin, open } = await calling(t, calls(false), options);
  open().finish();
  await turn();
  const call = services.calls[0]!;
  assert.deepEqual([call.aborted, plugin.counters.calls], [false, 1]);
  answer(call, 200, [], ['late']);
  assert.equal(plugin.counters.calls, 0);
  assert.deepEqual([answers(r), errors(r)], [[], []]);
});
