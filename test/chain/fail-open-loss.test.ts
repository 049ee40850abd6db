import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settle } from '../support/guest.ts';
import { openChain as chain, last, rewrite, trap } from '../support/guest-death.ts';
import type { Drive } from '../support/guest-exchange.ts';
import type { FilterScript } from '../support/guest-filter.ts';

const CORRUPT: readonly [string, FilterScript, (d: Drive) => unknown][] = [
  [
    'changed a chunk that left it',
    { requestBody: (c, b, end) => (end ? trap(c) : rewrite(c, 0, b, 'X')) },
    d => d.headers().data('x').data('y', true),
  ],
  [
    'passed on less than came',
    { requestBody: (c, b, end) => (end ? trap(c) : rewrite(c, 0, b, '')) },
    d => d.headers().data('x').data('', true),
  ],
  [
    'passed on more than came',
    { requestBody: (c, b, end) => (end ? trap(c) : rewrite(c, 0, b, 'xx')) },
    d => d.headers().data('x').data('', true),
  ],
  [
    'dropped what it held',
    { requestBody: (c, _b, end) => (end ? trap(c) : 3) },
    d => d.headers().data('x').data('y', true),
  ],
  [
    'took more out of the held body than it may hold',
    { requestBody: (c, b, end) => (end ? trap(c) : last(rewrite(c, 0, b, ''), 1)) },
    d => d.headers().data('x'.repeat(60)).data('x'.repeat(60)).data('y', true),
  ],
  [
    'changed the body whose trailers it dies in',
    { requestBody: (c, b) => rewrite(c, 0, b, 'X'), requestTrailers: c => trap(c) },
    d => d.headers().data('x').trailers(),
  ],
  [
    'changed a part of the request and dies in the response',
    { requestBody: (c, b) => rewrite(c, 0, b, 'X'), responseHeaders: c => trap(c) },
    d => d.headers().data('x').responseHeaders(),
  ],
];

describe('a filter with onFailure: open fails the stream like any other', () => {
  for (const [what, script, drive] of CORRUPT) {
    it(`when it ${what}`, () => {
      const { d, a, log } = chain(script);
      drive(d);
      assert.deepEqual(
        d.events.filter(e => /^(fail|reset|<)/.test(e)),
        ['fail 503'],
      );
      assert.equal(d.events.at(-1), 'fail 503');
      assert.deepEqual([a.skips, log.texts], [0, ['error callback: trap: unreachable']]);
    });
  }

  it('when the response whose start it changed is on its way', () => {
    const { d } = chain({ responseBody: (c, b, end) => (end ? trap(c) : rewrite(c, 1, b, 'X')) });
    d.headers(true).responseHeaders().responseData('x').responseData('y', true);
    assert.deepEqual(d.events, ['> headers end', '< 200', '< X', 'fail 503']);
  });

  it('when changed bytes left it and it holds the rest', async () => {
    let n = 0;
    const { d, die, a } = chain({ requestBody: (c, b) => (n++ === 0 ? rewrite(c, 0, b, 'X') : 1) });
    d.headers().data('x').data('y');
    die();
    await settle();
    assert.deepEqual(d.events, ['> headers', '> X', 'fail 503']);
    assert.equal(d.exchange.failure!.filter, 'a');
    assert.equal(a.skips, 0);
  });

  it("when Weir's own state is not known to be whole", async () => {
    const { d, log } = chain({ requestHeaders: c => trap(c, 'unknown') });
    d.headers();
    assert.deepEqual([d.events, log.texts], [['fail 503'], ['error callback: trap: unreachable']]);
    const held = chain({ requestHeaders: () => 4 });
    held.d.headers();
    held.die('unknown');
    await settle();
    assert.deepEqual(held.d.events, ['fail 503']);
    const idle = chain({ requestHeaders: () => 0, requestBody: () => 0 });
    idle.d.headers();
    idle.die('unknown');
    idle.d.data('x');
    assert.deepEqual(idle.d.events, ['> headers', 'fail 503']);
  });

  it('when the fault is ours', () => {
    const { d } = chain({ requestHeaders: () => assert.fail('ours') });
    d.headers();
    assert.deepEqual(d.events, ['fail 500']);
  });
});

describe('a filter with onFailure: open is skipped without loss', () => {
  it('when it only looked at what it passed, or wrote what was there', () => {
    const { d } = chain({
      requestBody: (c, b, end) => (end ? trap(c) : b.length === 1 ? 0 : rewrite(c, 0, b, 'yy')),
    });
    d.headers().data('x').data('yy').data('z', true);
    assert.deepEqual(d.events, ['> headers', '> x', '> yy', '> z end']);
  });

  it('when the message it changed had ended before', () => {
    const script: FilterScript = {
      requestBody: (c, b) => rewrite(c, 0, b, 'X'),
      responseHeaders: c => trap(c),
    };
    const { d } = chain(script);
    d.headers().data('x', true).responseHeaders();
    assert.deepEqual(d.events, ['> headers', '> X end', '< 200']);
    assert.equal(d.stream.requestBodyChanged, true, 'it did change that body');
  });

  it('when it dropped nothing', () => {
    const { d } = chain({ requestHeaders: () => 1, requestBody: (c, _b, end) => (end ? trap(c) : 3) });
    d.headers().data('', false).data('', true);
    assert.deepEqual(d.events, ['> headers', '>  end']);
  });
});

describe('what a filter with onFailure: open asked for before it died', () => {
  it('a local response of a callback that returned is sent, and it is skipped in the response', () => {
    const { d, a, calls } = chain(
      { requestHeaders: () => 0, responseHeaders: c => trap(c), responseBody: c => trap(c) },
      { requestHeaders: c => c.respond(403, 'no') },
    );
    d.headers();
    assert.deepEqual(d.events, ['local', '< 403', '< no end']);
    assert.deepEqual([a.skips, calls.at(-1)], [1, 'a response headers']);
  });

  it('its own local response, too', () => {
    const { d } = chain({
      requestHeaders: c => c.respond(403, 'no'),
      responseHeaders: c => last(c.stream.responseHeaders!.replace(':status', '200'), trap(c)),
    });
    d.headers();
    assert.deepEqual(d.events, ['local', '< 403', '< no end']);
  });

  it('a local response from context_create stays, although the headers callback dies', async () => {
    const { d } = chain({ open: c => c.respond(401), requestHeaders: c => last(c.respond(402), trap(c)) });
    d.headers();
    await settle();
    assert.deepEqual(d.events, ['local', '< 401 end']);
  });

  it('a changed request body does not spoil a local response', () => {
    const { d } = chain(
      { requestBody: (c, b) => rewrite(c, 0, b, 'X'), responseBody: c => trap(c) },
      { requestBody: c => c.respond(403, 'no') },
    );
    d.headers().data('x');
    assert.deepEqual(d.events, ['> headers', 'local', '< 403', '< no end']);
  });

  it('what another filter asked for while it was held stays', async () => {
    const { d, plugins } = chain(
      { responseHeaders: () => 0, requestBody: c => trap(c) },
      { requestHeaders: () => 4 },
    );
    d.headers();
    plugins[1]!.context.continue(0);
    d.data('x', true);
    await settle();
    assert.deepEqual(d.events, ['> headers', '> x end']);
  });
});

describe('the length of a body', () => {
  it('is the one it came with when the filter that would change it is skipped', () => {
    const { d, a } = chain({ requestBody: (c, b) => last(rewrite(c, 0, b, 'X'), trap(c)) });
    d.headers().data('x');
    assert.equal(a.seenChanging[0], true);
    assert.equal(d.stream.requestBodyChanged, false);
  });

  it('is unknown once it changed what left it, and what a later filter holds', async () => {
    const { d } = chain(
      { requestBody: (c, b) => rewrite(c, 0, b, 'X'), responseHeaders: c => trap(c) },
      { requestBody: () => 1 },
    );
    d.headers().data('x', true).responseHeaders();
    assert.deepEqual(d.events, ['> headers', '< 200']);
    assert.equal(d.stream.requestBodyChanged, true);
  });
});
