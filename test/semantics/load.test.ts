import assert from 'node:assert/strict';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { startChildWeir } from '../support/child-weir.ts';
import { BUFFER, contexts, finished, probe, type Script } from '../support/probe.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { shipped } from '../support/shipped.ts';
import { startTestWeir } from '../support/weir.ts';

const CLIENTS = 100;
const SIZES = [0, 1, 64 * 1024, 1024 * 1024];
const MB = 1024 * 1024;

/** An upstream that sends back what it is sent, with the marker that came with it. */
async function startEcho(t: TestContext): Promise<number> {
  const server = createServer((req, res) => {
    res.writeHead(200, { 'x-back': req.headers['x-through'] ?? 'none', 'content-type': 'text/plain' });
    req.pipe(res);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** Bytes that nobody else has, in lower case. */
function bodyOf(client: number, size: number): Buffer {
  return Buffer.alloc(size, `client ${client} sends this, `);
}

async function exchange(port: number, client: number): Promise<void> {
  const body = bodyOf(client, SIZES[client % SIZES.length]!);
  const marker = `marker-${client}`;
  // Of each size, half declare the length and half send chunks.
  const framing = client % 8 < 4 ? { 'content-length': body.length } : { 'transfer-encoding': 'chunked' };
  const outgoing = httpRequest({
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: `/${client}`,
    agent: false,
    headers: { ...framing, 'x-marker': marker },
  });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  for (let at = 0; at < body.length; at += 100_000) {
    if (!outgoing.write(body.subarray(at, at + 100_000)))
      await new Promise(resolve => outgoing.once('drain', resolve));
  }
  outgoing.end();
  const incoming = await response;
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  assert.equal(incoming.statusCode, 200);
  assert.equal(incoming.headers['x-out'], marker);
  assert.equal(incoming.headers['x-served-by'], 'weir');
  const got = Buffer.concat(parts);
  assert.equal(got.length, body.length);
  assert.equal(
    got.toString('latin1') === body.toString('latin1').toUpperCase(),
    true,
    `the body of client ${client}`,
  );
}

const upper = (buffer: number) => [['upper', buffer]] as const;
const THROUGH: Script = {
  quiet: true,
  requestHeaders: [
    ['copy', 0, 'x-marker', 0, 'x-through'],
    ['remove', 0, 'x-marker'],
  ],
  responseHeaders: [['copy', 2, 'x-back', 2, 'x-out']],
  requestBody: upper(BUFFER.request),
};

for (const transport of TRANSPORTS) {
  describe(`load over ${transport}`, () => {
    it(`${CLIENTS} concurrent clients with mixed sizes: no cross-talk, every context ends once`, {
      timeout: 20_000,
    }, async t => {
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [await startEcho(t)],
        filters: {
          // Two that change, of which one holds bodies back whole; they share a VM, and the third has its own.
          a: probe(THROUGH),
          b: probe(
            { quiet: true, responseBody: [['when', 'open', [['return', 1]]], ...upper(BUFFER.response)] },
            { limits: { bufferedBody: '4MiB' } },
          ),
          c: probe({ quiet: true }, { variant: '0.1.0' }),
          d: shipped('add-header', { response: { set: { 'x-served-by': 'weir' } } }),
        },
      });
      await Promise.all(Array.from({ length: CLIENTS }, (_, i) => exchange(port, i)));
      await finished(log, 3 * CLIENTS);
      assert.equal(contexts(log).size, 3 * CLIENTS);
      assert.deepEqual(
        log.lines.filter(l => ['warn', 'error', 'fatal'].includes(l.level)),
        [],
      );
    });

    it('100 MB through a filter that takes and changes bodies both ways: flat memory', {
      timeout: 20_000,
    }, async t => {
      const script: Script = {
        quiet: true,
        requestBody: upper(BUFFER.request),
        responseBody: upper(BUFFER.response),
      };
      const child = await startChildWeir(t, {
        transport,
        upstreams: [await startEcho(t)],
        filters: { a: probe(script) },
      });
      await stream(child.port, 20 * MB);
      const before = await child.memory();
      let most = before;
      const start = performance.now();
      let running = true;
      const watch = async () => {
        while (running) {
          most = Math.max(most, await child.memory());
          await new Promise(resolve => setTimeout(resolve, 20));
        }
      };
      const watching = watch();
      const received = await stream(child.port, 100 * MB);
      running = false;
      await watching;
      assert.equal(received, 100 * MB);
      const grown = (most - before) / MB;
      t.diagnostic(`${grown.toFixed(0)} MB more, ${((performance.now() - start) / 1000).toFixed(1)} s`);
      assert.ok(grown < 60, `${grown.toFixed(1)} MB more than before`);
      assert.ok(performance.now() - start < 10_000);
    });
  });
}

/** Sends that many bytes and reads as many back; how many upper-case letters came. */
function stream(port: number, size: number): Promise<number> {
  const piece = Buffer.alloc(64 * 1024, 'abcdefgh');
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let left = size;
    let received = 0;
    let inHead = true;
    const more = () => {
      while (left > 0) {
        left -= piece.length;
        if (!socket.write(piece)) return;
      }
    };
    socket.on('drain', more);
    socket.on('error', reject);
    socket.on('data', chunk => {
      let from = 0;
      if (inHead) {
        from = chunk.indexOf('\r\n\r\n') + 4;
        if (from === 3) return reject(new Error('no whole head'));
        inHead = false;
      }
      for (let i = from; i < chunk.length; i++) {
        const byte = chunk[i]!;
        // Lines of the chunked coding are digits a-f in lower case, CR and LF.
        if (byte >= 65 && byte <= 72) received++;
        else if (byte > 102) return reject(new Error('a letter that was not changed'));
      }
      if (received >= size) {
        socket.destroy();
        resolve(received);
      }
    });
    socket.on('close', () => resolve(received));
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
    more();
  });
}
