import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PluginChain } from '../../src/chain/chain.ts';
import { settle } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';
import { FakePlugin, type FilterScript } from '../support/guest-filter.ts';
import { GuestLog } from '../support/guest-log.ts';

const CONTINUE = 0;
const BUFFER = 1;
const WATERMARK = 2;
const NO_BUFFER = 3;

function chain(...scripts: FilterScript[]) {
  const calls: string[] = [];
  const plugins = scripts.map((s, i) => new FakePlugin('abc'[i]!, s, calls));
  return { calls, plugins, d: new Drive(new PluginChain(plugins, new GuestLog())) };
}

/** The same in both directions: in the response direction the script's request callbacks become response ones. */
const DIRECTIONS = [
  {
    name: 'request',
    direction: 0 as const,
    mark: '>',
    build: chain,
    begin: (d: Drive) => void d.headers().take(),
    send: (d: Drive, text: string, end = false) => d.data(text, end),
    trailers: (d: Drive) => d.trailers(),
    refused: 'fail 413',
  },
  {
    name: 'response',
    direction: 1 as const,
    mark: '<',
    build: (...scripts: FilterScript[]) =>
      chain(
        ...scripts
          .map(
            (s): FilterScript => ({
              ...(s.requestHeaders && { responseHeaders: s.requestHeaders }),
              ...(s.requestBody && { responseBody: s.requestBody }),
              ...(s.requestTrailers && { responseTrailers: s.requestTrailers }),
            }),
          )
          .reverse(),
      ),
    begin: (d: Drive) => void d.headers(true).responseHeaders().take(),
    send: (d: Drive, text: string, end = false) => d.responseData(text, end),
    trailers: (d: Drive) => d.responseTrailers(),
    refused: 'fail 500',
  },
];

for (const { name, direction, mark, build, begin, send, trailers, refused } of DIRECTIONS) {
  test(`a ${name} body that is paused is collected, and passes on whole with Continue`, () => {
    const { d, calls } = build({ requestBody: (_c, _b, end) => (end ? CONTINUE : BUFFER) });
    begin(d);
    send(d, 'a');
    send(d, 'b');
    assert.deepEqual(d.take(), []);
    send(d, 'c', true);
    assert.deepEqual(d.take(), [`${mark} abc end`]);
    assert.deepEqual(calls, [`a ${name} a`, `a ${name} ab`, `a ${name} abc end`]);
  });

  test(`a ${name} body that is paused passes on when it is resumed, and collecting starts anew`, async () => {
    const { d, calls, plugins } = build({ requestBody: () => BUFFER });
    begin(d);
    send(d, 'ab');
    const context = plugins[0]!.context;
    context.continue(direction);
    assert.deepEqual(d.take(), []);
    await settle();
    assert.deepEqual(d.take(), [`${mark} ab`]);
    assert.equal(context.resumed, 1);
    send(d, 'c', true);
    context.continue(direction);
    await settle();
    assert.deepEqual(d.take(), [`${mark} c end`]);
    assert.deepEqual(calls, [`a ${name} ab`, `a ${name} c end`]);
  });

  test(`a ${name} body that is paused at its end sends that end even when it is empty`, async () => {
    const { d, plugins } = build({
      requestBody: (_c, body) => {
        body.splice(0, 9, Buffer.alloc(0));
        return BUFFER;
      },
    });
    begin(d);
    send(d, 'x', true);
    plugins[0]!.context.continue(direction);
    await settle();
    assert.deepEqual(d.take(), [`${mark}  end`]);
  });

  test(`each filter collects a ${name} body by itself`, () => {
    const collect: FilterScript = { requestBody: (_c, _b, end) => (end ? CONTINUE : BUFFER) };
    const { d, calls } = build(collect, { requestBody: () => CONTINUE }, collect);
    begin(d);
    send(d, 'a');
    send(d, 'b', true);
    assert.deepEqual(d.take(), [`${mark} ab end`]);
    assert.deepEqual(
      calls.map(c => c.slice(1)),
      [` ${name} a`, ` ${name} ab end`, ` ${name} ab end`, ` ${name} ab end`],
    );
  });

  test(`a ${name} body over the limit is refused, exactly at the limit it is not`, () => {
    const { d, plugins } = build({ requestBody: () => BUFFER });
    plugins[0]!.bufferedBody = 3;
    begin(d);
    send(d, 'abc');
    assert.deepEqual(d.take(), []);
    send(d, 'd');
    assert.deepEqual(d.take(), [refused]);
    assert.match(d.exchange.failure!.details, /bufferedBody \(3 bytes\)/);
    assert.deepEqual(plugins[0]!.hits, ['bufferedBody']);
    send(d, 'e', true);
    assert.deepEqual(d.take(), []);
  });

  test(`at the watermark of a ${name} body the source is paused, and goes on when the filter does`, async () => {
    const { d, plugins } = build({ requestBody: () => WATERMARK });
    plugins[0]!.bufferedBody = 3;
    begin(d);
    send(d, 'abc');
    assert.deepEqual(d.take(), []);
    send(d, 'd');
    send(d, 'e');
    assert.deepEqual(d.take(), [`pause ${name}`]);
    plugins[0]!.context.continue(direction);
    await settle();
    assert.deepEqual(d.take(), [`${mark} abcde`, `unpause ${name}`]);
  });

  test(`a filter that makes what it holds of a ${name} smaller lets the source go on`, async () => {
    let drop = false;
    const { d, plugins } = build({
      requestBody: (_c, body) => {
        if (drop) body.splice(0, 99, Buffer.alloc(0));
        return WATERMARK;
      },
    });
    plugins[0]!.bufferedBody = 3;
    begin(d);
    send(d, 'abcd');
    drop = true;
    send(d, 'e');
    await settle();
    assert.deepEqual(d.take(), [`pause ${name}`, `unpause ${name}`]);
  });

  test(`two filters over their watermark pause the source of a ${name} once`, async () => {
    const { d, plugins } = build({ requestBody: () => WATERMARK }, { requestBody: () => WATERMARK });
    for (const p of plugins) p.bufferedBody = 1;
    const [first, second] = direction === 0 ? plugins : plugins.toReversed();
    begin(d);
    send(d, 'ab');
    first!.context.continue(direction);
    await settle();
    assert.deepEqual(d.take(), [`pause ${name}`], 'the second holds it now');
    send(d, 'cd');
    second!.context.continue(direction);
    await settle();
    assert.deepEqual(d.take(), [`${mark} ab`], 'the first holds more again');
    first!.context.continue(direction);
    await settle();
    second!.context.continue(direction);
    await settle();
    assert.deepEqual(d.take(), [`${mark} cd`, `unpause ${name}`]);
  });

  test(`NO_BUFFER drops a ${name} body, and its end is not lost`, async () => {
    const { d, calls, plugins } = build({ requestBody: () => NO_BUFFER });
    begin(d);
    send(d, 'a');
    send(d, 'b', true);
    assert.deepEqual(calls, [`a ${name} a`, `a ${name} b end`]);
    plugins[0]!.context.continue(direction);
    await settle();
    assert.deepEqual(d.take(), [`${mark}  end`]);
  });

  test(`continue inside the ${name} body callback that then pauses lets the body go on`, async () => {
    const { d } = build({
      requestBody: c => {
        c.continue(direction);
        return BUFFER;
      },
    });
    begin(d);
    send(d, 'a');
    await settle();
    assert.deepEqual(d.take(), [`${mark} a`]);
  });

  test(`trailers of a ${name} end the body for a filter that paused it and has no say in them`, () => {
    const { d, calls } = build({ requestBody: (_c, _b, end) => (end ? CONTINUE : BUFFER) });
    begin(d);
    send(d, 'ab');
    trailers(d);
    assert.deepEqual(d.take(), [`${mark} ab`, `${mark} trailers`]);
    assert.equal(calls.length, 2);
  });

  test(`trailers of a ${name} do not get past a filter that keeps its body paused`, async () => {
    const { d, plugins } = build({ requestBody: () => BUFFER });
    begin(d);
    send(d, 'ab');
    trailers(d);
    assert.deepEqual(d.take(), []);
    plugins[0]!.context.continue(direction);
    await settle();
    assert.deepEqual(d.take(), [`${mark} ab`, `${mark} trailers`]);
  });

  test(`trailers of a ${name} reach a filter that paused the body; Continue sends both, in order`, () => {
    const { d, calls } = build({ requestBody: () => BUFFER, requestTrailers: () => CONTINUE });
    begin(d);
    send(d, 'ab');
    trailers(d);
    assert.deepEqual(d.take(), [`${mark} ab`, `${mark} trailers`]);
    assert.deepEqual(calls, [`a ${name} ab`, `a ${name} trailers`]);
  });

  test(`paused trailers of a ${name} hold the body too, until they are resumed`, async () => {
    const { d, plugins } = build(
      { requestBody: () => BUFFER, requestTrailers: () => 1 },
      { requestBody: () => CONTINUE },
    );
    begin(d);
    send(d, 'ab');
    trailers(d);
    assert.deepEqual(d.take(), []);
    plugins.find(p => p.phases.requestTrailers || p.phases.responseTrailers)!.context.continue(direction);
    await settle();
    assert.deepEqual(d.take(), [`${mark} ab`, `${mark} trailers`]);
  });

  test(`trailers behind paused headers of a ${name} come to the filter once these go on`, async () => {
    const { d, calls, plugins } = build({
      requestHeaders: () => 4,
      requestBody: () => CONTINUE,
      requestTrailers: () => CONTINUE,
    });
    begin(d);
    send(d, 'ab');
    trailers(d);
    assert.deepEqual(d.take(), []);
    plugins[0]!.context.continue(direction);
    await settle();
    assert.deepEqual(d.take(), [direction === 0 ? '> headers' : '< 200', `${mark} ab`, `${mark} trailers`]);
    assert.deepEqual(calls.slice(-2), [`a ${name} ab`, `a ${name} trailers`]);
  });

  test(`trailers added with the last of a ${name} body end it, and reach the filters after`, async () => {
    for (const stop of [CONTINUE, BUFFER]) {
      const { d, calls, plugins } = build(
        {
          requestBody: (c, _b, end) => {
            if (!end) return CONTINUE;
            (direction === 0 ? c.stream.requestTrailers : c.stream.responseTrailers).add('x-added', '1');
            return stop;
          },
        },
        { requestBody: () => CONTINUE, requestTrailers: () => CONTINUE },
      );
      begin(d);
      send(d, 'a');
      send(d, 'b', true);
      if (stop === BUFFER) {
        plugins[direction === 0 ? 0 : 1]!.context.continue(direction);
        await settle();
      }
      assert.deepEqual(d.take(), [`${mark} a`, `${mark} b`, `${mark} trailers`]);
      const second = direction === 0 ? 'b' : 'a';
      assert.deepEqual(
        calls.filter(c => c.startsWith(second)),
        [`${second} ${name} a`, `${second} ${name} b`, `${second} ${name} trailers`],
      );
      const sent = direction === 0 ? d.exchange.requestTrailers : d.exchange.responseTrailers;
      assert.deepEqual(sent!.raw, ['x-added', '1']);
    }
  });

  test(`trailers do not resume ${name} headers that a filter stopped without looking at trailers`, async () => {
    const { d, plugins } = build({ requestHeaders: () => 1 });
    begin(d);
    send(d, 'ab');
    trailers(d);
    assert.deepEqual(d.take(), []);
    plugins[0]!.context.continue(direction);
    await settle();
    assert.deepEqual(d.take(), [direction === 0 ? '> headers' : '< 200', `${mark} ab`, `${mark} trailers`]);
  });
}
