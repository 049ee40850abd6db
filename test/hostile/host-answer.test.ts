import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eachOf, startSwarm } from './host-support.ts';

/** Closes (c C), answers (a 418, b 429), lets go (r R) and stops (=1), in all orders that matter. */
const SEQUENCES = [
  'c',
  'C',
  'a',
  'cc',
  'cC',
  'aa',
  'ab',
  'ac',
  'ca',
  'aC',
  'Ca',
  'ra',
  'ar',
  'rc',
  'cr',
  'a=1',
  'c=1',
  'ac=1',
  'ra=1',
  'rcaRCb',
] as const;

const MESSAGE = { body: ['one,', 'two'], trailers: { 'x-last': 'yes' } };

type Fate = 'local' | 'reset' | 'whole';

/** What the client gets: closing wins over answering, both win over an action; and late is late. */
function fateOf(callback: string, sequence: string): Fate {
  if ('jkl'.includes(callback)) return 'whole';
  if ('hi'.includes(callback)) return 'reset';
  return /c/i.test(sequence) ? 'reset' : 'local';
}

for (const upstream of ['whole', 'streaming'] as const) {
  test(`close and answer in every callback, twice, both, in both orders: upstream answers ${upstream}`, async t => {
    const streaming = upstream === 'streaming';
    const cases = [...'adefghijkl'].flatMap(callback =>
      SEQUENCES.filter(s => !('jkl'.includes(callback) && s.endsWith('=1'))).map(
        sequence => [callback, sequence] as const,
      ),
    );
    const nameOf = (c: (typeof cases)[number]) => `${c[0]}${cases.indexOf(c)}`;
    const swarm = await startSwarm(
      t,
      'host-script',
      Object.fromEntries(
        cases.map(c => [nameOf(c), { env: { P: `${c[0]}${c[1]}` }, limits: { memory: '1MiB' } }]),
      ),
      { streaming },
    );
    await eachOf(cases, 8, async c => {
      const [callback, sequence] = c;
      const what = `${callback}: ${sequence}`;
      const { status, body } = await swarm.send(nameOf(c), MESSAGE);
      const fate = fateOf(callback, sequence);
      // The head may be out when the request's body comes.
      if (streaming && 'ef'.includes(callback) && status === 'reset') return;
      if (fate === 'reset') assert.equal(status, 'reset', what);
      else if (fate === 'local') assert.deepEqual([status, body], [418, 'teapot'], what);
      else assert.deepEqual([status, body], [200, 'one,two'], what);
    });
    const metrics = await swarm.survived();
    for (const c of cases) assert.deepEqual(metrics.deaths(nameOf(c)), {}, nameOf(c));
  });
}

test('roots can neither close nor answer, in any of their callbacks', async t => {
  const ops = 'arRcCb';
  const letters = ['A', 'b', 'c'];
  const swarm = await startSwarm(t, 'host-script', {
    root: { env: { P: letters.map(letter => letter + ops).join(';') } },
  });
  // a=2: BAD_ARGUMENT.
  const expected = letters.flatMap(letter => [...ops].map(op => `${letter}:${op} =2`));
  assert.deepEqual(swarm.logged('root'), expected);
  assert.equal((await swarm.send('root', MESSAGE)).status, 200);
  await swarm.survived();
});

test('a stream that is over: every hostcall, in done, log and delete, harms nobody', async t => {
  const all = 'g0g1g2g3h0h1h2h3w0w1y0y1y6pParRcCbdEZBs';
  const swarm = await startSwarm(
    t,
    'host-script',
    {
      late: { env: { P: `j${all};k${all};l${all}` } },
      // What was remembered of a stream is used in the callbacks of the next one, and of itself.
      remembered: { env: { P: `gm1;je1${all};ke1${all};le1m0${all};de0${all.replace(/[abcC]/g, '')}` } },
    },
    { streaming: true },
  );
  for (const name of ['late', 'remembered']) {
    for (let i = 0; i < 5; i++) {
      const { status, body } = await swarm.send(name, MESSAGE);
      assert.deepEqual([status, body], [200, 'one,two'], name);
    }
  }
  const metrics = await swarm.survived();
  for (const name of ['late', 'remembered']) assert.deepEqual(metrics.deaths(name), {});
  // Statuses are known ones.
  const statuses = new Set(swarm.logged('late').map(line => line.charCodeAt(5) - 48));
  assert.deepEqual(
    [...statuses].sort((a, b) => a - b),
    [0, 1, 2],
  );
});
