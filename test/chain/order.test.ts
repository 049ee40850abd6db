import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PluginChain } from '../../src/chain/chain.ts';
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

function chain(...scripts: FilterScript[]): {
  calls: string[];
  plugins: FakePlugin[];
  d: Drive;
  chain: PluginChain;
} {
  const calls: string[] = [];
  const plugins = scripts.map((s, i) => new FakePlugin('abc'[i]!, s, calls));
  const chain = new PluginChain(plugins, new GuestLog());
  return { calls, plugins, chain, d: new Drive(chain) };
}

test('requests run through filters in order, responses in reverse', () => {
  const { calls, d } = chain(ALL, ALL, ALL);
  d.headers().data('x').trailers().responseHeaders().responseData('y').responseTrailers();
  assert.deepEqual(calls, [
    ...['a request headers', 'b request headers', 'c request headers'],
    ...['a request x', 'b request x', 'c request x'],
    ...['a request trailers', 'b request trailers', 'c request trailers'],
    ...['c response headers', 'b response headers', 'a response headers'],
    ...['c response y', 'b response y', 'a response y'],
    ...['c response trailers', 'b response trailers', 'a response trailers'],
  ]);
  assert.deepEqual(d.events, ['> headers', '> x', '> trailers', '< 200', '< y', '< trailers']);
});

test('each event passes on as it comes: nothing is held that no filter stopped', () => {
  const { d } = chain(ALL, ALL);
  assert.deepEqual(d.headers().take(), ['> headers']);
  assert.deepEqual(d.data('a').take(), ['> a']);
  assert.deepEqual(d.responseHeaders().take(), ['< 200']);
  assert.deepEqual(d.responseData('x').take(), ['< x']);
  assert.deepEqual(d.data('b', true).take(), ['> b end']);
  assert.deepEqual(d.responseData('', true).take(), ['<  end']);
});

test('end_of_stream reaches every filter', () => {
  const { calls, d } = chain(ALL, ALL);
  d.headers(true).responseHeaders(204, [], true);
  assert.deepEqual(calls, [
    ...['a request headers end', 'b request headers end'],
    ...['b response headers end', 'a response headers end'],
  ]);
  assert.deepEqual(d.events, ['> headers end', '< 204 end']);
});

test('callbacks that a filter does not have are skipped', () => {
  const { calls, d } = chain(
    { requestHeaders: () => 0 },
    { responseBody: () => 0 },
    { requestTrailers: () => 0 },
  );
  d.headers().data('x').trailers().responseHeaders().responseData('y', true);
  assert.deepEqual(calls, ['a request headers', 'c request trailers', 'b response y end']);
  assert.deepEqual(d.events, ['> headers', '> x', '> trailers', '< 200', '< y end']);
});

test('a chain knows beforehand what none of its filters does', () => {
  const facts = ({ chain: c }: ReturnType<typeof chain>) => [
    c.empty,
    c.requestBody,
    c.responseBody,
    c.response,
  ];
  assert.deepEqual(facts(chain()), [true, false, false, false]);
  assert.deepEqual(facts(chain({ requestHeaders: () => 0 })), [false, false, false, false]);
  assert.deepEqual(facts(chain({ requestTrailers: () => 0 })), [false, true, false, false]);
  assert.deepEqual(facts(chain({ responseHeaders: () => 0 })), [false, false, false, true]);
  assert.deepEqual(facts(chain({}, { responseTrailers: () => 0 })), [false, false, true, true]);
  assert.deepEqual(chain(ALL, {}).chain.filters, ['a', 'b']);
});

test('only a filter that looks at a body can change it', () => {
  const calls: string[] = [];
  const of = (script: FilterScript, changesBodies: boolean) => {
    const c = new PluginChain([new FakePlugin('a', script, calls, { changesBodies })], new GuestLog());
    return [c.changesRequestBody, c.changesResponseBody];
  };
  assert.deepEqual(of({ requestBody: () => 0 }, true), [true, false]);
  assert.deepEqual(of({ responseBody: () => 0 }, true), [false, true]);
  assert.deepEqual(of({ requestBody: () => 0 }, false), [false, false]);
  assert.deepEqual(of({ requestHeaders: () => 0 }, true), [false, false]);
});

test('a filter that changed a body once is expected to do it again', () => {
  const { d, plugins, chain: c } = chain({ requestBody: x => x.stream.bodyChanged(x, 0) }, {});
  assert.equal(d.stream.requestBodyChanged, false);
  d.headers().data('x', true);
  assert.deepEqual([d.stream.requestBodyChanged, d.stream.responseBodyChanged], [true, false]);
  assert.deepEqual(
    plugins.map(p => p.seenChanging),
    [
      [true, false],
      [false, false],
    ],
  );
  assert.equal(new Drive(c).stream.requestBodyChanged, true);
});

test('a filter sees what those before it made of a body, and may take it all away', () => {
  const { calls, d } = chain(
    { requestBody: (_c, body) => body.splice(0, 1, Buffer.from('XY')) },
    { requestBody: (_c, body, end) => (end ? 0 : body.splice(0, 99, Buffer.alloc(0))) },
    { requestBody: () => 0 },
  );
  d.headers().data('abc').data('', true);
  assert.deepEqual(calls, [
    'a request abc',
    'b request XYbc',
    'a request  end',
    'b request XY end',
    'c request XY end',
  ]);
  assert.deepEqual(d.events, ['> headers', '> XY end']);
});

test('contexts exist only for filters that were reached, and each is finished once', () => {
  const { d, plugins } = chain({ requestHeaders: () => 1 }, ALL);
  d.headers();
  assert.deepEqual(
    plugins.map(p => p.contexts.length),
    [1, 0],
  );
  d.finish().finish();
  assert.equal(plugins[0]!.context.finished, 1);
});

test('a stream that nothing reached is finished without a callback', () => {
  const { calls, d } = chain(ALL);
  d.finish();
  assert.deepEqual(calls, []);
});

test('nothing happens after the end', () => {
  const { calls, d } = chain(ALL);
  d.headers().finish();
  d.take();
  calls.length = 0;
  d.headers().data('x').trailers().responseHeaders().responseData('x').responseTrailers();
  assert.deepEqual([d.events, calls], [[], []]);
});

test('an exchange may end inside anything that it is sent', () => {
  for (const at of ['> headers', '> x', '> trailers', '< 200', '< y', '< trailers']) {
    const { d, plugins } = chain(ALL, ALL);
    d.exchange.on = event => {
      if (event === at) d.finish();
    };
    d.headers().data('x').trailers().responseHeaders().responseData('y').responseTrailers();
    assert.equal(d.events.at(-1), at);
    assert.deepEqual(
      plugins.map(p => p.context.finished),
      [1, 1],
    );
  }
});
