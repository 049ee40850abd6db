import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RawClient } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { type EvilFilter, eachOf, startSwarm } from './host-support.ts';

/** Longer than anything else takes, on a machine that is busy. */
const PAUSE: EvilFilter = { limits: { pauseTime: '1500ms', memory: '1MiB' } };
/** A stream that remembers itself in slot 0, says that it waits, and does. */
const WAITING = '/!m0g7=1';

interface Scene {
  /** In callbacks of streams without ops in their path. */
  readonly program?: string;
  /** What another stream does meanwhile. */
  readonly path: string;
  /** What the stream that waits gets, and what the other gets. */
  readonly waiting: number | 'reset';
  readonly other: number | 'reset';
  /** Statuses of the other's hostcalls, as far as they matter. */
  readonly log?: readonly string[];
}

const SCENES: Readonly<Record<string, Scene>> = {
  'nobody resumes it': { path: '/!', waiting: 504, other: 200 },
  'it is resumed': { path: '/!e0r', waiting: 200, other: 200, log: ['d:e0=0', 'd:r =0'] },
  'it is resumed twice': { path: '/!e0rr', waiting: 200, other: 200 },
  'its other direction is resumed': { path: '/!e0R', waiting: 504, other: 200 },
  'it is resumed, closed and answered': { path: '/!e0rca', waiting: 'reset', other: 200 },
  'it is answered, then resumed': { path: '/!e0ar', waiting: 418, other: 200 },
  'it is resumed, then answered': { path: '/!e0ra', waiting: 418, other: 200 },
  'it is closed by another': { path: '/!e0c', waiting: 'reset', other: 200 },
  'it is answered by another, which answers itself': { path: '/!e0asb', waiting: 418, other: 429 },
  'it is answered by another, which closes itself': { path: '/!e0asc', waiting: 418, other: 'reset' },
  'the other closes itself, then resumes it': { path: '/!ce0r', waiting: 200, other: 'reset' },
  'the other stops for ever, and resumes it': { path: '/!e0r=1', waiting: 200, other: 504 },
  'the root tries to resume': { path: '/!Br', waiting: 504, other: 200, log: ['d:B =0', 'd:r =2'] },
  'the root tries to close and to answer': { path: '/!Bca', waiting: 504, other: 200 },
  'an unknown context': { path: '/!Er', waiting: 504, other: 200, log: ['d:E =2', 'd:r =0'] },
  'context 0': { path: '/!Zr', waiting: 504, other: 200, log: ['d:Z =2', 'd:r =0'] },
  'one that is not stopped is resumed': { path: '/!rRrR', waiting: 504, other: 200 },
  'one resumes itself, then stops': { path: '/!r=1', waiting: 504, other: 200 },
  'its map is read and written': { path: '/!e0g0h0r', waiting: 200, other: 200, log: ['d:g0=0', 'd:h0=0'] },
  'it is said to be done': { path: '/!e0d', waiting: 504, other: 200, log: ['d:d =1'] },
  'the VM dies in it': { path: '/!e0!u', waiting: 503, other: 503 },
  // Its answer passes its filters, which are dead.
  'the VM dies after it was answered': { path: '/!e0a!x', waiting: 503, other: 503 },
  'closed and used on, while it is deleted': {
    program: 'de0c;gf0rRca;hf0y0;jf0a;kf0c;lf0r',
    path: '/',
    waiting: 'reset',
    other: 200,
  },
  'answered and used on, while it is deleted': {
    program: 'de0a;gf0rRca;hf0w0;jf0a;kf0g0g2;lf0rcad',
    path: '/',
    waiting: 418,
    other: 200,
  },
  'resumed from done, log and delete': { program: 'jf0r;kf0r;lf0r', path: '/', waiting: 200, other: 200 },
  'closed from delete': { program: 'lf0c', path: '/', waiting: 'reset', other: 200 },
  'answered from log': { program: 'kf0a', path: '/', waiting: 418, other: 200 },
};

test('a stream that waits, and what others do to it', async t => {
  const scenes = Object.entries(SCENES);
  const swarm = await startSwarm(
    t,
    'host-script',
    Object.fromEntries(
      scenes.map(([, { program = '' }], i) => [
        `s${i}`,
        { ...PAUSE, env: { P: program }, vmId: `s${i}` } satisfies EvilFilter,
      ]),
    ),
  );
  await eachOf(scenes.entries(), scenes.length, async ([i, [what, scene]]) => {
    const name = `s${i}`;
    const { answer } = await swarm.hold(name, { path: WAITING, body: ['held'] });
    const from = swarm.logged(name).length;
    const other = await swarm.send(name, { path: scene.path, body: ['free'] });
    const log = swarm.logged(name).slice(from);
    const waiting = await answer;
    assert.deepEqual([waiting.status, other.status], [scene.waiting, scene.other], what);
    if (waiting.status === 200) assert.equal(waiting.body, 'held', what);
    if (other.status === 200) assert.equal(other.body, 'free', what);
    for (const line of scene.log ?? []) assert.ok(log.includes(line), `${what}: ${log.join()}`);
    assert.equal((await swarm.send(name, { path: '/!' })).status, 200, `${what}: afterwards`);
  });
  const metrics = await swarm.survived();
  for (const [i, [what, { waiting, other }]] of scenes.entries()) {
    const paused = Number(waiting === 504) + Number(other === 504);
    assert.equal(metrics.limitHits(`s${i}`, 'pauseTime'), paused, `${what}: limits.pauseTime`);
  }
});

test('never resumed, in every callback that can stop: 504, or a reset when the answer has begun', async t => {
  const letters = [...'defghi'];
  const swarm = await startSwarm(
    t,
    'host-script',
    Object.fromEntries(letters.map(letter => [letter, { ...PAUSE, env: { P: `${letter}=1` } }])),
  );
  await Promise.all(
    letters.map(async letter => {
      const { status, body } = await swarm.send(letter, {
        body: ['one,', 'two'],
        trailers: { 'x-last': '1' },
      });
      // A body that is buffered, not at its end, goes on when the trailers come: there is no hang.
      if (letter === 'e' || letter === 'h')
        assert.ok([200, 504, 'reset'].includes(status), `${letter}: ${status}`);
      else assert.ok([504, 'reset'].includes(status), `${letter}: ${status}`);
      if (status === 200) assert.equal(body, 'one,two', letter);
    }),
  );
  await swarm.survived();
});

test('ids of contexts that are gone are refused, and their numbers are not given to others', async t => {
  const swarm = await startSwarm(t, 'host-script', {
    dead: { env: { P: 'lm0' } },
    deleted: { env: { P: 'dm1;lm0;ae0cra' } },
  });
  await swarm.send('dead');
  for (let i = 0; i < 5; i++) {
    const { status } = await swarm.send('dead', { path: '/!e0rd' });
    assert.equal(status, 200);
    // In context_create the one before it, of which it knows since delete: it acts on itself, and is reset.
    const deleted = await swarm.send('deleted');
    assert.equal(deleted.status, 'reset');
  }
  const refused = (name: string, line: string) =>
    swarm.logged(name).filter(message => message.slice(0, 4) === line.slice(0, 4) && message !== line);
  assert.deepEqual(refused('dead', 'd:e0=2'), []);
  assert.deepEqual(refused('deleted', 'a:e0=2'), []);
  await swarm.survived();
});

test('contexts that never say proxy_done are bounded, and can be used no more', async t => {
  const limits = { contexts: 10 };
  const swarm = await startSwarm(t, 'host-script', {
    never: { env: { P: 'j=0' }, limits },
    // It resumes, closes and answers what is long over, then ends it twice.
    late: { env: { P: 'lm1;jm0=0' }, limits },
  });
  for (let i = 0; i < 40; i++) assert.equal((await swarm.send('never')).status, 200);
  const metrics = await swarm.metrics();
  assert.ok(metrics.of('never', 'contexts') <= 10, String(metrics.of('never', 'contexts')));
  assert.ok(metrics.limitHits('never', 'contexts') >= 30);
  assert.equal((await swarm.send('late')).status, 200);
  const { status } = await swarm.send('late', { path: '/!e0rRcaddg0' });
  assert.equal(status, 200);
  const log = swarm.logged('late');
  assert.deepEqual(
    log.filter(line => line.startsWith('d:d') || line.startsWith('d:e0')),
    ['d:e0=0', 'd:d =0', 'd:d =1'],
  );
  await swarm.survived({ contexts: true });
});

test('a client that goes away while its stream waits, which is then resumed, closed and answered', async t => {
  const swarm = await startSwarm(t, 'host-script', { gone: { ...PAUSE } });
  // The other may come first or last: then it does to itself what it meant to do to the one that is gone.
  const fates = { r: [200], c: [200, 'reset'], a: [200, 418], rca: [200, 'reset'], '!u': [503] } as const;
  for (const [ops, allowed] of Object.entries(fates)) {
    const client = await RawClient.open(swarm.weir.port);
    const from = swarm.logged('gone').length;
    client.send(`POST ${WAITING} HTTP/1.1\r\nhost: a\r\nx-case: gone\r\ncontent-length: 9\r\n\r\nhalf`);
    await until(() => swarm.logged('gone').slice(from).includes('d:g7=0'));
    const other = swarm.send('gone', { path: `/!e0${ops}` });
    client.close();
    const { status } = await other;
    assert.ok(
      allowed.some(one => one === status),
      `${ops}: ${status}`,
    );
    await sleep(5);
    assert.equal((await swarm.send('gone', { path: '/!e0r' })).status, 200, ops);
  }
  await swarm.survived();
});

test('actions that no callback has: a definite answer', async t => {
  const cases = [...'defghi'].flatMap(letter => [...'23456789'].map(action => `${letter}=${action}`));
  const nameOf = (program: string) => program.replace('=', '');
  const swarm = await startSwarm(
    t,
    'host-script',
    Object.fromEntries(
      cases.map(program => [nameOf(program), { env: { P: program }, limits: { pauseTime: '200ms' } }]),
    ),
    { streaming: true },
  );
  await eachOf(cases, 48, async program => {
    const { status } = await swarm.send(nameOf(program), {
      body: ['one,', 'two'],
      trailers: { 'x-last': '1' },
    });
    assert.ok([200, 413, 500, 504, 'reset'].includes(status), `${program}: ${status}`);
    // 2 is ContinueAndEndStream.
    if (/^[dg]=2$/.test(program)) assert.equal(status, 200, program);
  });
  await swarm.survived();
});

test('more streams that wait than a filter may have contexts: 503 for the others, nobody is forgotten', async t => {
  const limits = { contexts: 5, pauseTime: '1500ms' };
  const swarm = await startSwarm(t, 'host-script', {
    many: { limits },
    skipped: { limits, onFailure: 'open' },
  });
  for (const [name, others] of [
    ['many', 503],
    ['skipped', 200],
  ] as const) {
    const held = await Promise.all(
      Array.from({ length: 5 }, () => swarm.hold(name, { path: '/!g7=1', body: ['body'] })),
    );
    for (let i = 0; i < 5; i++) assert.equal((await swarm.send(name, { path: '/!' })).status, others, name);
    const statuses = await Promise.all(held.map(async ({ answer }) => (await answer).status));
    assert.deepEqual(statuses, [504, 504, 504, 504, 504], name);
    assert.equal((await swarm.send(name, { path: '/!' })).status, 200, name);
  }
  const metrics = await swarm.survived();
  for (const name of ['many', 'skipped']) {
    assert.equal(metrics.limitHits(name, 'contexts'), 5);
    assert.deepEqual(metrics.deaths(name), {});
  }
});
