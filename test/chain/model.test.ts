import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PluginChain } from '../../src/chain/chain.ts';
import { REQUEST, RESPONSE } from '../../src/plugin/types.ts';
import { settle } from '../support/guest.ts';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';
import { type FakeContext, FakePlugin, type FilterScript } from '../support/guest-filter.ts';
import { GuestLog } from '../support/guest-log.ts';

/**
 * Filters that stop and go at random, but change nothing: whatever they do, each direction must deliver its headers
 * once, then every byte once and in order, then exactly one end.
 */
interface Behaviour {
  /** Actions of successive callbacks; CONTINUE once used up. */
  readonly headers: readonly number[];
  readonly body: readonly number[];
  readonly trailers: readonly number[];
  /** Callbacks in which it calls continue_stream itself, before it returns. */
  readonly eager: readonly boolean[];
  readonly exports: { headers: boolean; body: boolean; trailers: boolean };
}

type Message = { chunks: string[]; end: 'headers' | 'data' | 'empty' | 'trailers' };

const behaviour: fc.Arbitrary<Behaviour> = fc.record({
  headers: fc.array(fc.constantFrom(0, 1, 2, 3, 4), { maxLength: 2 }),
  body: fc.array(fc.constantFrom(0, 1, 2), { maxLength: 5 }),
  trailers: fc.array(fc.constantFrom(0, 1), { maxLength: 1 }),
  eager: fc.array(fc.boolean(), { maxLength: 4 }),
  exports: fc.record({ headers: fc.boolean(), body: fc.boolean(), trailers: fc.boolean() }),
});
const message: fc.Arbitrary<Message> = fc.record({
  chunks: fc.array(fc.stringMatching(/^[a-d]{1,3}$/), { maxLength: 5 }),
  end: fc.constantFrom('headers', 'data', 'empty', 'trailers'),
});
/** Between events: nothing, microtasks, or a filter that continues from outside. */
const pause = fc.constantFrom('none', 'settle', 'continue');

function scriptOf(b: Behaviour, direction: 0 | 1): FilterScript {
  const queues = {
    headers: [...b.headers],
    body: [...b.body],
    trailers: [...b.trailers],
    eager: [...b.eager],
  };
  const act = (c: FakeContext, kind: 'headers' | 'body' | 'trailers') => {
    if (queues.eager.shift() === true) c.continue(direction);
    return queues[kind].shift() ?? 0;
  };
  const script: FilterScript = {};
  if (b.exports.headers)
    script[direction === REQUEST ? 'requestHeaders' : 'responseHeaders'] = c => act(c, 'headers');
  if (b.exports.body) script[direction === REQUEST ? 'requestBody' : 'responseBody'] = c => act(c, 'body');
  if (b.exports.trailers)
    script[direction === REQUEST ? 'requestTrailers' : 'responseTrailers'] = c => act(c, 'trailers');
  return script;
}

/** The events of one direction must be these, but for where chunks are cut. */
function assertDelivered(events: readonly string[], mark: string, m: Message): void {
  const mine = events.filter(e => e.startsWith(`${mark} `)).map(e => e.slice(2));
  const [head, ...rest] = mine;
  const text = m.end === 'headers' ? '' : m.chunks.join('');
  assert.equal(head, `${mark === '>' ? 'headers' : '200'}${m.end === 'headers' ? ' end' : ''}`);
  if (m.end === 'headers') {
    assert.deepEqual(rest, []);
    return;
  }
  const ends = rest.filter(e => e === 'trailers' || e.endsWith(' end'));
  assert.equal(ends.length, 1, 'one end');
  assert.equal(rest.at(-1), ends[0], 'at the end');
  assert.equal(ends[0] === 'trailers', m.end === 'trailers');
  assert.equal(
    rest
      .filter(e => e !== 'trailers')
      .map(e => e.replace(/ ?end$/, ''))
      .join(''),
    text,
  );
}

async function run(
  behaviours: readonly Behaviour[],
  m: Message,
  direction: 0 | 1,
  limit: number,
  pauses: readonly string[],
  burst: boolean,
): Promise<void> {
  const plugins = behaviours.map((b, i) => {
    const plugin = new FakePlugin(`f${i}`, scriptOf(b, direction));
    plugin.bufferedBody = limit;
    return plugin;
  });
  const exchange = new FakeExchange();
  const d = new Drive(new PluginChain(plugins, new GuestLog()), exchange);
  const contexts = () => plugins.flatMap(p => p.contexts);
  const request = direction === REQUEST;
  const queue: (() => void)[] = [];
  const send = (text: string, end: boolean) =>
    queue.push(() => (request ? d.data(text, end) : d.responseData(text, end)));
  if (m.end !== 'headers') {
    for (const [i, c] of m.chunks.entries()) send(c, m.end === 'data' && i === m.chunks.length - 1);
    if (m.end === 'empty' || (m.end === 'data' && m.chunks.length === 0)) send('', true);
    if (m.end === 'trailers') queue.push(() => (request ? d.trailers() : d.responseTrailers()));
  }
  // A source that has more at hand delivers it the moment it may.
  let paused = false;
  exchange.on = event => {
    if (event.startsWith('pause')) paused = true;
    if (event.startsWith('unpause')) {
      paused = false;
      if (burst) queue.shift()?.();
    }
  };
  if (request) d.headers(m.end === 'headers');
  else d.headers(true).responseHeaders(200, [], m.end === 'headers');
  const steps = [...pauses];
  for (let turn = 0; queue.length > 0; turn++) {
    const step = steps.shift() ?? 'settle';
    if (step !== 'none') await settle();
    if (step === 'continue' || paused) {
      for (const c of contexts()) c.continue(direction);
      await settle();
    }
    if (!paused) queue.shift()?.();
    assert.ok(turn < 100, 'the source stays paused');
  }
  for (let i = 0; i < 12; i++) {
    await settle();
    for (const c of contexts()) c.continue(direction);
  }
  await settle();
  assert.equal(exchange.failure, undefined);
  assertDelivered(d.events, request ? '>' : '<', m);
  d.finish();
  assert.ok(contexts().every(c => c.finished === 1));
}

for (const direction of [REQUEST, RESPONSE] as const) {
  const name = direction === REQUEST ? 'request' : 'response';
  test(`no byte of a ${name} is lost, doubled or out of order, whatever filters stop`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(behaviour, { minLength: 1, maxLength: 3 }),
        message,
        fc.array(pause, { maxLength: 6 }),
        (behaviours, m, pauses) => run(behaviours, m, direction, 1000, pauses, false),
      ),
      { numRuns: 600 },
    );
  });

  test(`nor when limits pause the source of a ${name}, and it answers at once`, async () => {
    const watermark = behaviour.map(b => ({
      ...b,
      headers: b.headers.map(a => (a === 3 ? 4 : a)),
      body: b.body.map(a => (a === 1 ? 2 : a)),
    }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(watermark, { minLength: 1, maxLength: 3 }),
        message,
        fc.array(pause, { maxLength: 6 }),
        fc.nat(4),
        (behaviours, m, pauses, limit) => run(behaviours, m, direction, limit, pauses, true),
      ),
      { numRuns: 600 },
    );
  });
}
