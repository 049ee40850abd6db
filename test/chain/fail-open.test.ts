import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PluginChain } from '../../src/chain/chain.ts';
import { PluginError } from '../../src/errors.ts';
import { settle } from '../support/guest.ts';
import { changer, rewrite, text, trap, watch } from '../support/guest-death.ts';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';
import { type FakeContext, FakePlugin, type FilterScript } from '../support/guest-filter.ts';
import { GuestLog } from '../support/guest-log.ts';

/** Spoils whatever it can reach and then dies. */
function spoil(c: FakeContext): never {
  const { requestHeaders, responseHeaders, requestTrailers, responseTrailers } = c.stream;
  if (c.plugin.calls.at(-1)!.includes('request headers')) {
    requestHeaders.replace(':path', '/spoilt');
    requestHeaders.replace(':method', 'PUT');
    requestHeaders.add('x-spoilt', '1');
  }
  if (c.plugin.calls.at(-1)!.includes('response headers')) {
    responseHeaders!.replace(':status', '500');
    responseHeaders!.remove('content-type');
  }
  if (c.plugin.calls.at(-1)!.endsWith('request trailers')) requestTrailers.add('x-spoilt', '1');
  if (c.plugin.calls.at(-1)!.endsWith('response trailers')) responseTrailers.remove('x-trailer');
  c.respond(403, 'spoilt');
  c.close();
  c.continue(0);
  c.continue(1);
  return trap(c);
}

function spoilBody(
  c: FakeContext,
  direction: 0 | 1,
  end: boolean,
  text: string,
  body: Parameters<typeof rewrite>[2],
) {
  rewrite(c, direction, body, text);
  if (end) (direction === 0 ? c.stream.requestTrailers : c.stream.responseTrailers).add('x-spoilt', '1');
  return spoil(c);
}

const PASS: FilterScript = {
  requestHeaders: () => 0,
  requestBody: () => 0,
  requestTrailers: () => 0,
  responseHeaders: () => 0,
  responseBody: () => 0,
  responseTrailers: () => 0,
};

/** A filter that passes everything until it dies in that callback; bodies: in the nth call, or the one with the end. */
function dyingIn(phase: keyof FilterScript, nth: number | 'end' = 1): FilterScript {
  let calls = 0;
  if (phase === 'open') return { ...PASS, open: c => trap(c) };
  if (phase === 'requestBody' || phase === 'responseBody') {
    const direction = phase === 'requestBody' ? 0 : 1;
    return {
      ...PASS,
      [phase]: (c: FakeContext, body: Parameters<typeof rewrite>[2], end: boolean) =>
        (nth === 'end' ? end : ++calls === nth) ? spoilBody(c, direction, end, 'SPOILT', body) : 0,
    };
  }
  return { ...PASS, [phase]: (c: FakeContext) => spoil(c) };
}

/** Collects the whole body, then passes it in upper case: streams become buffered. */
const COLLECT: FilterScript = {
  requestBody: (c, body, end) => (end ? void rewrite(c, 0, body, text(body).toUpperCase()) : 1),
  responseBody: (c, body, end) => (end ? void rewrite(c, 1, body, text(body).toUpperCase()) : 1),
};
/** Stops every headers callback until it is resumed. */
const STOPPER: FilterScript = { requestHeaders: () => 4, responseHeaders: () => 1, requestBody: () => 0 };

const OTHERS: Readonly<Record<string, () => FilterScript>> = {
  'that passes': () => PASS,
  'that changes': () => changer('n'),
  'that collects': () => COLLECT,
  'that stops': () => STOPPER,
};

async function run(scripts: readonly FilterScript[], open: number, ends: 'trailers' | 'data', cut: number) {
  const log = new GuestLog();
  const plugins = scripts.map((s, i) => {
    const plugin = new FakePlugin(`f${i}`, s);
    plugin.failOpen = i === open;
    return plugin;
  });
  const exchange = new FakeExchange(['x-a', '1', 'X-B', '2'], 'POST', '/path');
  const outcome = watch(exchange);
  const d = new Drive(new PluginChain(plugins, log), exchange);
  const resume = async (direction: 0 | 1) => {
    for (let i = 0; i < 4; i++) {
      await settle();
      for (const c of plugins.flatMap(p => p.contexts)) c.continue(direction);
    }
    await settle();
  };
  const chunks = (body: string) => body.match(new RegExp(`.{1,${cut}}`, 'g'))!;
  d.headers();
  for (const [i, c] of chunks('request body').entries()) {
    d.data(c, ends === 'data' && (i + 1) * cut >= 'request body'.length);
    if (i === 0) await resume(0);
  }
  if (ends === 'trailers') d.trailers();
  await resume(0);
  d.responseHeaders(200, ['content-type', 'text/html']);
  for (const [i, c] of chunks('response body').entries()) {
    d.responseData(c, ends === 'data' && (i + 1) * cut >= 'response body'.length);
    if (i === 0) await resume(1);
  }
  if (ends === 'trailers') d.responseTrailers();
  await resume(1);
  d.finish();
  return { outcome, log, plugins };
}

const DEATHS: readonly [string, keyof FilterScript, (number | 'end')?][] = [
  ['while it is opened', 'open'],
  ['in request headers', 'requestHeaders'],
  ['in the first chunk of a request', 'requestBody', 1],
  ['in the second chunk of a request', 'requestBody', 2],
  ['at the end of a request', 'requestBody', 'end'],
  ['in request trailers', 'requestTrailers'],
  ['in response headers', 'responseHeaders'],
  ['in the first chunk of a response', 'responseBody', 1],
  ['in the second chunk of a response', 'responseBody', 2],
  ['at the end of a response', 'responseBody', 'end'],
  ['in response trailers', 'responseTrailers'],
];

for (const [what, phase, nth] of DEATHS) {
  describe(`a filter with onFailure: open that dies ${what}`, () => {
    for (const [other, make] of Object.entries(OTHERS)) {
      for (const place of [0, 1, 2]) {
        it(`as ${['first', 'middle', 'last'][place]} of others ${other}: as if it were not there`, async () => {
          const ends = phase.endsWith('Trailers')
            ? ['trailers']
            : nth === 'end'
              ? ['data']
              : ['data', 'trailers'];
          for (const end of ends as ('data' | 'trailers')[]) {
            for (const cut of [1, 5, 100]) {
              if (nth === 2 && cut === 100) continue;
              const others = [make(), changer('m')];
              const without = await run(others, -1, end, cut);
              const dying = dyingIn(phase, nth);
              const { outcome, log, plugins } = await run(
                [make(), changer('m')].toSpliced(place, 0, dying),
                place,
                end,
                cut,
              );
              assert.deepEqual(outcome, without.outcome, `${end} ${cut}`);
              assert.equal(outcome.failed, false);
              assert.equal(plugins[place]!.skips, 1);
              assert.deepEqual(log.texts, [
                'error callback: trap: unreachable',
                `warn filter f${place} skipped: callback: trap: unreachable`,
              ]);
              const opened = plugins.filter(p => p.script.open === undefined);
              assert.ok(opened.every(p => p.contexts.every(c => c.finished === 1)));
            }
          }
        });
      }
    }
  });
}

describe('a plugin with onFailure: open whose VM can not be started now', () => {
  it('is skipped, and only warned of', async () => {
    const down: FilterScript = {
      ...PASS,
      open: () => {
        throw new PluginError('PLUGIN_START_FAILED', 'a new one starts shortly');
      },
    };
    const without = await run([changer('a')], -1, 'trailers', 3);
    const { outcome, log } = await run([down, changer('a')], 0, 'trailers', 3);
    assert.deepEqual(outcome, without.outcome);
    assert.deepEqual(log.texts, ['warn filter f0 skipped: a new one starts shortly']);
  });
});

describe('the other policies', () => {
  it('closed: a death fails the stream, as ever', async () => {
    for (const [, phase, nth] of DEATHS) {
      const { outcome, log, plugins } = await run(
        [PASS, dyingIn(phase, nth), PASS],
        -1,
        nth === 'end' ? 'data' : 'trailers',
        3,
      );
      assert.equal(outcome.failed, true, phase);
      assert.deepEqual(log.texts, ['error callback: trap: unreachable']);
      assert.equal(plugins[1]!.skips, 0);
    }
  });
});
