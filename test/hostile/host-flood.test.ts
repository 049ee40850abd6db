import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSurvived, attack, deaths } from './harness.ts';
import { eachOf, startSwarm } from './host-support.ts';

type Counts = readonly [ok: number, bad: number, other: number];

interface Expected {
  readonly what: string;
  /** How many hostcalls answered OK, BAD_ARGUMENT, anything else; a function says what may be. */
  readonly counts: Counts | ((counts: Counts) => boolean);
  readonly limit?: string;
}

const near = (ok: number, all: number) => (counts: Counts) =>
  counts[0] <= ok && counts[0] > ok - 20 && counts[0] + counts[1] === all && counts[2] === 0;

/** By the letter of host-flood.wat. */
const FLOODS: Readonly<Record<string, Expected>> = {
  a: { what: 'ten thousand fields', counts: near(1000, 10_000), limit: 'headerCount' },
  b: { what: 'fields of 64 KiB', counts: [2, 8, 0], limit: 'headerBytes' },
  c: { what: 'fields of 190 kB', counts: [0, 10, 0], limit: 'headerBytes' },
  e: { what: 'large maps', counts: [2, 5, 0], limit: 'headerCount' },
  f: { what: 'maps that lie', counts: [0, 98, 0] },
  g: { what: 'bytes that no field may have', counts: [0, 272, 0] },
  h: { what: 'ten thousand properties', counts: [601, 9399, 0], limit: 'propertyBytes' },
  i: { what: 'one property, ten thousand times', counts: [10_000, 0, 0] },
  j: { what: 'ten thousand log lines', counts: [10_000, 0, 0], limit: 'logLines' },
  k: { what: 'newlines on stdout', counts: [20, 0, 0], limit: 'logLines' },
  l: { what: 'one line on stdout that never ends', counts: [500, 0, 0] },
  m: { what: 'more vectors than there are', counts: [1, 0, 5] },
  n: { what: 'random bytes for everything', counts: [50, 0, 5] },
  o: { what: 'a gigabyte that is not there', counts: [0, 0, 28] },
  q: { what: 'a body of 64 MiB', counts: [15, 985, 0], limit: 'bufferedBody' },
  r: { what: 'ten thousand trailers', counts: near(1000, 10_000), limit: 'headerCount' },
};
const letters = Object.keys(FLOODS);
const MESSAGE = { body: ['one,two'] };

function countsOf(body: string): Counts {
  const match = /^ok=(\d+) bad=(\d+) other=(\d+)$/.exec(body);
  assert.ok(match !== null, body);
  return [Number(match[1]), Number(match[2]), Number(match[3])];
}

test('floods: what fits is taken, the rest is refused, and counted', async t => {
  const swarm = await startSwarm(
    t,
    'host-flood',
    Object.fromEntries(letters.map(letter => [letter, { env: { K: letter }, limits: { callTime: '2s' } }])),
  );
  await eachOf(letters, 2, async letter => {
    const { what, counts } = FLOODS[letter]!;
    const { status, body } = await swarm.send(letter, MESSAGE);
    assert.equal(status, 299, what);
    const found = countsOf(body);
    if (typeof counts === 'function') assert.ok(counts(found), `${what}: ${body}`);
    else assert.deepEqual(found, counts, what);
  });
  const metrics = await swarm.survived();
  for (const letter of letters) {
    const { what, limit } = FLOODS[letter]!;
    assert.deepEqual(metrics.deaths(letter), {}, what);
    if (limit !== undefined) assert.ok(metrics.limitHits(letter, limit) > 0, `${what}: ${limit}`);
    // A test may take some seconds, and each has its thousand.
    assert.ok(swarm.logged(letter).length < 5100, what);
  }
  const longest = Math.max(...swarm.weir.log.lines.map(line => line.message.length));
  assert.ok(longest <= 33_000, `a log line has ${longest} characters`);
});

test('a field that is replaced counts once: it grows up to limits.headerBytes', async t => {
  const swarm = await startSwarm(t, 'host-flood', { d: { env: { K: 'd' }, limits: { callTime: '2s' } } });
  const { status, body } = await swarm.send('d', MESSAGE);
  const metrics = await swarm.survived();
  assert.equal(status, 299);
  assert.ok(metrics.limitHits('d', 'headerBytes') > 0);
  // 64 bytes longer each time: 2,048 values up to 128 KiB.
  assert.ok(near(2048, 3000)(countsOf(body)), body);
});

test('fields added to a map that was replaced count with it', async t => {
  const swarm = await startSwarm(t, 'host-flood', { u: { env: { K: 'u' }, limits: { callTime: '2s' } } });
  const { status, body } = await swarm.send('u', MESSAGE);
  const metrics = await swarm.survived();
  assert.equal(status, 299);
  // The small field and the map of 120 kB; not 60 kB more.
  assert.deepEqual(countsOf(body), [2, 2, 0]);
  assert.equal(metrics.limitHits('u', 'headerBytes'), 2);
});

test('floods in the response: the client gets what fits, and all of it', async t => {
  const filter = (K: string) => ({ env: { K }, limits: { callTime: '2s' } });
  const swarm = await startSwarm(t, 'host-flood', { s: filter('s'), t: filter('t') });
  const fields = await swarm.send('s', MESSAGE);
  assert.deepEqual([fields.status, fields.body], [200, 'one,two']);
  const count = Object.keys(fields.headers).filter(name => /^x-\d{7}$/.test(name)).length;
  assert.ok(count > 980 && count <= 1000, String(count));
  const bomb = await swarm.send('t', MESSAGE);
  assert.equal(bomb.status, 200);
  assert.equal(bomb.body.length, 'one,two'.length + 15 * 65_536);
  const metrics = await swarm.survived();
  assert.ok(metrics.limitHits('s', 'headerCount') > 8000);
  assert.equal(metrics.limitHits('t', 'bufferedBody'), 985);
});

for (const letter of ['a', 'd', 'j', 'q']) {
  const what = letter === 'd' ? 'a field that grows' : FLOODS[letter]!.what;
  test(`with limits as they are by default, others don't notice ${what}`, async t => {
    const outcome = await attack(t, {
      guest: 'host-flood',
      filter: { env: { K: letter } },
      requests: 10,
      request: { method: 'POST', body: 'body' },
    });
    assertSurvived(outcome);
    assert.ok(outcome.statuses.every(status => status === 299 || status === 503));
    const { interruption: _, ...others } = deaths(outcome);
    assert.deepEqual(others, {});
  });
}

test('1.5 GiB of real memory given to every hostcall: refused, fast, and without a fault', async t => {
  const outcome = await attack(t, {
    guest: 'host-flood',
    filter: { env: { K: 'p' }, limits: { memory: '2GiB', callTime: '500ms' } },
    requests: 2,
  });
  assertSurvived(outcome, { deadline: 500 });
  assert.deepEqual(deaths(outcome), {});
  assert.deepEqual(outcome.statuses, [299, 299]);
});
