import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settle } from '../support/guest.ts';
import { openChain as chain, last, rewrite, spoilHeaders, trap } from '../support/guest-death.ts';
import type { Drive } from '../support/guest-exchange.ts';
import type { FilterScript } from '../support/guest-filter.ts';

const assertHeadersAsCame = (d: Drive) => {
  const { requestHeaders } = d.exchange;
  assert.deepEqual(
    [requestHeaders.path, requestHeaders.raw, requestHeaders.mutated],
    ['/', ['x-a', '1'], false],
  );
};

const HOLDS: readonly [string, FilterScript, (d: Drive) => unknown, string[]][] = [
  [
    'headers and an unseen body (Stop.ALL)',
    { requestHeaders: c => last(spoilHeaders(c), 4), requestBody: () => 0 },
    d => d.headers().data('x').data('y', true),
    ['> headers', '> xy end'],
  ],
  [
    'headers and an unseen body, over the limit',
    { requestHeaders: c => last(spoilHeaders(c), 4), requestBody: () => 0 },
    d => d.headers().data('x'.repeat(101)),
    ['pause request', '> headers', `> ${'x'.repeat(101)}`, 'unpause request'],
  ],
  [
    'headers that end the message',
    { requestHeaders: c => last(spoilHeaders(c), 3) },
    d => d.headers(true),
    ['> headers end'],
  ],
  [
    'headers, while it changes the body it sees (Stop.HEADERS)',
    {
      requestHeaders: c => last(spoilHeaders(c), 1),
      requestBody: (c, b) => last(rewrite(c, 0, b, 'SPOILT'), 1),
    },
    d => d.headers().data('x').data('y'),
    ['> headers', '> xy'],
  ],
  [
    'headers and trailers of a body it does not take',
    { requestHeaders: c => last(spoilHeaders(c), 1) },
    d => d.headers().data('x').trailers(),
    ['> headers', '> x', '> trailers'],
  ],
  [
    'a body (Stop.BODY)',
    { requestBody: (c, b) => last(rewrite(c, 0, b, 'SPOILT'), 1) },
    d => d.headers().data('x').data('y'),
    ['> headers', '> xy'],
  ],
  [
    'a body with its end, to which it added trailers',
    { requestBody: (c, _b, end) => last(end && c.stream.requestTrailers.add('x-spoilt', '1'), 2) },
    d => d.headers().data('x').data('y', true),
    ['> headers', '> xy end'],
  ],
  [
    'a body and trailers (Stop.TRAILERS)',
    { requestBody: () => 1, requestTrailers: c => last(c.stream.requestTrailers.add('x-spoilt', '1'), 1) },
    d => d.headers().data('x').trailers(['x-t', '1']),
    ['> headers', '> x', '> trailers'],
  ],
  [
    'trailers alone',
    { requestTrailers: c => last(c.stream.requestTrailers.remove('x-t'), 1) },
    d => d.headers().data('x').trailers(['x-t', '1']),
    ['> headers', '> x', '> trailers'],
  ],
];

describe('a filter with onFailure: open that holds a stream when its VM dies elsewhere', () => {
  for (const [what, script, drive, expected] of HOLDS) {
    it(`lets go ${what}, as it came`, async () => {
      const { d, die, a, log, plugins } = chain(script, { requestHeaders: () => 0, requestBody: () => 0 });
      drive(d);
      const before = d.events.length;
      die();
      assert.equal(d.events.length, before, 'not on the stack of who told it');
      await settle();
      assert.deepEqual(d.events, expected);
      assertHeadersAsCame(d);
      if (expected.includes('> trailers')) assert.ok(!d.exchange.requestTrailers!.raw.includes('x-spoilt'));
      if (d.exchange.requestTrailers !== undefined && expected.includes('> trailers'))
        assert.equal(d.exchange.requestTrailers.raw.length, 2);
      assert.equal(d.stream.requestBodyChanged, false);
      // What died was logged where it died.
      assert.deepEqual(log.texts, ['warn filter a skipped: another stream: its VM ended: trap']);
      assert.equal(a.skips, 1);
      a.context.continue(0);
      await settle();
      assert.equal(d.events.length, expected.length);
      assert.deepEqual(
        plugins.map(p => p.contexts.length),
        [1, 1],
      );
    });
  }

  it('in a response, too', async () => {
    const { d, die, calls } = chain({
      responseHeaders: c => last(c.stream.responseHeaders!.replace(':status', '404'), 1),
      responseBody: (c, b) => last(rewrite(c, 1, b, 'SPOILT'), 1),
      responseTrailers: () => 1,
    });
    d.headers(true).responseHeaders().responseData('x').responseTrailers();
    die();
    await settle();
    assert.deepEqual(d.events, ['> headers end', '< 200', '< x', '< trailers']);
    assert.equal(calls.length, 3);
  });

  it('in both directions at once', async () => {
    const { d, die, a } = chain({ requestBody: () => 1, responseHeaders: () => 4 });
    d.headers().data('x').responseHeaders();
    die();
    await settle();
    assert.deepEqual(d.events, ['> headers', '> x', '< 200']);
    assert.equal(a.skips, 1);
  });

  it('goes on before what comes in the same turn', async () => {
    const { d, die } = chain({ requestHeaders: () => 4, requestBody: () => 0 });
    d.headers().data('x');
    die();
    d.data('y').trailers();
    await settle();
    assert.deepEqual(d.events, ['> headers', '> xy', '> trailers']);
  });

  it('and a request that it holds goes on when it dies in the response', async () => {
    const script: FilterScript = { requestBody: () => 1, responseHeaders: c => trap(c) };
    const { d, a, calls } = chain(script);
    d.headers().data('x').responseHeaders().data('y', true);
    assert.deepEqual(d.take(), ['> headers', '< 200'], 'the request waits for its turn');
    await settle();
    assert.deepEqual(d.take(), ['> xy end']);
    assert.equal(a.skips, 1);
    assert.deepEqual(calls, ['a request x', 'a response headers']);
  });

  it('and what comes between is not too much for it', async () => {
    const { d } = chain({ requestHeaders: () => 3, requestBody: () => 0, responseHeaders: c => trap(c) });
    d.headers().responseHeaders().data('x'.repeat(101));
    await settle();
    assert.deepEqual(d.take(), ['< 200', '> headers', `> ${'x'.repeat(101)}`]);
  });

  it('and trailers that come between stay behind the body', async () => {
    const { d } = chain({ requestBody: () => 1, requestTrailers: () => 0, responseHeaders: c => trap(c) });
    d.headers().data('x').responseHeaders().trailers();
    await settle();
    assert.deepEqual(d.take(), ['> headers', '< 200', '> x', '> trailers']);
  });

  it('is skipped at its next callback when it holds nothing', async () => {
    const script = { requestHeaders: () => 0, requestBody: () => 0, responseHeaders: () => 0 };
    const { d, die, a, log, calls } = chain(script);
    d.headers();
    die();
    await settle();
    assert.deepEqual([a.skips, log.texts], [0, []]);
    d.data('x', true).responseHeaders();
    assert.deepEqual(d.events, ['> headers', '> x end', '< 200']);
    assert.equal(a.skips, 1);
    assert.deepEqual(calls, ['a request headers']);
  });
});

describe('a filter with onFailure: open that is resumed', () => {
  it('and dies in the callback that this brings: its headers stay, its body goes on as it came', async () => {
    const { d, a } = chain({ requestHeaders: c => last(spoilHeaders(c), 4), requestBody: c => trap(c) });
    d.headers().data('x', true);
    a.context.continue(0);
    await settle();
    assert.deepEqual(d.events, ['> headers', '> x end']);
    assert.equal(d.exchange.requestHeaders.path, '/spoilt');
  });

  it('and whose VM dies before this is carried out: what a callback that returned had asked for, it gets', async () => {
    const { d, a, die } = chain({ requestBody: (c, b) => last(rewrite(c, 0, b, 'changed'), 1) });
    d.headers().data('x');
    a.context.continue(0);
    die();
    await settle();
    assert.deepEqual(d.events, ['> headers', '> changed']);
    d.data('y');
    assert.deepEqual(d.events.slice(2), ['fail 503']);
  });
});
