import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { PluginChain } from '../../src/chain/chain.ts';
import { GuestError, PluginError } from '../../src/errors.ts';
import { settle } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';
import { FakePlugin, type FilterScript } from '../support/guest-filter.ts';
import { GuestLog } from '../support/guest-log.ts';

const ALL: FilterScript = {
  requestHeaders: () => 0,
  requestBody: () => 0,
  requestTrailers: () => 0,
  responseHeaders: () => 0,
  responseBody: () => 0,
  responseTrailers: () => 0,
};
const PHASES = Object.keys(ALL) as (keyof FilterScript)[];

function chain(...scripts: FilterScript[]) {
  const calls: string[] = [];
  const log = new GuestLog();
  const plugins = scripts.map((s, i) => new FakePlugin('abc'[i]!, s, calls));
  return { calls, plugins, log, d: new Drive(new PluginChain(plugins, log)) };
}

function whole(d: Drive): void {
  d.headers().data('x').trailers().responseHeaders().responseData('y').responseTrailers();
}

for (const phase of PHASES) {
  test(`close_stream in ${phase} resets once, and no callback follows`, async () => {
    const { d, calls, plugins } = chain(ALL, { ...ALL, [phase]: (c: { close(): void }) => c.close() }, ALL);
    whole(d);
    await settle();
    assert.deepEqual(
      d.events.filter(e => e.startsWith('reset')),
      ['reset: a filter closed the stream'],
    );
    assert.ok(d.events.at(-1)!.startsWith('reset'));
    const last = calls.length;
    d.finish();
    assert.equal(calls.length, last);
    assert.ok(calls.at(-1)!.startsWith('b '));
    assert.ok(plugins.every(p => p.contexts.every(c => c.finished === 1)));
  });

  test(`a filter that fails in ${phase} fails the stream once, with 503`, () => {
    const trap = () => {
      throw new GuestError('GUEST_TRAP', 'b', 'callback', 'trap: unreachable');
    };
    const { d, plugins, log } = chain(ALL, { ...ALL, [phase]: trap }, ALL);
    whole(d);
    assert.deepEqual(
      d.events.filter(e => e.startsWith('fail')),
      ['fail 503'],
    );
    assert.equal(d.events.at(-1), 'fail 503');
    assert.deepEqual(
      [d.exchange.failure!.filter, d.exchange.failure!.details],
      ['b', 'callback: trap: unreachable'],
    );
    assert.deepEqual(log.texts, ['error callback: trap: unreachable']);
    d.finish();
    assert.ok(plugins.every(p => p.contexts.every(c => c.finished === 1)));
  });
}

test('a plugin that can not be opened fails the stream', () => {
  const { d } = chain(ALL, {
    ...ALL,
    open: () => {
      throw new PluginError('PLUGIN_START_FAILED', 'it died; a new one starts shortly');
    },
  });
  d.headers().data('x');
  assert.deepEqual(d.events, ['fail 503']);
  d.finish();
});

test('a fault of our own is a 500', () => {
  const { d } = chain({ requestHeaders: () => assert.fail('ours') });
  d.headers();
  assert.deepEqual(d.events, ['fail 500']);
});

test('a filter that fails while it is resumed fails the stream', async () => {
  const { d, plugins } = chain({
    requestHeaders: () => 4,
    requestBody: () => {
      throw new GuestError('GUEST_TRAP', 'a', 'callback', 'trap');
    },
  });
  d.headers().data('x', true);
  plugins[0]!.context.continue(0);
  await settle();
  assert.deepEqual(d.events, ['> headers', 'fail 503']);
});

test('a failure after a local response was asked for counts', async () => {
  const { d } = chain({
    requestHeaders: c => {
      c.respond(403);
      throw new GuestError('GUEST_TRAP', 'a', 'callback', 'trap');
    },
  });
  d.headers();
  await settle();
  assert.deepEqual(d.events, ['fail 503']);
});

test('a failure in a response callback of a local response fails the stream', () => {
  const { d } = chain(
    {
      responseHeaders: () => {
        throw new GuestError('GUEST_TRAP', 'a', 'callback', 'trap');
      },
    },
    { requestHeaders: c => c.respond(403) },
  );
  d.headers();
  assert.deepEqual(d.events, ['local', 'fail 503']);
});

test('close and local response in one callback: the stream is closed', async () => {
  const { d } = chain({
    requestHeaders: c => {
      c.respond(403);
      c.close();
    },
  });
  d.headers();
  await settle();
  assert.deepEqual(d.events, ['reset: a filter closed the stream']);
});

test('close from outside takes effect after the hostcall', async () => {
  const { d, plugins } = chain({ requestHeaders: () => 1 });
  d.headers();
  plugins[0]!.context.close();
  assert.deepEqual(d.events, []);
  await settle();
  assert.deepEqual(d.events, ['reset: a filter closed the stream']);
  plugins[0]!.context.close();
  await settle();
  assert.equal(d.events.length, 1);
});

test('the route cache is cleared at once while the stream lives, and not after', () => {
  const { d, plugins } = chain({ requestHeaders: c => c.stream.clearRouteCache() });
  d.headers();
  assert.deepEqual(d.take(), ['clear route cache', '> headers']);
  d.finish();
  plugins[0]!.context.stream.clearRouteCache();
  assert.deepEqual(d.take(), []);
});

const STOPS: readonly [string, FilterScript, (d: Drive) => unknown][] = [
  ['request headers', { requestHeaders: () => 4 }, d => d.headers()],
  ['request headers, body seen', { requestHeaders: () => 1, requestBody: () => 1 }, d => d.headers()],
  ['a request body', { requestBody: () => 1 }, d => d.headers().data('x')],
  ['request trailers', { requestTrailers: () => 1 }, d => d.headers().trailers()],
  ['response headers', { responseHeaders: () => 4 }, d => d.headers(true).responseHeaders()],
  ['a response body', { responseBody: () => 1 }, d => d.headers(true).responseHeaders().responseData('x')],
  [
    'response trailers',
    { responseTrailers: () => 1 },
    d => d.headers(true).responseHeaders().responseTrailers(),
  ],
];

for (const [what, script, go] of STOPS) {
  test(`${what} that nobody resumes: 504 after pauseTime, not before`, async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const { d, plugins } = chain(script);
      plugins[0]!.pauseTime = 500;
      go(d);
      d.take();
      mock.timers.tick(499);
      assert.deepEqual(d.take(), []);
      mock.timers.tick(1);
      assert.deepEqual(d.take(), ['fail 504']);
      assert.equal(d.exchange.failure!.filter, 'a');
      mock.timers.tick(5000);
      plugins[0]!.context.continue(0);
      plugins[0]!.context.continue(1);
      await settle();
      assert.deepEqual(d.take(), []);
    } finally {
      mock.timers.reset();
    }
  });

  test(`${what} that are resumed, answered or over do not time out`, async () => {
    for (const end of ['resume', 'finish', 'respond']) {
      mock.timers.enable({ apis: ['setTimeout'] });
      try {
        const { d, plugins } = chain(script);
        go(d);
        if (end === 'finish') d.finish();
        else if (end === 'respond') plugins[0]!.context.respond(403);
        else {
          plugins[0]!.context.continue(0);
          plugins[0]!.context.continue(1);
        }
        await settle();
        mock.timers.tick(10 * 30_000);
        assert.ok(!d.events.includes('fail 504'), `${end} ${d.events}`);
      } finally {
        mock.timers.reset();
      }
    }
  });
}

test('a filter that collects a slow body is not stuck: each chunk starts its time anew', t => {
  // The mock timers' refresh does nothing: look at the timer itself.
  const started: { delay: unknown; refreshed: number }[] = [];
  t.mock.method(globalThis, 'setTimeout', (_fn: () => void, delay: number) => {
    const timer = { delay, refreshed: 0, refresh: () => timer.refreshed++ };
    started.push(timer);
    return timer;
  });
  const { d, plugins } = chain({ requestBody: () => 1 });
  plugins[0]!.pauseTime = 500;
  d.headers().data('a').data('b').data('c');
  assert.deepEqual(
    started.map(({ delay, refreshed }) => [delay, refreshed]),
    [[500, 2]],
  );
});
