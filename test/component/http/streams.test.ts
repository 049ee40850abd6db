import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openClient, startUpstream } from '../../support/fixtures.ts';
import { get } from '../../support/raw-client.ts';
import { until } from '../../support/wait.ts';
import { GREETER, rig } from './support.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const MIB = 1024 * 1024;
const SIZE = 50 * MIB;
/** Live bytes while a body goes through: buffers of sockets, and those that Node hasn't freed yet. */
const MOST_GROWTH = 48 * MIB;

async function growth<T>(work: () => Promise<T>): Promise<{ most: number; value: T }> {
  const used = () => {
    collect();
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    return arrayBuffers + heapUsed;
  };
  const before = used();
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, used() - before);
  }, 50);
  try {
    return { most, value: await work() };
  } finally {
    clearInterval(timer);
  }
}

const chunk = Buffer.alloc(64 * 1024, 'weir');

function digest(size: number): string {
  const hash = createHash('sha256');
  for (let left = size; left > 0; left -= chunk.length) hash.update(chunk);
  return hash.digest('hex');
}

/** Sends SIZE bytes and hashes what comes back. */
function exchange(port: number, path: string, slow = 0): Promise<{ bytes: number; hash: string }> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    let bytes = 0;
    const headers = { 'content-length': SIZE };
    const req = httpRequest({ port, host: '127.0.0.1', method: 'POST', path, headers, agent: false }, res => {
      res.on('data', (data: Buffer) => {
        bytes += data.length;
        hash.update(data);
      });
      res.on('end', () => resolve({ bytes, hash: hash.digest('hex') }));
      res.on('error', reject);
      if (slow > 0) {
        res.pause();
        setTimeout(() => res.resume(), slow);
      }
    });
    req.on('error', reject);
    let left = SIZE;
    const more = () => {
      while (left > 0) {
        left -= chunk.length;
        if (!req.write(chunk)) return;
      }
      req.end();
    };
    req.on('drain', more);
    more();
  });
}

it('50 MiB each way at once, through the guest, in flat memory', async t => {
  const { port } = await rig(t, { endpoints: ['echo'] });
  const { most, value } = await growth(() => exchange(port, '/echo', 200));
  assert.deepEqual(value, { bytes: SIZE, hash: digest(SIZE) });
  assert.ok(most < MOST_GROWTH, `grew by ${most >> 20} MiB`);
});

it('50 MiB to the upstream and back, through http-greeter', async t => {
  const { port } = await rig(t, { endpoints: [await echoUpstream(t)] }, { file: GREETER });
  const { most, value } = await growth(() => exchange(port, '/x', 200));
  assert.deepEqual(value, { bytes: SIZE, hash: digest(SIZE) });
  assert.ok(most < MOST_GROWTH, `grew by ${most >> 20} MiB`);
});

async function echoUpstream(t: TestContext): Promise<number> {
  const server = createServer((req, res) => req.pipe(res));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

it('a client that does not read stops the guest; one that goes ends it', async t => {
  const { port, state, log } = await rig(t, { endpoints: ['echo'] });
  const client = await openClient(t, port);
  client.socket.pause();
  const { most } = await growth(async () => {
    client.send('GET /zeros/500 HTTP/1.1\r\nHost: a\r\n\r\n');
    await sleep(400);
  });
  assert.ok(most < MOST_GROWTH, `grew by ${most >> 20} MiB`);
  client.close();
  await until(() => state.counters.contexts === 0);
  await until(() => log.lines.some(({ message }) => /^stopped with \d+ left$/.test(message)));
});

it('the first byte is there before the last is made', async t => {
  const { port } = await rig(t, { endpoints: ['echo'] });
  const client = await openClient(t, port);
  const start = performance.now();
  client.send('GET /drip/6 HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => client.received.includes('line 0'));
  const first = performance.now() - start;
  const response = await client.response();
  const last = performance.now() - start;
  assert.equal(response.body.toString().split('\n').length, 7);
  assert.ok(last - first > 200, `first after ${first} ms, last after ${last} ms`);
});

it('a hundred requests at a time, none behind another', async t => {
  const { port, state } = await rig(t, { endpoints: ['echo'] }, { pool: 4 });
  const start = performance.now();
  const answers = await Promise.all(Array.from({ length: 100 }, () => get(port, '/drip/4')));
  const time = performance.now() - start;
  assert.ok(answers.every(({ body }) => body.toString() === 'line 0\nline 1\nline 2\nline 3\n'));
  // One after the other they would take 15 s.
  assert.ok(time < 7500, `took ${time} ms`);
  await until(() => state.counters.contexts === 0);
});

it('a client that goes in the middle of its request: the handler sees the body break off', async t => {
  const { port, log, state } = await rig(t, { endpoints: ['echo'] });
  const client = await openClient(t, port);
  client.send('POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf');
  await sleep(50);
  client.close();
  await until(() => log.lines.some(({ message }) => /^counted 4 .*ConnectionTerminated/.test(message)));
  await until(() => state.counters.contexts === 0);
});

it('a client that goes while the upstream works: the upstream call ends', async t => {
  const upstream = await startUpstream(t, () => {}, { early: true });
  const { port, state } = await rig(t, { endpoints: [upstream.port] });
  const client = await openClient(t, port);
  client.send('GET /forward HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => upstream.requests.length === 1);
  client.close();
  await until(() => upstream.requests[0]?.aborted);
  await until(() => state.counters.contexts === 0);
});

it('handlers that are killed leave nothing behind', async t => {
  const limits = { pauseTime: 60 };
  const { port, state } = await rig(t, { endpoints: ['echo'] }, { limits });
  const round = async () => {
    await Promise.all(Array.from({ length: 25 }, () => get(port, '/sleep')));
    await until(() => state.counters.contexts === 0);
  };
  await round();
  const used = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  await sleep(50);
  const before = used();
  for (let i = 0; i < 6; i++) await round();
  await sleep(50);
  const each = (used() - before) / 150;
  assert.ok(each < 20_000, `${Math.round(each)} bytes each`);
});
