import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Puppet, rig, settle } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';

/** A paused stream (context 2), and another whose callback acts on it. */
async function acting(act: (p: Puppet) => unknown) {
  const r = await rig({ proxy_on_request_headers: () => 1 });
  const chain = r.chain();
  const paused = new Drive(chain).headers();
  r.script.proxy_on_request_headers = p => {
    assert.equal(p.call('proxy_set_effective_context', 2), 0);
    act(p);
    assert.deepEqual(paused.events, [], 'not inside the hostcall');
  };
  const other = new Drive(chain).headers(true);
  assert.deepEqual(paused.events, [], 'not while the other stream is being worked on');
  await settle();
  r.check();
  return { r, paused, other };
}

test('a local response for another stream goes to that stream', async () => {
  const { r, paused, other } = await acting(p => assert.equal(p.respond(403, 'no'), 0));
  assert.deepEqual(paused.events, ['local', '< 403', '< no end']);
  assert.deepEqual(other.events, ['> headers end']);
  assert.equal(r.calls.at(-1), 'response_body(2,2,1)');
});

test('closing another stream closes that stream', async () => {
  const { paused, other } = await acting(p => assert.equal(p.call('proxy_close_stream', 1), 0));
  assert.deepEqual(paused.events, ['reset: a filter closed the stream']);
  assert.deepEqual(other.events, ['> headers end']);
});

test('a stream that ends before the request for it is carried out is left alone', async () => {
  const r = await rig({ proxy_on_request_headers: () => 1 });
  const chain = r.chain();
  const paused = new Drive(chain).headers();
  r.script.proxy_on_request_headers = p => {
    p.call('proxy_set_effective_context', 2);
    p.respond(403);
    p.call('proxy_continue_stream', 0);
  };
  new Drive(chain).headers(true);
  paused.finish();
  await settle();
  assert.deepEqual(paused.events, []);
});

test('what was asked for another stream holds although the asking filter then traps', async () => {
  const r = await rig({ proxy_on_request_headers: () => 1 });
  const chain = r.chain();
  const paused = new Drive(chain).headers(true);
  r.script.proxy_on_request_headers = p => {
    p.call('proxy_set_effective_context', 2);
    p.call('proxy_continue_stream', 0);
    p.call('trap');
  };
  const other = new Drive(chain).headers(true);
  await settle();
  assert.deepEqual(other.events, ['fail 503']);
  // Nothing of the dead VM is needed for that stream to go on.
  assert.deepEqual(paused.events, ['> headers end']);
});

test('the body and the properties of another stream are used through its context', async () => {
  const seen: unknown[] = [];
  const r = await rig({ proxy_on_request_body: () => 1 });
  const chain = r.chain();
  const paused = new Drive(chain).headers().data('held');
  r.script.proxy_on_request_headers = p => {
    p.call('proxy_set_effective_context', 2);
    seen.push(p.body(0), p.call('proxy_set_buffer_bytes', 0, 0, 0, ...p.put('pre-')));
    seen.push(p.call('proxy_set_property', ...p.put('mine'), ...p.put('x')));
    p.call('proxy_continue_stream', 0);
    p.call('proxy_set_effective_context', 3);
    seen.push(p.body(0), p.property('mine'));
  };
  const other = new Drive(chain).headers();
  await settle();
  assert.deepEqual(seen, ['held', 0, 0, 1, 1]);
  assert.deepEqual(paused.events, ['> headers', '> pre-held']);
  assert.deepEqual([paused.stream.requestBodyChanged, other.events], [true, ['> headers']]);
});
