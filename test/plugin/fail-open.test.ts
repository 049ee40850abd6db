import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FilterChain } from '../../src/chain/types.ts';
import { type CallbackName, type Puppet, type Rig, rig, settle } from '../support/guest.ts';
import { last, watch } from '../support/guest-death.ts';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';

/** What a guest may spoil in a callback before it dies there; statuses don't matter. */
function spoil(p: Puppet): void {
  for (const map of [0, 1, 2, 3]) {
    p.setHeader(map, 'x-spoilt', '1');
    p.call('proxy_remove_header_map_value', map, ...p.put('x-a'));
  }
  p.setHeader(0, ':path', '/spoilt');
  p.setHeader(2, ':status', '500');
  for (const buffer of [0, 1]) p.call('proxy_set_buffer_bytes', buffer, 0, 0xffffffff, ...p.put('SPOILT'));
  p.respond(403, 'spoilt');
  p.call('proxy_continue_stream', 0);
  p.call('proxy_continue_stream', 1);
  p.call('proxy_close_stream', 0);
}

const DEATHS: Readonly<Record<string, (p: Puppet) => unknown>> = {
  'a trap': p => p.call('trap'),
  'an exit': p => p.call('proc_exit', 1),
  'an endless loop': p => p.call('spin'),
};

const CALLBACKS = [
  'proxy_on_context_create',
  'proxy_on_request_headers',
  'proxy_on_request_body',
  'proxy_on_request_trailers',
  'proxy_on_response_headers',
  'proxy_on_response_body',
  'proxy_on_response_trailers',
] as const satisfies readonly CallbackName[];

/** Two plugins of one module, each in its own VM: one that passes, and one with onFailure: open. */
async function two(callTime = 1000) {
  const r = await rig();
  const other = r.start({ name: 'other', vmId: 'other' });
  const open = r.start({ name: 'open', vmId: 'open', onFailure: 'open', limits: { callTime } });
  return { r, other, open, victim: r.puppet };
}

function whole(chain: FilterChain) {
  const exchange = new FakeExchange(['x-a', '1', 'X-B', '2']);
  const outcome = watch(exchange);
  new Drive(chain, exchange).whole();
  return outcome;
}

const errors = (r: Rig) => r.log.texts.filter(t => t.startsWith('error'));
const warnings = (r: Rig) => r.log.texts.filter(t => t.startsWith('warn'));

for (const [death, die] of Object.entries(DEATHS)) {
  const loop = death === 'an endless loop';
  describe(`${death} of a filter with onFailure: open`, () => {
    for (const callback of CALLBACKS) {
      // Each takes its time.
      if (loop && !/request_body|response_headers/.test(callback)) continue;
      for (const first of [true, false]) {
        it(`in ${callback}, as ${first ? 'first' : 'last'}: both ends see what they see without it`, async () => {
          const { r, other, open, victim } = await two(loop ? 20 : 1000);
          const reference = whole(r.chain(other));
          r.calls.length = 0;
          r.script[callback] = p => {
            if (p !== victim) return;
            spoil(p);
            die(p);
          };
          const outcome = whole(first ? r.chain(open, other) : r.chain(other, open));
          await settle();
          r.check();
          assert.deepEqual(outcome, reference);
          assert.equal(open.counters.skipped, 1);
          assert.deepEqual([errors(r).length, warnings(r).length], [1, 1]);
          assert.ok(warnings(r)[0]!.startsWith(`warn filter open skipped: ${callback}: `), warnings(r)[0]);
          // No more than one callback of the dead: done, log and delete are the other filter's.
          assert.equal(r.calls.filter(c => c.startsWith('delete')).length, 1);
          assert.ok(r.calls.filter(c => c.startsWith(`${callback.slice(9)}(`)).length <= 2);
        });
      }
    }
  });
}

/** A stream that is stopped in a filter with onFailure: open, and what arrives at both ends when its VM dies. */
const STOPS: readonly [string, Rig['script'], (d: Drive) => unknown, string[]][] = [
  [
    'headers',
    { proxy_on_request_headers: p => last(p.setHeader(0, ':path', '/spoilt'), 1) },
    d => d.headers().data('x').data('y', true),
    ['> headers', '> xy end'],
  ],
  [
    'a body',
    {
      proxy_on_request_body: p => last(p.call('proxy_set_buffer_bytes', 0, 0, 9, ...p.put('SPOILT')), 1),
    },
    d => d.headers().data('x').data('y'),
    ['> headers', '> xy'],
  ],
  [
    'trailers',
    { proxy_on_request_trailers: p => last(p.setHeader(1, 'x-spoilt', '1'), 1) },
    d => d.headers().data('x').trailers(['x-t', '1']),
    ['> headers', '> x', '> trailers'],
  ],
  [
    'response headers',
    { proxy_on_response_headers: p => last(p.setHeader(2, ':status', '500'), 1) },
    d => d.headers(true).responseHeaders().responseData('x', true),
    ['> headers end', '< 200', '< x end'],
  ],
  [
    'a response body',
    { proxy_on_response_body: () => 1 },
    d => d.headers(true).responseHeaders().responseData('x').responseData('y', true),
    ['> headers end', '< 200', '< xy end'],
  ],
  [
    'response trailers',
    { proxy_on_response_trailers: p => last(p.setHeader(3, 'x-spoilt', '1'), 1) },
    d => d.headers(true).responseHeaders().responseTrailers(['x-t', '1']),
    ['> headers end', '< 200', '< trailers'],
  ],
];

describe('streams that are stopped in a filter with onFailure: open', () => {
  for (const [what, script, drive, expected] of STOPS) {
    it(`when another stream ends its VM: ${what} go on as they came`, async () => {
      const r = await rig(script);
      const open = r.start({ onFailure: 'open' });
      const chain = r.chain(open);
      const stopped = [1, 2, 3].map(() => {
        const d = new Drive(chain, new FakeExchange(['x-a', '1']));
        drive(d);
        return d;
      });
      r.script = { proxy_on_request_headers: p => p.call('trap') };
      const killer = new Drive(chain).headers(true);
      assert.deepEqual(killer.events, ['> headers end']);
      await settle();
      for (const { events, exchange } of stopped) {
        assert.deepEqual(events, expected);
        assert.equal(exchange.requestHeaders.path, '/');
        assert.deepEqual(exchange.requestTrailers?.raw ?? ['x-t', '1'], ['x-t', '1']);
        assert.deepEqual(exchange.responseTrailers?.raw ?? ['x-t', '1'], ['x-t', '1']);
      }
      assert.deepEqual([errors(r).length, warnings(r).length], [1, 4]);
      assert.equal(open.counters.skipped, 4);
      for (const d of stopped) d.finish();
      assert.equal(r.calls.filter(c => c.startsWith('done')).length, 0);
    });
  }

  it('fail when changed bytes had left the filter', async () => {
    const r = await rig({
      proxy_on_request_body: p => void p.call('proxy_set_buffer_bytes', 0, 0, 9, ...p.put('SPOILT')),
    });
    const chain = r.chain(r.start({ onFailure: 'open' }));
    const d = new Drive(chain).headers().data('x');
    r.script = { proxy_on_request_headers: p => p.call('trap') };
    new Drive(chain).headers(true);
    await settle();
    assert.deepEqual(d.take(), ['> headers', '> SPOILT']);
    d.data('y', true);
    assert.deepEqual(d.take(), ['fail 503']);
  });
});

describe('a filter with onFailure: open', () => {
  it('is not skipped after a fault of ours in a hostcall', async () => {
    const r = await rig({
      proxy_on_request_headers: () => {
        throw new TypeError('ours');
      },
    });
    const open = r.start({ onFailure: 'open' });
    const d = new Drive(r.chain(open)).headers();
    assert.deepEqual(d.events, ['fail 503']);
    assert.equal(open.counters.skipped, 0);
  });

  it('that shares its VM with one that is closed: only that one fails streams', async () => {
    const r = await rig();
    const open = r.start({ name: 'open', onFailure: 'open' });
    const closed = r.start({ name: 'closed', onFailure: 'closed' });
    assert.equal(r.puppets.length, 1);
    const stopped = [open, closed].map(plugin => {
      r.script = { proxy_on_request_headers: () => 1 };
      return new Drive(r.chain(plugin)).headers(true);
    });
    r.script = { proxy_on_request_headers: p => p.call('trap') };
    new Drive(r.chain(open)).headers(true);
    await settle();
    assert.deepEqual(
      stopped.map(d => d.events),
      [['> headers end'], ['fail 503']],
    );
  });
});

it('with the other policies a death fails its stream, and those that are stopped in the VM', async () => {
  for (const onFailure of ['closed', 'reload'] as const) {
    for (const callback of CALLBACKS) {
      const r = await rig({ proxy_on_response_headers: () => 1 });
      const plugin = r.start({ onFailure });
      const chain = r.chain(plugin);
      const stopped = new Drive(chain).headers(true).responseHeaders();
      r.script = { [callback]: (p: Puppet) => p.call('trap') };
      assert.equal(whole(chain).failed, true);
      await settle();
      assert.deepEqual(stopped.events, ['> headers end', 'fail 503']);
      assert.deepEqual([warnings(r), plugin.counters.skipped], [[], 0]);
    }
  }
});
