import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostile, interrupted } from './expect.ts';
import { assertSurvived, attack, deaths, limitHits } from './harness.ts';
import type { RequestShape } from './load.ts';

const POST: RequestShape = { method: 'POST', body: 'some body' };

/** The letter that loop-in.wat knows a place by, the callback, the request that gets there, the answer. */
const PLACES: readonly (readonly [string, string, RequestShape, readonly (number | 'reset')[]])[] = [
  ['c', 'proxy_on_context_create', {}, [503]],
  ['q', 'proxy_on_request_headers', {}, [503]],
  ['a', 'proxy_on_request_headers', {}, [503]],
  ['b', 'proxy_on_request_body', POST, [503]],
  ['t', 'proxy_on_request_trailers', { ...POST, trailers: { 'x-trailer': 'last' } }, [503]],
  ['r', 'proxy_on_response_headers', {}, [503]],
  // The head may be gone when the body comes.
  ['o', 'proxy_on_response_body', {}, [503, 'reset']],
  ['e', 'proxy_on_response_trailers', { path: '/evil?trailer=x-a:b' }, [503, 'reset']],
  // The client has its answer by then.
  ['d', 'proxy_on_done', {}, [200]],
  ['l', 'proxy_on_log', {}, [200]],
  ['x', 'proxy_on_delete', {}, [200]],
];

describe('an endless loop in a callback is interrupted', () => {
  for (const [letter, callback, request, status] of PLACES) {
    const allocator = letter === 'a' ? ', in the allocator that a hostcall calls' : '';
    hostile(
      `${callback}${allocator}`,
      { guest: 'loop-in', filter: { env: { WHERE: letter } }, request },
      {
        status,
        kind: 'interruption',
        report: { code: 'GUEST_TIMEOUT', callback, message: /limits\.callTime \(10 ms\)/, frame: 'spin' },
        also: outcome => assert.equal(limitHits(outcome, 'callTime'), 5),
      },
    );
  }

  for (const [letter, callback, request] of PLACES.filter(([place]) => 'cqbro'.includes(place))) {
    hostile(
      `${callback} with onFailure: open: requests go past it`,
      { guest: 'loop-in', filter: { env: { WHERE: letter }, onFailure: 'open' }, request },
      { status: 200, kind: 'interruption', report: { code: 'GUEST_TIMEOUT', callback, frame: 'spin' } },
    );
  }

  hostile(
    'proxy_on_request_headers with isolation: request',
    { guest: 'loop-in', filter: { env: { WHERE: 'q' }, isolation: 'request' } },
    {
      status: 503,
      kind: 'interruption',
      report: { code: 'GUEST_TIMEOUT', callback: 'proxy_on_request_headers', frame: 'spin' },
    },
  );

  it('many requests at a time', async t => {
    const filter = { env: { WHERE: 'b' } };
    const outcome = await attack(t, {
      guest: 'loop-in',
      filter,
      request: POST,
      requests: 12,
      concurrency: 4,
    });
    assert.deepEqual(new Set(outcome.statuses), new Set([503]));
    // Streams that are in a VM when it dies fail with it.
    const { interruption = 0, ...others } = deaths(outcome);
    assert.ok(interruption >= 3 && interruption <= 12, `${interruption} interruptions`);
    assert.deepEqual(others, {});
    assertSurvived(outcome);
  });
});

describe('an endless loop of any kind is interrupted', () => {
  for (const [guest, what] of [
    ['loop-br-table', 'of br_table alone'],
    ['loop-param', 'with parameters'],
    ['loop-call-indirect', 'around calls through a table'],
    ['loop-log', 'around proxy_log'],
    ['loop-property', 'around proxy_get_property'],
    ['loop-pairs', 'around proxy_get_header_map_pairs'],
    ['loop-replace', 'around proxy_replace_header_map_value'],
    ['loop-random', 'around random_get'],
    ['loop-grow-zero', 'around memory.grow(0)'],
    ['loop-fill', 'around memory.fill of the whole memory'],
    ['loop-copy', 'around memory.copy of the whole memory'],
    ['loop-wait', 'around a wait for a notification'],
    ['loop-catch-all', 'around a try that catches everything'],
  ] as const) {
    interrupted(what, { guest });
  }
  // The log of the tests keeps them all.
  const few = { limits: { logLines: 10 } };
  interrupted('around long log lines', { guest: 'loop-log-big', filter: few });
  const tables = { limits: { tableElements: 65_536 } };
  interrupted('around table.fill', { guest: 'loop-table-fill', filter: tables });
  interrupted('a call at the tail', { guest: 'loop-tail' }, { frame: 'again' });
  interrupted('calls at the tail, of three functions', { guest: 'loop-tail-mutual' }, { frame: 'p' });
  interrupted('a call at the tail through a table', { guest: 'loop-tail-indirect' }, { frame: 'again' });
  interrupted('no loop, but a tree of calls', { guest: 'call-tree' }, { frame: 'branch' });
  interrupted('the way up from 9,000 calls, over and over', { guest: 'unwind' }, { frame: 'deeper' });
  interrupted('memory.fill of 256 MiB', { guest: 'loop-fill', filter: { limits: { memory: '256MiB' } } });
  interrupted('memory.copy of 256 MiB', { guest: 'loop-copy', filter: { limits: { memory: '256MiB' } } });

  hostile(
    'after proc_exit that it caught',
    { guest: 'loop-catch-exit' },
    {
      status: 503,
      kind: 'exit',
      report: { code: 'GUEST_EXIT', callback: 'proxy_on_request_headers' },
    },
  );
});
