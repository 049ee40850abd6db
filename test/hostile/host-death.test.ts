import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EvilFilter, eachOf, startSwarm } from './host-support.ts';

/** Letters of host-script.wat. */
const CALLBACKS = {
  a: 'context_create',
  d: 'request_headers',
  e: 'request_body',
  f: 'request_trailers',
  g: 'response_headers',
  h: 'response_body',
  i: 'response_trailers',
  j: 'done',
  k: 'log',
  l: 'delete',
} as const;
type Letter = keyof typeof CALLBACKS;

/** How to die, and what that counts as. */
const WAYS = {
  u: 'trap',
  z: 'trap',
  o: 'trap',
  i: 'trap',
  I: 'trap',
  s: 'trap',
  t: 'trap',
  x: 'exit',
  X: 'exit',
  k: 'exit',
  l: 'interruption',
} as const;

const BODY = ['one,', 'two,', 'three'];
const MESSAGE = { body: BODY, trailers: { 'x-last': 'yes' } };

/** What the stream in which it dies may get when it can't be skipped. */
function fates(letter: Letter): readonly (number | 'reset')[] {
  switch (letter) {
    case 'a':
    case 'd':
    case 'g':
      return [503];
    case 'j':
    case 'k':
    case 'l':
      // The answer is out.
      return [200];
    default:
      // The answer may have begun, since the upstream answers while it is asked.
      return [503, 'reset'];
  }
}

const letters = Object.keys(CALLBACKS) as Letter[];
const ways = Object.keys(WAYS) as (keyof typeof WAYS)[];

for (const onFailure of ['reload', 'closed', 'open'] as const) {
  for (const isolation of ['shared', 'request'] as const) {
    test(`onFailure: ${onFailure}, isolation: ${isolation}: every death in every callback`, async t => {
      const cases = letters.flatMap(letter => ways.map(way => [letter, way] as const));
      const filters: Record<string, EvilFilter> = {};
      for (const [letter, way] of cases) {
        // A context that is made is nobody's yet: the second one of the VM dies, so that the first can wait.
        const from = letter === 'a' && isolation === 'shared' ? '>1' : '';
        filters[`${letter}${way}`] = {
          env: { P: `${letter}${from}!${way}` },
          onFailure,
          isolation,
          pool: 1,
          limits: { memory: '1MiB' },
        };
      }
      const swarm = await startSwarm(t, 'host-script', filters, { streaming: true });
      await eachOf(cases, 6, async ([letter, way]) => {
        const name = letter + way;
        const what = `${CALLBACKS[letter]} !${way}`;
        const waiting =
          isolation === 'shared' ? await swarm.hold(name, { path: '/!g7=1', ...MESSAGE }) : undefined;
        const evil = await swarm.send(name, MESSAGE);
        const whole = { status: 200, body: BODY.join(''), trailers: { 'x-end': 'of response' } };
        const { headers: _, ...got } = evil;
        if (onFailure === 'open') assert.deepEqual(got, whole, what);
        else assert.ok(fates(letter).includes(evil.status), `${what}: ${evil.status}`);
        if (evil.status === 200) assert.deepEqual(got, whole, what);
        if (waiting !== undefined) {
          const { headers: _, ...other } = await waiting.answer;
          if (onFailure === 'open') assert.deepEqual(other, whole, `${what}, the stream that waited`);
          else assert.equal(other.status, 503, `${what}, the stream that waited`);
          const next = await swarm.send(name, { path: '/!' });
          assert.equal(next.status, onFailure === 'closed' ? 503 : 200, `${what}, the next`);
        }
      });
      const metrics = await swarm.survived();
      for (const [letter, way] of cases) {
        const found = metrics.deaths(letter + way);
        assert.deepEqual(Object.keys(found), [WAYS[way]], `${letter}${way}: ${JSON.stringify(found)}`);
      }
    });
  }
}

test('onFailure: open between well-behaved filters, with http-proxy: they see what they would without it', async t => {
  const some = ['u', 'x', 'l'] as const;
  const cases = letters.flatMap(letter => some.map(way => `${letter}${way}`));
  const swarm = await startSwarm(
    t,
    'host-script',
    Object.fromEntries(
      cases.map(name => [
        name,
        {
          // What it did in callbacks that it came back from stays; what it did in the one it died in doesn't.
          env: { P: `${name[0]}h0h1h2h3w0w1!${name[1]}` },
          onFailure: 'open',
          limits: { memory: '1MiB' },
        } satisfies EvilFilter,
      ]),
    ),
    { streaming: true, transport: 'http-proxy', between: true },
  );
  await eachOf(cases, 6, async name => {
    for (let i = 0; i < 3; i++) {
      const { status, headers, body, trailers } = await swarm.send(name, MESSAGE);
      assert.deepEqual([status, body, trailers['x-end']], [200, BODY.join(''), 'of response'], name);
      assert.equal(headers['x-served-by'], 'weir', name);
      assert.ok(headers['x-frame-options'] !== undefined, name);
      assert.equal(headers['x-evil'], undefined, name);
      assert.equal(trailers['x-evil'], undefined, name);
    }
  });
  await swarm.survived();
});

test('filters that share a VM, each with a policy of its own: the death of one is the death of all', async t => {
  const vm = { vmId: 'shared', env: { P: '' }, limits: { memory: '1MiB' } } as const;
  const swarm = await startSwarm(t, 'host-script', {
    open: { ...vm, onFailure: 'open' },
    reload: { ...vm, onFailure: 'reload' },
    closed: { ...vm, onFailure: 'closed' },
  });
  const names = ['open', 'reload', 'closed'] as const;
  const waiting = await Promise.all(names.map(name => swarm.hold(name, { path: '/!g7=1', ...MESSAGE })));
  assert.equal((await swarm.send('reload', { path: '/!!u' })).status, 503);
  const statuses = await Promise.all(waiting.map(async ({ answer }) => (await answer).status));
  assert.deepEqual(statuses, [200, 503, 503]);
  const after = await Promise.all(names.map(async name => (await swarm.send(name, MESSAGE)).status));
  assert.deepEqual(after, [200, 200, 200], 'it was not in the hands of the one that stays down');
  assert.equal((await swarm.send('closed', { path: '/!!u' })).status, 503);
  const down = await Promise.all(names.map(async name => (await swarm.send(name, MESSAGE)).status));
  assert.deepEqual([down[0], down[2]], [200, 503]);
  await swarm.survived();
});
