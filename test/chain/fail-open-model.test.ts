import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PluginChain } from '../../src/chain/chain.ts';
import type { BodyBuffer } from '../../src/message/body.ts';
import { settle } from '../support/guest.ts';
import { changer, rewrite, text, trap, watch } from '../support/guest-death.ts';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';
import { type FakeContext, FakePlugin, type FilterScript } from '../support/guest-filter.ts';
import { GuestLog } from '../support/guest-log.ts';

/**
 * A filter with onFailure: open that does all it may and dies somewhere, among others that change and stop. Both ends
 * must see what they see without it, unless something that it changed had left it; then the stream must fail, or what
 * left must have been the whole message. Spies on both sides of the filter know what came and what left.
 */
const PHASES = [
  'requestHeaders',
  'requestBody',
  'requestTrailers',
  'responseHeaders',
  'responseBody',
  'responseTrailers',
] as const;
type Phase = (typeof PHASES)[number];

const move = fc.record({
  action: fc.constantFrom(0, 0, 0, 1, 2, 3, 4),
  headers: fc.boolean(),
  body: fc.constantFrom('keep', 'keep', 'keep', 'same', 'change', 'cut', 'grow'),
  trailers: fc.boolean(),
  resume: fc.constantFrom(-1, -1, -1, 0, 1),
});
type Move = typeof move extends fc.Arbitrary<infer T> ? T : never;

const dying = fc.record({
  exports: fc.subarray([...PHASES], { minLength: 1 }),
  moves: fc.array(move, { minLength: 1, maxLength: 6 }),
  /** The callback it dies in; 0: while it is opened. Otherwise a step may kill its VM from elsewhere. */
  dies: fc.nat(9),
  limit: fc.constantFrom(3, 1000),
});
const other = fc.oneof(
  fc.constant('changes'),
  fc.record({
    exports: fc.subarray([...PHASES]),
    actions: fc.array(fc.constantFrom(0, 0, 1, 2, 4), { maxLength: 6 }),
  }),
);
const scenario = fc.record({
  before: other,
  dying,
  after: other,
  requestChunks: fc.array(fc.stringMatching(/^[a-d]{1,3}$/), { minLength: 1, maxLength: 4 }),
  responseChunks: fc.array(fc.stringMatching(/^[e-h]{1,3}$/), { minLength: 1, maxLength: 4 }),
  requestEnd: fc.constantFrom('headers', 'data', 'empty', 'trailers'),
  responseEnd: fc.constantFrom('headers', 'data', 'empty', 'trailers'),
  steps: fc.array(fc.constantFrom('request', 'request', 'response', 'settle', 'continue', 'die'), {
    maxLength: 20,
  }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** What passes one side of the filter. */
class Spy {
  readonly headers = [false, false];
  readonly bodies = ['', ''];
  readonly ended = [false, false];

  get script(): FilterScript {
    const headers = (direction: 0 | 1) => (_c: FakeContext, end: boolean) => {
      this.headers[direction] = true;
      this.ended[direction] = end;
    };
    const body = (direction: 0 | 1) => (_c: FakeContext, b: BodyBuffer, end: boolean) => {
      this.bodies[direction] += text(b);
      this.ended[direction] = end;
    };
    const trailers = (direction: 0 | 1) => () => {
      this.ended[direction] = true;
    };
    return {
      requestHeaders: headers(0),
      requestBody: body(0),
      requestTrailers: trailers(0),
      responseHeaders: headers(1),
      responseBody: body(1),
      responseTrailers: trailers(1),
    };
  }
}

function otherScript(o: Scenario['before'], mark: string): FilterScript {
  if (o === 'changes') return changer(mark);
  const actions = [...o.actions];
  return Object.fromEntries(o.exports.map(phase => [phase, () => actions.shift() ?? 0]));
}

/** What the filter did up to its death, by direction. */
interface Deeds {
  died: boolean;
  elsewhere: boolean;
  headers: [boolean, boolean];
  body: [boolean, boolean];
  called: number;
}

function dyingScript(s: Scenario['dying'], deeds: Deeds, onDeath: () => void): FilterScript {
  let calls = 0;
  const moves = [...s.moves];
  const act = (c: FakeContext, phase: Phase, body?: BodyBuffer, end?: boolean) => {
    if (deeds.elsewhere) trap(c);
    assert.ok(!deeds.died, 'called after its death');
    const m: Move | undefined = moves.shift();
    const direction = phase.startsWith('request') ? 0 : 1;
    const dies = ++calls === s.dies;
    if (dies) {
      onDeath();
      deeds.died = true;
    }
    if (m !== undefined) {
      if (m.headers && phase.endsWith('Headers')) spoilHeaders(c, direction, deeds);
      if (body !== undefined) spoilBody(c, direction, body, m, dies, deeds);
      const trailers = direction === 0 ? c.stream.requestTrailers : c.stream.responseTrailers;
      if (m.trailers && (phase.endsWith('Trailers') || end === true)) {
        trailers.add('t-spoilt', '1');
        if (!dies) deeds.headers[direction] = true;
      }
      if (m.resume >= 0) c.continue(m.resume as 0 | 1);
    }
    if (dies) {
      c.respond(403, 'spoilt');
      c.close();
      trap(c);
    }
    const action = m?.action ?? 0;
    if (action === 3 && phase.endsWith('Body') && body!.length > 0) deeds.body[direction] = true;
    // Without a limit of its own it would refuse.
    return s.limit === 3 && action === (phase.endsWith('Headers') ? 3 : 1)
      ? phase.endsWith('Headers')
        ? 4
        : 2
      : action;
  };
  const script: FilterScript = {};
  for (const phase of s.exports) {
    script[phase] = (c: FakeContext, b: unknown, end?: unknown) =>
      phase.endsWith('Body') ? act(c, phase, b as BodyBuffer, end as boolean) : act(c, phase);
  }
  if (s.dies === 0) {
    script.open = c => {
      onDeath();
      deeds.died = true;
      c.respond(403);
      trap(c);
    };
  }
  return script;
}

function spoilHeaders(c: FakeContext, direction: 0 | 1, deeds: Deeds): void {
  if (direction === 0) c.stream.requestHeaders.setPairs([':path', '/spoilt', 'x-spoilt', '1']);
  else c.stream.responseHeaders!.setPairs([':status', '404', 'x-spoilt', '1']);
  if (!deeds.died) deeds.headers[direction] = true;
}

function spoilBody(
  c: FakeContext,
  direction: 0 | 1,
  body: BodyBuffer,
  m: Move,
  dies: boolean,
  deeds: Deeds,
): void {
  const was = text(body);
  const to = { keep: was, same: was, change: 'X'.repeat(was.length), cut: '', grow: `${was}X` }[m.body];
  if (m.body !== 'keep') rewrite(c, direction, body, to);
  if (to !== was && !dies) deeds.body[direction] = true;
}

async function run(s: Scenario, without: boolean) {
  const [before, after] = [new Spy(), new Spy()];
  const deeds: Deeds = {
    died: false,
    elsewhere: false,
    headers: [false, false],
    body: [false, false],
    called: 0,
  };
  /** What had come to the filter and left it when it died, by direction. */
  let came = ['', ''];
  let left = ['', ''];
  let leftHeaders = [false, false];
  let leftAll = [false, false];
  const onDeath = () => {
    // The response comes from the other side.
    came = [before.bodies[0]!, after.bodies[1]!];
    left = [after.bodies[0]!, before.bodies[1]!];
    leftHeaders = [after.headers[0]!, before.headers[1]!];
    leftAll = [after.ended[0]!, before.ended[1]!];
  };
  const log = new GuestLog();
  const scripts = [
    otherScript(s.before, 'b'),
    before.script,
    dyingScript(s.dying, deeds, onDeath),
    after.script,
    otherScript(s.after, 'a'),
  ];
  const plugins = scripts.map((script, i) => new FakePlugin(`f${i}`, script));
  for (const p of plugins) p.bufferedBody = 1000;
  const victim = plugins[2]!;
  victim.failOpen = true;
  victim.bufferedBody = s.dying.limit;
  // When its VM ended elsewhere, it is skipped later, or never.
  victim.onSkip = onDeath;
  const exchange = new FakeExchange(['x-a', '1'], 'POST', '/');
  const queues = { request: messages(s, 'request'), response: messages(s, 'response') };
  const paused = { request: false, response: false };
  exchange.on = event => {
    const [, un, side] = /^(un)?pause (request|response)$/.exec(event) ?? [];
    if (side !== undefined) paused[side as 'request' | 'response'] = un === undefined;
  };
  const outcome = watch(exchange);
  const d = new Drive(new PluginChain(without ? plugins.toSpliced(2, 1) : plugins, log), exchange);
  const step = async (what: string) => {
    if (what === 'settle') await settle();
    else if (what === 'continue') {
      for (const c of plugins.flatMap(p => p.contexts)) {
        c.continue(0);
        c.continue(1);
      }
      await settle();
    } else if (what === 'die') {
      const context = victim.contexts.at(-1);
      if (context === undefined || deeds.died || without) return;
      onDeath();
      deeds.died = true;
      deeds.elsewhere = true;
      context.stream.died(context, 'its VM ended');
    } else if (what === 'request' || (what === 'response' && outcome.request !== undefined)) {
      if (!paused[what]) queues[what].shift()?.(d);
    }
  };
  for (const what of s.steps) await step(what);
  const rest = ['request', 'continue', 'response', 'continue'];
  for (let i = 0; i < 30 && queues.request.length + queues.response.length > 0 && !outcome.failed; i++) {
    for (const what of rest) await step(what);
  }
  for (let i = 0; i < 8; i++) await step('continue');
  d.finish();
  return { outcome, deeds, came, left, leftHeaders, leftAll, log, victim, d };
}

function messages(s: Scenario, side: 'request' | 'response'): ((d: Drive) => unknown)[] {
  const request = side === 'request';
  const end = request ? s.requestEnd : s.responseEnd;
  const chunks = request ? s.requestChunks : s.responseChunks;
  const data = (chunk: string, last: boolean) => (d: Drive) =>
    request ? d.data(chunk, last) : d.responseData(chunk, last);
  const head = (d: Drive) =>
    request ? d.headers(end === 'headers') : d.responseHeaders(200, ['x-r', '1'], end === 'headers');
  if (end === 'headers') return [head];
  const body = chunks.map((c, i) => data(c, end === 'data' && i === chunks.length - 1));
  if (end === 'empty') body.push(data('', true));
  if (end === 'trailers') body.push(d => (request ? d.trailers() : d.responseTrailers()));
  return [head, ...body];
}

test('whatever a filter with onFailure: open did when it died, the message is whole or the stream fails', async () => {
  const seen = { skipped: 0, failed: 0, compared: 0 };
  await fc.assert(
    fc.asyncProperty(scenario, async s => {
      const r = await run(s, false);
      const reference = await run(s, true);
      assert.equal(reference.outcome.failed, false, 'the model itself');
      if (!r.deeds.died) return;
      const { outcome, deeds, left, came, leftAll, leftHeaders, victim, log } = r;
      const corrupt = [0, 1].some(i => !leftAll[i] && !came[i]!.startsWith(left[i]!));
      if (outcome.failed) {
        seen.failed++;
        assert.ok(
          [0, 1].some(i => deeds.body[i] && !leftAll[i]),
          'it failed without need',
        );
        return;
      }
      // Its VM ended elsewhere, and it had no callback to come.
      if (victim.skips === 0) {
        assert.ok(deeds.elsewhere);
        return;
      }
      assert.ok(!corrupt, 'a message went on behind what it does not fit to');
      seen.skipped++;
      assert.equal(victim.skips, 1);
      assert.equal(log.texts.filter(t => t.startsWith('error')).length, deeds.elsewhere ? 0 : 1);
      assert.equal(log.texts.filter(t => t.startsWith('warn')).length, 1);
      for (const [i, side] of (['request', 'response'] as const).entries()) {
        const [mine, its] = [outcome[side], reference.outcome[side]];
        assert.equal(mine === undefined, its === undefined);
        if (deeds.body[i] && leftAll[i]) continue;
        assert.equal(mine?.body, its?.body, `${side} body`);
        if (deeds.headers[i] && leftHeaders[i]) continue;
        assert.deepEqual(mine, its, side);
        seen.compared++;
      }
    }),
    { numRuns: 1500 },
  );
  assert.ok(seen.skipped > 500 && seen.failed > 50 && seen.compared > 1000, JSON.stringify(seen));
});
