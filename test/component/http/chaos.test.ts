import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FakePlugin } from '../../support/guest-filter.ts';
import { get, RawClient } from '../../support/raw-client.ts';
import { FakeTaker } from '../../support/taker.ts';
import { until } from '../../support/wait.ts';
import { rig } from './support.ts';

/** A small generator: each seed is a test that can be run again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
}

const PATHS = [
  '/echo',
  '/forward',
  '/count',
  '/errors',
  '/early',
  '/replace',
  '/trailers',
  '/zeros/3',
  '/drip/2',
  '/twice',
  '/text/x',
  '/half',
  '/halftrap',
  '/trap',
  '/silent',
  '/status/204',
  '/sizes/10-20',
];

/** Answers, breaks off, or is slow: as the seed says. */
async function moodyUpstream(next: (below: number) => number) {
  const server = createServer((req, res) => {
    req.resume();
    switch (next(6)) {
      case 0:
        req.socket.destroy();
        return;
      case 1:
        res.writeHead(200, { 'content-length': 100 });
        res.write('half');
        setTimeout(() => req.socket.destroy(), 5);
        return;
      case 2:
        setTimeout(() => res.end('late'), next(30));
        return;
      case 3:
        res.end(Buffer.alloc(200_000));
        return;
      default:
        res.end('ok');
    }
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const ALL = {
  requestHeaders: () => 0,
  requestBody: () => 0,
  responseHeaders: () => 0,
  responseBody: () => 0,
};

for (const seed of [1, 2, 3]) {
  it(`whatever clients, upstream and handler do, nothing is left, and it serves on (seed ${seed})`, async t => {
    const next = random(seed);
    const upstream = await moodyUpstream(next);
    t.after(() => {
      upstream.closeAllConnections();
      upstream.close();
    });
    const before = new FakePlugin('before', ALL);
    const behind = new FakePlugin('behind', ALL);
    before.bufferedBody = 1e6;
    behind.bufferedBody = 1e6;
    const other = new FakeTaker({}, 'other');
    const { port, state, log } = await rig(
      t,
      { endpoints: [(upstream.address() as AddressInfo).port], timeouts: { response: 500 } },
      {
        onFailure: next(2) === 0 ? 'open' : 'reload',
        restart: { firstDelay: 1, maxDelay: 1, crashesPerMinute: 1000 },
        limits: { pauseTime: 400 },
        before: [before],
        behind: [behind, other],
      },
    );
    const one = async () => {
      const client = await RawClient.open(port);
      try {
        const path = PATHS[next(PATHS.length)]!;
        const size = next(3) * next(100_000);
        client.send(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
        client.send(Buffer.alloc(next(4) === 0 ? size >> 1 : size));
        const patience = next(3) === 0 ? next(30) : 1500;
        await Promise.race([client.response('POST').catch(() => {}), sleep(patience)]);
      } finally {
        client.close();
      }
    };
    for (let round = 0; round < 6; round++) await Promise.all(Array.from({ length: 12 }, one));
    await until(() => state.counters.contexts === 0);
    await until(() => other.taken.every(taken => taken.finished === 1));
    assert.ok(before.contexts.every(context => context.finished === 1));
    assert.ok(behind.contexts.every(context => context.finished === 1));
    await sleep(10);
    assert.equal((await get(port, '/text/x')).body.toString(), 'x\n');
    assert.equal(state.counters.hostFaults, 0, JSON.stringify(log.at('error').slice(0, 3)));
  });
}
