import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PluginChain } from '../../src/chain/chain.ts';
import { GuestError } from '../../src/errors.ts';
import { settle } from '../support/guest.ts';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';
import { type FakeContext, FakePlugin, type FilterScript } from '../support/guest-filter.ts';
import { GuestLog } from '../support/guest-log.ts';

/**
 * Filters that do anything at any time, on a stream whose events come in any order that HTTP allows and which may end
 * at any moment. What must hold: HTTP order in each direction, one ending, each context finished once, silence after.
 */
const PHASES = [
  'requestHeaders',
  'requestBody',
  'requestTrailers',
  'responseHeaders',
  'responseBody',
  'responseTrailers',
] as const;
type Phase = (typeof PHASES)[number];

const deed = fc.oneof(
  { weight: 12, arbitrary: fc.constant('nothing') },
  { weight: 3, arbitrary: fc.constant('resume request') },
  { weight: 3, arbitrary: fc.constant('resume response') },
  { weight: 2, arbitrary: fc.constant('respond') },
  { weight: 1, arbitrary: fc.constant('close') },
  { weight: 1, arbitrary: fc.constant('trap') },
  { weight: 1, arbitrary: fc.constant('add trailers') },
);
const move = fc.record({ deed, action: fc.constantFrom(0, 0, 0, 1, 2, 3, 4) });
const filter = fc.record({
  exports: fc.subarray([...PHASES]),
  moves: fc.array(move, { maxLength: 8 }),
  limit: fc.constantFrom(2, 100),
});
const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant('request') },
  { weight: 6, arbitrary: fc.constant('response') },
  { weight: 3, arbitrary: fc.constant('settle') },
  { weight: 3, arbitrary: fc.record({ filter: fc.nat(2), deed }) },
  { weight: 1, arbitrary: fc.constant('finish') },
);
const end = fc.constantFrom('headers', 'data', 'trailers');

function act(c: FakeContext, what: string): void {
  if (what === 'resume request') c.continue(0);
  else if (what === 'resume response') c.continue(1);
  else if (what === 'respond') c.respond(403, 'local');
  else if (what === 'close') c.close();
  else if (what === 'trap') throw new GuestError('GUEST_TRAP', c.name, 'callback', 'trap');
}

function scriptOf(
  exports: readonly Phase[],
  moves: readonly { deed: string; action: number }[],
): FilterScript {
  const queue = [...moves];
  const script: FilterScript = {};
  for (const phase of exports) {
    script[phase] = (c: FakeContext) => {
      const next = queue.shift();
      if (next === undefined) return 0;
      if (next.deed === 'add trailers' && phase.endsWith('Body'))
        (phase === 'requestBody' ? c.stream.requestTrailers : c.stream.responseTrailers).add('x', 'y');
      act(c, next.deed);
      return next.action;
    };
  }
  return script;
}

/** Headers first and once, then data, then one end, then nothing. */
function assertOrder(events: readonly string[], mark: string): void {
  const mine = events.filter(e => e.startsWith(mark));
  mine.forEach((event, i) => {
    assert.equal(/^(> headers|< \d{3})/.test(event), i === 0, `${event} at ${i}`);
    const last = event.endsWith(' end') || event.endsWith(' trailers');
    assert.ok(!last || i === mine.length - 1, `${event} is not the last`);
  });
}

function* messages(d: Drive, direction: 'request' | 'response', ending: string): Generator<void> {
  const request = direction === 'request';
  yield void (request ? d.headers(ending === 'headers') : d.responseHeaders(200, [], ending === 'headers'));
  if (ending === 'headers') return;
  yield void (request ? d.data('ab') : d.responseData('ab'));
  yield void (request ? d.data('cd', ending === 'data') : d.responseData('cd', ending === 'data'));
  if (ending === 'trailers') yield void (request ? d.trailers() : d.responseTrailers());
}

test('whatever filters, client and upstream do, HTTP order and the end of everything hold', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(filter, { minLength: 1, maxLength: 3 }),
      fc.array(step, { maxLength: 16 }),
      end,
      end,
      async (filters, steps, requestEnd, responseEnd) => {
        const plugins = filters.map((f, i) => {
          const plugin = new FakePlugin(`f${i}`, scriptOf(f.exports, f.moves));
          plugin.bufferedBody = f.limit;
          return plugin;
        });
        const d = new Drive(new PluginChain(plugins, new GuestLog()), new FakeExchange());
        const request = messages(d, 'request', requestEnd);
        const response = messages(d, 'response', responseEnd);
        const sent = () => d.events.some(e => e.startsWith('> headers'));
        const dead = () => d.events.some(e => e.startsWith('fail') || e.startsWith('reset'));
        let after: number | undefined;
        for (const s of steps) {
          if (s === 'request') request.next();
          else if (s === 'settle') await settle();
          else if (s === 'finish') {
            d.finish();
            after ??= d.events.length;
          } else if (s === 'response') {
            if (sent()) response.next();
          } else if (typeof s === 'object') {
            const context = plugins[s.filter]?.contexts.at(-1);
            if (context !== undefined && s.deed !== 'trap') act(context, s.deed);
          }
          if (dead()) after ??= d.events.length;
        }
        await settle();
        if (after !== undefined) assert.equal(d.events.length, after, 'silence after the end');
        d.finish();
        await settle();
        const { events } = d;
        assert.ok(events.filter(e => e.startsWith('fail') || e.startsWith('reset')).length <= 1);
        assertOrder(events, '>');
        assertOrder(events, '<');
        const local = events.indexOf('local');
        if (local >= 0)
          assert.ok(!events.slice(local).some(e => e.startsWith('> ')), 'no request after an answer');
        for (const direction of ['request', 'response']) {
          const pauses = events.filter(e => e.endsWith(` ${direction}`) && e.includes('pause'));
          pauses.forEach((e, i) => {
            assert.equal(e.startsWith('pause'), i % 2 === 0, 'pauses and resumes take turns');
          });
        }
        assert.ok(plugins.every(p => p.contexts.every(c => c.finished === 1)));
      },
    ),
    { numRuns: 1500 },
  );
});
