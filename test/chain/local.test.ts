import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PluginChain } from '../../src/chain/chain.ts';
import { settle } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';
import { type FakeContext, FakePlugin, type FilterScript } from '../support/guest-filter.ts';
import { GuestLog } from '../support/guest-log.ts';

const WATCH: FilterScript = {
  requestHeaders: () => 0,
  requestBody: () => 0,
  responseHeaders: () => 0,
  responseBody: () => 0,
};

function chain(...scripts: FilterScript[]) {
  const calls: string[] = [];
  const plugins = scripts.map((s, i) => new FakePlugin('abcd'[i]!, s, calls));
  return { calls, plugins, d: new Drive(new PluginChain(plugins, new GuestLog())) };
}

const deny =
  (status = 403) =>
  (c: FakeContext) =>
    c.respond(status, 'no');

test('a local response from request headers: no later filter runs, the response passes those that were reached', () => {
  const { d, calls } = chain(WATCH, { ...WATCH, requestHeaders: deny() }, WATCH);
  d.headers();
  assert.deepEqual(d.take(), ['local', '< 403', '< no end']);
  assert.deepEqual(calls, [
    ...['a request headers', 'b request headers'],
    ...['b response headers', 'a response headers', 'b response no end', 'a response no end'],
  ]);
});

test('it wins over any action, and what is left of the request is dropped', () => {
  for (const action of [0, 1, 3, 4]) {
    const { d } = chain({
      ...WATCH,
      requestHeaders: c => {
        c.respond(403);
        return action;
      },
    });
    d.headers().data('x').trailers();
    assert.deepEqual(d.take(), ['local', '< 403 end']);
    d.responseHeaders().responseData('late', true);
    assert.deepEqual(d.take(), [], 'nor does an answer of the upstream matter');
  }
});

test('a local response from a request body, before any of it was sent', () => {
  const { d, calls } = chain({ ...WATCH, requestBody: deny(413) }, WATCH);
  d.headers().data('x').data('y', true);
  assert.deepEqual(d.take(), ['> headers', 'local', '< 413', '< no end']);
  assert.deepEqual(calls.slice(2, 4), ['a request x', 'b response headers']);
});

test('a local response from request trailers', () => {
  const { d } = chain({ ...WATCH, requestTrailers: deny(400) });
  d.headers().data('x').trailers();
  assert.deepEqual(d.take(), ['> headers', '> x', 'local', '< 400', '< no end']);
});

test('a local response from response headers takes their place, for the filters after it', () => {
  const { d, calls } = chain(WATCH, { ...WATCH, responseHeaders: deny(502) }, WATCH);
  d.headers(true).responseHeaders();
  assert.deepEqual(d.take(), ['> headers end', 'local', '< 502', '< no end']);
  d.responseData('upstream', true);
  assert.deepEqual(d.take(), []);
  assert.deepEqual(calls.slice(3), [
    ...['c response headers', 'b response headers'],
    ...['a response headers', 'a response no end'],
  ]);
});

test('a local response from a response body whose headers wait takes their place', () => {
  const { d } = chain({ responseHeaders: () => 1, responseBody: deny(502) });
  d.headers(true).responseHeaders().responseData('x');
  assert.deepEqual(d.take(), ['> headers end', 'local', '< 502', '< no end']);
});

for (const phase of ['responseBody', 'responseTrailers', 'requestBody'] as const) {
  test(`a local response from ${phase} after response headers were sent resets the stream`, () => {
    const { d, plugins } = chain({ ...WATCH, [phase]: deny() });
    d.headers().responseHeaders();
    d.take();
    if (phase === 'requestBody') d.data('x');
    else if (phase === 'responseBody') d.responseData('x');
    else d.responseTrailers();
    assert.deepEqual(d.take(), ['reset: a local response came after response headers were sent']);
    d.responseData('more').data('more').finish();
    assert.deepEqual(d.take(), []);
    assert.equal(plugins[0]!.context.finished, 1);
  });
}

test('of two local responses in one callback the first is sent', () => {
  const { d } = chain({
    requestHeaders: c => {
      c.respond(401);
      c.respond(402);
    },
  });
  d.headers();
  assert.deepEqual(d.take(), ['local', '< 401 end']);
});

test('a filter may replace its own local response in its response callback, once', () => {
  const { d, calls } = chain(
    { responseHeaders: () => 0 },
    { requestHeaders: deny(401), responseHeaders: deny(402) },
  );
  d.headers();
  assert.deepEqual(
    d.events.filter(e => e !== 'local'),
    ['< 402', '< no end'],
  );
  assert.deepEqual(calls, ['b request headers', 'b response headers', 'a response headers']);
});

test("an earlier filter may replace a later filter's local response", () => {
  const { d, calls } = chain(
    { ...WATCH, responseHeaders: deny(402) },
    { ...WATCH, requestHeaders: deny(401) },
  );
  d.headers();
  assert.deepEqual(
    d.events.filter(e => e !== 'local'),
    ['< 402', '< no end'],
  );
  assert.deepEqual(calls.slice(2), ['b response headers', 'a response headers']);
});

test('a response filter may hold a local response and let it go', async () => {
  const { d, plugins } = chain(
    { responseHeaders: () => 4, responseBody: () => 0 },
    { requestHeaders: deny() },
  );
  d.headers();
  assert.deepEqual(d.take(), ['local']);
  plugins[0]!.context.continue(1);
  await settle();
  assert.deepEqual(d.take(), ['< 403', '< no end']);
});

test('a response filter may change the body of a local response, and add trailers', () => {
  const { d } = chain(
    {
      responseBody: (c, body) => {
        body.splice(0, 99, Buffer.from('changed'));
        c.stream.responseTrailers.add('x', '1');
      },
    },
    { requestHeaders: deny() },
  );
  d.headers();
  assert.deepEqual(d.take(), ['local', '< 403', '< changed', '< trailers']);
});

test('a local response that comes later than its callback ends what waits', async () => {
  const { d, plugins } = chain({ ...WATCH, requestHeaders: () => 4 }, WATCH);
  d.headers().data('held');
  plugins[0]!.context.respond(504, 'late');
  assert.deepEqual(d.take(), [], 'not inside the hostcall');
  await settle();
  assert.deepEqual(d.take(), ['local', '< 504', '< late end']);
  plugins[0]!.context.continue(0);
  await settle();
  assert.deepEqual(d.take(), []);
});

test('a local response while another is on its way to the client resets', async () => {
  const { d, plugins } = chain({ requestHeaders: deny() });
  d.headers();
  d.take();
  plugins[0]!.context.respond(500);
  await settle();
  assert.deepEqual(d.take(), ['reset: a local response came after response headers were sent']);
});

test('a local response of a filter that the response has not reached goes on after that filter', async () => {
  const { d, calls, plugins } = chain(WATCH, WATCH, { ...WATCH, responseHeaders: () => 1 });
  d.headers(true).responseHeaders();
  calls.length = 0;
  plugins[1]!.context.respond(403);
  await settle();
  assert.deepEqual(calls, ['a response headers end']);
  assert.deepEqual(d.events.slice(1), ['local', '< 403 end']);
});

test('a local response while its context is created is sent', async () => {
  const { d } = chain({ open: c => c.respond(403), requestHeaders: () => 0 });
  d.headers();
  await settle();
  assert.deepEqual(d.take(), ['local', '< 403 end']);
});

test('a local response and a continue in one callback: the response counts', async () => {
  const { d } = chain({
    requestHeaders: c => {
      c.continue(0);
      c.respond(403);
      return 1;
    },
  });
  d.headers(true);
  await settle();
  assert.deepEqual(d.take(), ['local', '< 403 end']);
});

test('after the end of a stream a local response is nothing', async () => {
  const { d, plugins } = chain(WATCH);
  d.headers().finish();
  d.take();
  plugins[0]!.context.respond(403);
  await settle();
  assert.deepEqual(d.take(), []);
});

test('details and filter of a local response are known to the log', () => {
  const { d } = chain(WATCH, { requestHeaders: deny() });
  d.headers();
  assert.deepEqual([d.stream.localResponseDetails, d.stream.localResponseFilter], ['local_response', 'b']);
  assert.equal(d.exchange.response!.mutated, true);
});

test('a local response of the filter that is released to does not let the body through', () => {
  const { d, calls } = chain(
    { requestHeaders: () => 1, requestBody: (_c, _b, end) => (end ? 0 : 1) },
    { requestHeaders: deny() },
    { requestBody: () => 0 },
  );
  d.headers().data('a').data('b', true);
  assert.deepEqual(d.events, ['local', '< 403', '< no end']);
  assert.deepEqual(calls, ['a request headers', 'a request a', 'a request ab end', 'b request headers']);
});

test('trailers of a response that a local one replaced are not sent with it', async () => {
  const { d, plugins } = chain({
    responseHeaders: () => 4,
    responseBody: () => 0,
    responseTrailers: () => 0,
  });
  d.headers(true).responseHeaders().responseData('x').responseTrailers(['old', '1']);
  d.take();
  plugins[0]!.context.respond(403, 'new');
  await settle();
  assert.deepEqual(d.take(), ['local', '< 403', '< new end']);
});
