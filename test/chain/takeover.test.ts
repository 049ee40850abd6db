import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PluginChain } from '../../src/chain/chain.ts';
import { PluginError, UpstreamError } from '../../src/errors.ts';
import { FieldMap } from '../../src/message/fields.ts';
import type { Plugin } from '../../src/plugin/types.ts';
import { settle } from '../support/guest.ts';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';
import { FakePlugin, type FilterScript } from '../support/guest-filter.ts';
import { GuestLog } from '../support/guest-log.ts';
import { FakeTaker, REQUEST, RESPONSE, type TakerScript } from '../support/taker.ts';

const ALL: FilterScript = {
  requestHeaders: () => 0,
  requestBody: () => 0,
  requestTrailers: () => 0,
  responseHeaders: () => 0,
  responseBody: () => 0,
  responseTrailers: () => 0,
};

/** Plugin a, the taker, plugin b. */
function chain(script: TakerScript = {}, a: FilterScript = ALL, b: FilterScript = ALL) {
  const calls: string[] = [];
  const log = new GuestLog();
  const before = new FakePlugin('a', a, calls);
  const behind = new FakePlugin('b', b, calls);
  const taker = new FakeTaker(script);
  const d = new Drive(new PluginChain([before, taker, behind], log), new FakeExchange(['x-in', '1'], 'POST'));
  return { d, calls, taker, before, behind, log };
}

const failure = new UpstreamError('UPSTREAM_RESET', 'response', 'reset');

test('a taker that passes all on: its neighbours see whole messages', async () => {
  const { d, calls, taker } = chain();
  d.headers().data('q').trailers();
  await settle();
  d.responseHeaders().responseData('r').responseTrailers();
  await settle();
  d.finish();
  assert.deepEqual(d.events, [
    'take request -1',
    '> headers',
    '> q',
    '> trailers',
    'take response -1',
    '< 200',
    '< r',
    '< trailers',
  ]);
  assert.deepEqual(calls, [
    'a request headers',
    'a request q',
    'a request trailers',
    'b request headers',
    'b request q',
    'b request trailers',
    'b response headers',
    'b response r',
    'b response trailers',
    'a response headers',
    'a response r',
    'a response trailers',
  ]);
  assert.deepEqual(taker.last.events, [
    'request',
    'request q',
    'request trailers',
    'response 200',
    'response r',
    'response trailers',
  ]);
  assert.equal(taker.last.finished, 1);
});

test('flags: a chain with a taker sees all, ordinary chains are as they were', () => {
  const taker = new PluginChain([new FakeTaker()], new GuestLog());
  assert.deepEqual(
    [taker.requestBody, taker.responseBody, taker.response, taker.changesRequestBody],
    [true, true, true, false],
  );
  const plain = new PluginChain([new FakePlugin('a', { requestHeaders: () => 0 })], new GuestLog());
  assert.deepEqual([plain.requestBody, plain.responseBody, plain.response], [false, false, false]);
  assert.equal(plain.open(new FakeExchange()).ends, undefined);
});

test('the headers it sends are those that filters behind and the upstream see; filters before keep theirs', async () => {
  const seen: string[] = [];
  const { d } = chain(
    {
      requestHeaders: taken =>
        queueMicrotask(() => taken.forward({ path: '/new', raw: ['x-own', '1'] }, 3, false)),
    },
    { requestHeaders: c => void c.stream.requestHeaders.add('x-a', '1') },
    { requestHeaders: c => void seen.push(c.stream.requestHeaders.raw.join(), c.stream.requestHeaders.path) },
  );
  const { exchange } = d;
  d.headers();
  await settle();
  assert.deepEqual(seen, ['x-own,1', '/new']);
  assert.deepEqual(exchange.requestHeaders.raw, ['x-own', '1']);
  assert.equal(exchange.requestHeaders.path, '/new');
  assert.equal(exchange.requestHeaders.mutated, true);
  assert.deepEqual(d.take(), ['take request 3', '> headers']);
});

test('what filters before changed, the taker sees', async () => {
  const { d, taker } = chain({}, { requestHeaders: c => void c.stream.requestHeaders.replace('x-in', '2') });
  d.headers(true);
  await settle();
  assert.deepEqual(taker.last.stream.requestHeaders.raw, ['x-in', '2']);
  assert.deepEqual(d.exchange.requestHeaders.raw, ['x-in', '2']);
});

test('it answers itself: filters behind are never opened, those before see the response', async () => {
  const { d, calls, taker, behind } = chain({ requestHeaders: () => {}, data: () => {} });
  d.headers().data('x');
  taker.last.respond(200, ['x', '1'], -1, false);
  taker.last.send(RESPONSE, 'one');
  d.data('y', true);
  taker.last.send(RESPONSE, 'two');
  taker.last.stream.sendTrailers(RESPONSE, new FieldMap(['t', '1']));
  assert.deepEqual(d.events, ['take response -1', '< 200', '< one', '< two', '< trailers']);
  assert.equal(behind.contexts.length, 0);
  assert.deepEqual(calls, [
    'a request headers',
    'a request x',
    'a response headers',
    'a response one',
    'a request y end',
    'a response two',
    'a response trailers',
  ]);
});

test('a response of its own while another comes: the one that comes is its own to read', async () => {
  const { d, calls, taker } = chain({ responseHeaders: () => {}, data: () => {} });
  d.headers(true);
  await settle();
  taker.last.respond(202, [], 2, false);
  d.responseHeaders(200).responseData('up', true);
  taker.last.send(RESPONSE, 'ok', true);
  assert.deepEqual(d.events, ['take request 0', '> headers end', 'take response 2', '< 202', '< ok end']);
  assert.deepEqual(calls.slice(2), [
    'a response headers',
    'b response headers',
    'b response up end',
    'a response ok end',
  ]);
  assert.deepEqual(taker.last.events, ['request end', 'response 200', 'response up end']);
});

test('a second head, and anything after the end of the stream, is dropped', async () => {
  const { d, taker } = chain({ requestHeaders: () => {} });
  d.headers(true);
  taker.last.respond(200, [], 0, true);
  taker.last.respond(500, [], 0, true);
  d.take();
  d.finish();
  taker.last.forward({}, 0, true);
  taker.last.send(RESPONSE, 'x');
  taker.last.stream.fail(500, 'late');
  taker.last.stream.dropUpstream();
  assert.deepEqual(d.take(), []);
  assert.equal(taker.last.finished, 1);
});

test('pausing: its own wish and that of filters before are one for the source', async () => {
  const { d, taker, before } = chain(
    { requestHeaders: () => {} },
    { requestBody: (_c, body) => (body.length > 150 ? 2 : 0) },
  );
  before.bufferedBody = 100;
  d.headers();
  taker.last.stream.pause(REQUEST, true);
  assert.deepEqual(d.take(), ['pause request']);
  d.data('x'.repeat(151));
  taker.last.stream.pause(REQUEST, false);
  await settle();
  assert.deepEqual(d.take(), []);
  before.context.continue(REQUEST);
  await settle();
  assert.deepEqual(d.take(), ['unpause request']);
});

test('pausing the response that comes', async () => {
  const { d, taker } = chain({ responseHeaders: () => {}, data: () => {} });
  d.headers(true);
  await settle();
  d.responseHeaders().take();
  taker.last.stream.pause(RESPONSE, true);
  taker.last.stream.pause(RESPONSE, false);
  assert.deepEqual(d.take(), ['pause response', 'unpause response']);
});

test('what it sends is full when filters hold it, or an end has its hands full; then it drains', async () => {
  const { d, taker, behind } = chain({}, ALL, { requestBody: (_c, body) => (body.length > 150 ? 2 : 0) });
  behind.bufferedBody = 100;
  d.headers();
  await settle();
  const { stream } = taker.last;
  assert.equal(stream.full(REQUEST), false);
  stream.sendData(REQUEST, Buffer.alloc(151), false);
  assert.equal(stream.full(REQUEST), true);
  d.stream.ends!.requestFull(true);
  behind.context.continue(REQUEST);
  await settle();
  assert.equal(stream.full(REQUEST), true);
  d.stream.ends!.requestFull(false);
  assert.equal(stream.full(REQUEST), false);
  assert.ok(!d.events.some(e => e.includes('pause')));
  d.stream.ends!.responseFull(true);
  assert.equal(stream.full(RESPONSE), true);
  d.stream.ends!.responseFull(false);
  assert.deepEqual(taker.last.events.slice(-2), ['request drain', 'response drain']);
});

test('a failed upstream before any response: filters behind see a response, the taker the error', async () => {
  const { d, calls, taker } = chain();
  d.headers(true);
  await settle();
  assert.equal(d.stream.ends!.upstreamFailed(failure, 502), false);
  d.responseHeaders(502).responseData('502 upstream', true);
  await settle();
  assert.deepEqual(calls.slice(2), ['b response headers', 'b response 502 upstream end']);
  assert.deepEqual(taker.last.events, ['request end', 'upstream UPSTREAM_RESET']);
  assert.deepEqual(d.events.slice(2), ['fail 502']);
});

test('a filter behind that makes another response of the failure: the taker gets that one', async () => {
  const { d, taker } = chain({}, ALL, {
    responseHeaders: c => void c.stream.responseHeaders!.replace(':status', '200'),
  });
  d.headers(true);
  await settle();
  d.stream.ends!.upstreamFailed(failure, 502);
  d.responseHeaders(502).responseData('x', true);
  await settle();
  assert.deepEqual(taker.last.events, ['request end', 'response 200', 'response x end']);
});

test('an upstream that breaks off in its body: the taker hears it, once, and decides', async () => {
  const { d, taker } = chain({
    upstreamFailed: taken => queueMicrotask(() => taken.send(RESPONSE, '!', true)),
  });
  d.headers(true);
  await settle();
  d.responseHeaders().responseData('x');
  await settle();
  assert.equal(d.stream.ends!.upstreamFailed(failure, 502), true);
  assert.equal(d.stream.ends!.upstreamFailed(failure, 502), true);
  await settle();
  assert.deepEqual(taker.last.events.slice(-2), ['response x', 'upstream UPSTREAM_RESET']);
  assert.deepEqual(d.events.slice(-2), ['< x', '< ! end']);
});

test('a filter before answers: the taker is cut, filters behind end', async () => {
  const { d, taker, behind } = chain({}, { ...ALL, responseHeaders: c => c.respond(403) });
  d.headers(true);
  await settle();
  d.responseHeaders();
  await settle();
  assert.deepEqual(d.events.slice(-2), ['local', '< 403 end']);
  assert.equal(taker.last.finished, 1);
  assert.equal(behind.context.finished, 1);
  d.finish();
  assert.equal(taker.last.finished, 1);
});

test('a filter before answers the request: the taker is never opened', () => {
  const { d, taker } = chain({}, { requestHeaders: c => c.respond(403, 'no') });
  d.headers();
  assert.deepEqual(d.events, ['local', '< 403', '< no end']);
  assert.equal(taker.taken.length, 0);
});

test('a filter behind answers: that is the response the taker gets', async () => {
  const { d, taker } = chain({}, ALL, { requestHeaders: c => c.respond(403, 'no') });
  d.headers(true);
  await settle();
  assert.deepEqual(d.events, ['take request 0', 'drop upstream', 'take response -1', '< 403', '< no end']);
  assert.deepEqual(taker.last.events, ['request end', 'response 403', 'response no end']);
  assert.equal(d.stream.localResponseFilter, 'b');
});

for (const which of ['before', 'behind'] as const) {
  test(`a filter ${which} that closes the stream, or is stuck, ends it once`, async () => {
    const { d, taker, before, behind } = chain({ responseHeaders: () => {} });
    d.headers(true);
    await settle();
    d.responseHeaders().take();
    (which === 'before' ? before : behind).context.close();
    await settle();
    assert.deepEqual(d.take(), ['reset: a filter closed the stream']);
    assert.equal(taker.last.finished, 1);
    taker.last.stream.fail(500, 'late');
    (which === 'before' ? behind : before).context.close();
    await settle();
    assert.deepEqual(d.take(), []);
  });
}

test('a taker that fails: 503 and its reason', async () => {
  const { d, taker } = chain({ requestHeaders: () => {} });
  d.headers(true);
  taker.last.stream.fail(503, 'trap');
  taker.last.stream.fail(503, 'trap');
  assert.deepEqual(d.events, ['fail 503']);
  assert.deepEqual([d.exchange.failure!.filter, d.exchange.failure!.details], ['taker', 'trap']);
  assert.equal(taker.last.finished, 1);
});

test('a taker that can not be opened: 503; what is no fault of its own: 500', () => {
  for (const [error, status] of [
    [new PluginError('PLUGIN_LIMIT', 'full'), 503],
    [new Error('ours'), 500],
  ] as const) {
    const { d } = chain({
      open: () => {
        throw error;
      },
    });
    d.headers(true);
    assert.deepEqual(d.events, [`fail ${status}`]);
  }
});

test('onFailure open: it is skipped while nothing was sent, and the request goes on as it came', async () => {
  const { d, calls, taker, log } = chain({ requestHeaders: () => {}, data: () => {}, trailers: () => {} });
  taker.failOpen = true;
  const drive = new Drive(
    new PluginChain([new FakePlugin('a', ALL, calls), taker, new FakePlugin('b', ALL, calls)], log),
  );
  drive.headers().data('one').data('two');
  taker.last.stream.pause(REQUEST, true);
  taker.last.stream.fail(503, 'trap');
  drive.data('x').trailers();
  drive.responseHeaders().responseData('r', true);
  assert.deepEqual(drive.events, [
    'pause request',
    '> headers',
    '> onetwo',
    'unpause request',
    '> x',
    '> trailers',
    '< 200',
    '< r end',
  ]);
  assert.equal(taker.skips, 1);
  assert.equal(taker.last.finished, 1);
  assert.deepEqual(log.texts, ['warn filter taker skipped: trap']);
  drive.finish();
  assert.equal(taker.last.finished, 1);
  d.finish();
});

test('onFailure open: not when its request went on, or more came than may be kept', async () => {
  for (const how of ['sent', 'much'] as const) {
    const taker = new FakeTaker(how === 'sent' ? {} : { requestHeaders: () => {}, data: () => {} });
    taker.failOpen = true;
    const d = new Drive(new PluginChain([taker], new GuestLog()));
    d.headers();
    if (how === 'much') d.data('x'.repeat(101));
    await settle();
    d.take();
    taker.last.stream.fail(503, 'trap');
    assert.deepEqual(d.take(), ['fail 503']);
  }
});

test('onFailure open: skipped where it can not be opened, with the head, body, pauses passing by', async () => {
  const taker = new FakeTaker({
    open: () => {
      throw new PluginError('PLUGIN_DOWN', 'down');
    },
  });
  taker.failOpen = true;
  const log = new GuestLog();
  const d = new Drive(new PluginChain([taker], log));
  d.headers();
  d.stream.ends!.requestFull(true);
  d.stream.ends!.requestFull(false);
  d.data('x', true);
  assert.equal(d.stream.ends!.upstreamFailed(failure, 502), false);
  d.responseHeaders(502, [], true);
  assert.deepEqual(d.events, ['> headers', 'pause request', 'unpause request', '> x end', '< 502 end']);
  assert.deepEqual(log.texts, ['debug filter taker skipped: down']);
});

test('two takers in a chain: each has its own neighbours, and the far ends are theirs', async () => {
  const first = new FakeTaker({}, 'one');
  const second = new FakeTaker({}, 'two');
  const plugins: Plugin[] = [first, new FakePlugin('b', ALL), second];
  const d = new Drive(new PluginChain(plugins, new GuestLog()));
  d.headers().data('q', true);
  await settle();
  d.stream.ends!.requestFull(true);
  d.stream.ends!.requestFull(false);
  assert.deepEqual(second.last.events, ['request', 'request q end', 'request drain']);
  assert.deepEqual(first.last.events, ['request', 'request q end']);
  d.responseHeaders().responseData('r', true);
  await settle();
  first.last.stream.pause(RESPONSE, true);
  first.last.stream.pause(RESPONSE, false);
  assert.equal(second.last.events.at(-1), 'response drain');
  assert.deepEqual(d.events, [
    'take request -1',
    'take request -1',
    '> headers',
    '> q end',
    'take response -1',
    '< 200',
    '< r end',
  ]);
});

test('two takers: the second hears of a failed upstream, and what it makes of it the first', async () => {
  const first = new FakeTaker({}, 'one');
  const second = new FakeTaker(
    { upstreamFailed: t => queueMicrotask(() => t.respond(503, [], 0, true)) },
    'two',
  );
  const d = new Drive(new PluginChain([first, second], new GuestLog()));
  d.headers(true);
  await settle();
  d.stream.ends!.upstreamFailed(failure, 502);
  d.responseHeaders(502, [], true);
  await settle();
  assert.deepEqual(first.last.events, ['request end', 'response 503 end']);
});

test('properties are shared by filters on both sides', async () => {
  const seen: unknown[] = [];
  const { d } = chain(
    {},
    { requestHeaders: c => void c.stream.properties.set('p', Buffer.from('1')) },
    { requestHeaders: c => void seen.push(c.stream.properties.get('p')?.toString()) },
  );
  d.headers(true);
  await settle();
  assert.deepEqual(seen, ['1']);
});
