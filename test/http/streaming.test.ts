import assert from 'node:assert/strict';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FakeChain } from '../support/chain.ts';
import { openClient, startProxy, startUpstream } from '../support/fixtures.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { until } from '../support/wait.ts';

const SIZE = 100 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, 'x');
/** Live bytes while twice 100 MiB go through: what sockets hold, and buffers that Node hasn't freed yet. */
const MOST_GROWTH = 64 * 1024 * 1024;
/** What the kernel's socket buffers of two connections may take when nobody reads. */
const MOST_AHEAD = 40 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Counts what it receives, slowly at first; answers the count, or as many bytes as asked for. */
async function startCounter(t: TestContext): Promise<number> {
  const server = createServer((req, res) => {
    let received = 0;
    req.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    req.on('end', () => {
      if (req.method === 'POST') res.end(String(received));
      else {
        let left = SIZE;
        const more = () => {
          while (left > 0) {
            left -= CHUNK.length;
            if (!res.write(CHUNK)) return;
          }
          res.end();
        };
        res.on('drain', more);
        if (req.url === '/length') res.setHeader('content-length', SIZE);
        more();
      }
    });
    req.pause();
    setTimeout(() => req.resume(), 100);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Resolves when a count hasn't moved for a while. */
async function untilStill(count: () => number): Promise<void> {
  let last = -1;
  for (let still = 0; still < 10; ) {
    await sleep(20);
    still = count() === last ? still + 1 : 0;
    last = count();
  }
}

/** The most that live buffers and heap grow while `work` runs. */
async function growth(work: () => Promise<void>): Promise<number> {
  const used = () => {
    collect();
    const { arrayBuffers, heapUsed, external } = process.memoryUsage();
    return Math.max(arrayBuffers, external) + heapUsed;
  };
  const before = used();
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, used() - before);
  }, 25);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return most;
}

function upload(port: number, chunked: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': SIZE };
    const req = httpRequest(
      { port, host: '127.0.0.1', method: 'POST', path: '/', headers, agent: false },
      res => {
        let text = '';
        res.on('data', chunk => {
          text += chunk;
        });
        res.on('end', () => resolve(text));
      },
    );
    req.on('error', reject);
    let left = SIZE;
    const more = () => {
      while (left > 0) {
        left -= CHUNK.length;
        if (!req.write(CHUNK)) return;
      }
      req.end();
    };
    req.on('drain', more);
    more();
  });
}

/** Reads slowly at first, so that the whole way fills up. */
function download(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const req = httpRequest({ port, host: '127.0.0.1', path, agent: false }, res => {
      let received = 0;
      res.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
      res.on('end', () => resolve(received));
      res.on('error', reject);
      res.pause();
      sleep(100).then(() => res.resume());
    });
    req.on('error', reject);
    req.end();
  });
}

for (const transport of TRANSPORTS) {
  describe(`streaming through ${transport}`, () => {
    for (const filtered of [false, true]) {
      const through = filtered ? 'a chain that sees bodies' : 'no filters';
      const chain = () =>
        filtered
          ? { chain: new FakeChain({}, { requestBody: true, responseBody: true, response: true }) }
          : {};

      it(`uploads 100 MiB in little memory through ${through}`, async t => {
        const proxy = await startProxy(t, transport, { endpoints: [await startCounter(t)], ...chain() });
        const most = await growth(async () => {
          assert.equal(await upload(proxy.port, false), String(SIZE));
          assert.equal(await upload(proxy.port, true), String(SIZE));
        });
        assert.ok(most < MOST_GROWTH, `grew by ${most} bytes`);
      });

      it(`downloads 100 MiB in little memory through ${through}`, async t => {
        const proxy = await startProxy(t, transport, { endpoints: [await startCounter(t)], ...chain() });
        const most = await growth(async () => {
          assert.equal(await download(proxy.port, '/length'), SIZE);
          assert.equal(await download(proxy.port, '/chunked'), SIZE);
        });
        assert.ok(most < MOST_GROWTH, `grew by ${most} bytes`);
      });
    }

    it('stops the upstream when the client stops reading', async t => {
      let sent = 0;
      const upstream = await startUpstream(t, (_req, res) => {
        const more = () => {
          while (sent < SIZE) {
            sent += CHUNK.length;
            if (!res.write(CHUNK)) return;
          }
          res.end();
        };
        res.on('drain', more);
        more();
      });
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
      const client = await openClient(t, proxy.port);
      client.socket.pause();
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => sent > 0);
      await untilStill(() => sent);
      assert.ok(sent < MOST_AHEAD, `${sent} bytes were sent ahead`);
    });

    for (const chunked of [false, true]) {
      it(`stops the client when the upstream stops reading (${chunked ? 'chunked' : 'length'})`, async t => {
        const upstream = await startUpstream(t, req => req.pause(), { early: true });
        const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
        const client = await openClient(t, proxy.port);
        const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${SIZE}`;
        client.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`);
        const piece = chunked ? Buffer.concat([Buffer.from('10000\r\n'), CHUNK, Buffer.from('\r\n')]) : CHUNK;
        let sent = 0;
        const more = () => {
          while (sent < SIZE) {
            sent += CHUNK.length;
            if (!client.socket.write(piece)) return;
          }
        };
        client.socket.on('drain', more);
        more();
        await until(() => upstream.requests.length === 1);
        await untilStill(() => sent);
        assert.ok(sent < MOST_AHEAD, `${sent} bytes were sent ahead`);
      });
    }

    it('passes each part on as it comes, both ways at once', async t => {
      const upstream = await startUpstream(
        t,
        (req, res) => {
          res.flushHeaders();
          req.pipe(res);
        },
        { early: true },
      );
      const proxy = await startProxy(t, transport, { endpoints: [upstream.port] });
      const client = await openClient(t, proxy.port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (const part of ['one', 'two', 'three']) {
        client.send(`${part.length}\r\n${part}\r\n`);
        await until(() => client.received.includes(part), part);
      }
      client.send('0\r\n\r\n');
      const response = await client.response();
      assert.equal(response.body.toString(), 'onetwothree');
    });
  });
}
