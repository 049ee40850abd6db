import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { NodeChain } from '../../src/adapter/embedded-chain.ts';
import { PluginChain } from '../../src/chain/chain.ts';
import type { Plugin } from '../../src/plugin/types.ts';
import { openClient } from '../support/fixtures.ts';
import { MemoryLog } from '../support/log.ts';
import { get, header, request } from '../support/raw-client.ts';
import { FakeTaker, REQUEST, RESPONSE, type TakerScript } from '../support/taker.ts';
import { until } from '../support/wait.ts';

const soon = (call: () => void) => queueMicrotask(call);

async function serve(t: TestContext, script: TakerScript, handler: RequestListener) {
  const taker = new FakeTaker(script);
  taker.bufferedBody = 1024 * 1024;
  const log = new MemoryLog();
  const chain = new NodeChain(new PluginChain([taker as Plugin], log), log, () => {});
  const server = createServer(chain.handler(handler));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await chain.close();
  });
  return { taker, chain, server, port: (server.address() as AddressInfo).port };
}

const echo: RequestListener = (req, res) => {
  res.setHeader('x-method', req.method ?? '');
  res.setHeader('x-url', req.url ?? '');
  res.setHeader('x-length', req.headers['content-length'] ?? String(req.headers['transfer-encoding']));
  req.pipe(res);
};

describe('a filter that takes streams over, in a server of one’s own', () => {
  it('passes on what comes both ways', async t => {
    const { port, taker } = await serve(t, {}, echo);
    const response = await request(
      port,
      'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n',
    );
    assert.equal(response.body.toString(), 'hello');
    assert.equal(header(response, 'x-url'), '/a');
    await until(() => taker.last.finished === 1);
    assert.equal((await get(port, '/')).body.length, 0);
  });

  it('frames its own request', async t => {
    const script: TakerScript = {
      requestHeaders: taken =>
        soon(() => {
          if (taken.stream.requestHeaders.method === 'GET') {
            taken.forward({ method: 'POST', path: '/own', raw: ['content-length', '4'] }, 4, false);
            taken.send(REQUEST, 'body', true);
          } else taken.forward({ method: 'PUT', raw: ['x', '1'] }, 0, true);
        }),
      data: (taken, direction, chunk, end) => {
        if (direction === RESPONSE) soon(() => taken.stream.sendData(RESPONSE, chunk, end));
      },
    };
    const { port } = await serve(t, script, echo);
    const first = await get(port, '/');
    assert.deepEqual(
      [first.body.toString(), header(first, 'x-method'), header(first, 'x-url'), header(first, 'x-length')],
      ['body', 'POST', '/own', '4'],
    );
    const second = await request(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
    assert.deepEqual([second.body.length, header(second, 'x-method')], [0, 'PUT']);
    assert.equal(header(second, 'x-length'), 'undefined');
  });

  it('answers itself while the request comes: the handler is never called', async t => {
    let called = 0;
    const script: TakerScript = {
      requestHeaders: taken => soon(() => taken.respond(200, ['x-own', '1'], -1, false)),
      data: (taken, _direction, chunk, end) => soon(() => taken.stream.sendData(RESPONSE, chunk, end)),
    };
    const { port } = await serve(t, script, () => called++);
    const client = await openClient(t, port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\none');
    await until(() => client.received.includes('one'));
    client.send('two');
    const response = await client.response();
    assert.equal(response.body.toString(), 'onetwo');
    assert.equal(header(response, 'x-own'), '1');
    assert.equal(called, 0);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx');
    assert.equal((await client.response()).body.toString(), 'x');
  });

  it('makes another response of the handler’s', async t => {
    const script: TakerScript = {
      responseHeaders: (taken, headers) =>
        soon(() => taken.respond(headers.status + 1, ['content-length', '3'], 3, false)),
      data: (taken, direction, chunk, end) => {
        if (direction === REQUEST) soon(() => taken.stream.sendData(REQUEST, chunk, end));
        else if (end) soon(() => taken.send(RESPONSE, 'own', true));
      },
    };
    const { port } = await serve(t, script, (_req, res) =>
      res.writeHead(200, { 'x-h': '1' }).end('of the handler'),
    );
    const response = await get(port, '/');
    assert.deepEqual(
      [
        response.status,
        response.body.toString(),
        header(response, 'x-h'),
        header(response, 'content-length'),
      ],
      [201, 'own', undefined, '3'],
    );
  });

  it('is told when the handler does not read, and when the client does not', async t => {
    let resume = () => {};
    const script: TakerScript = {
      requestHeaders: taken => soon(() => taken.forward({ method: 'POST', raw: [] }, -1, false)),
    };
    const { port, taker } = await serve(t, script, req => {
      resume = () => req.resume();
    });
    const client = await openClient(t, port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => taker.taken.length === 1);
    const { stream } = taker.last;
    const big = Buffer.alloc(256 * 1024);
    await new Promise(setImmediate);
    stream.sendData(REQUEST, big, false);
    assert.equal(stream.full(REQUEST), true);
    resume();
    await until(() => !stream.full(REQUEST));
    client.socket.pause();
    taker.last.respond(200, [], -1, false);
    for (let i = 0; i < 200 && !stream.full(RESPONSE); i++) {
      stream.sendData(RESPONSE, big, false);
      await new Promise(setImmediate);
    }
    assert.equal(stream.full(RESPONSE), true);
    client.socket.resume();
    await until(() => !stream.full(RESPONSE));
    taker.last.stream.sendData(RESPONSE, Buffer.alloc(0), true);
    await until(() => taker.last.finished === 1);
  });

  it('fails: 503 with the handler untouched, and the connection is kept', async t => {
    let called = 0;
    const script: TakerScript = { requestHeaders: taken => soon(() => taken.stream.fail(503, 'trap')) };
    const { port } = await serve(t, script, () => called++);
    const client = await openClient(t, port);
    for (let i = 0; i < 2; i++) {
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.equal((await client.response()).status, 503);
    }
    assert.equal(called, 0);
  });

  it('asks again after it has answered: there is no handler any more', async t => {
    const script: TakerScript = {
      requestHeaders: taken =>
        soon(() => {
          taken.respond(200, [], -1, false);
          taken.forward({}, 0, true);
        }),
      upstreamFailed: (taken, error) => soon(() => taken.send(RESPONSE, error.code, true)),
    };
    const { port } = await serve(t, script, () => assert.fail('called'));
    assert.equal((await get(port, '/')).body.toString(), 'UPSTREAM_RESET');
  });

  it('a client that goes, and a server that closes, end it', async t => {
    const { port, taker, chain } = await serve(t, { requestHeaders: () => {} }, echo);
    const client = await openClient(t, port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx');
    await until(() => taker.taken.length === 1);
    client.close();
    await until(() => taker.last.finished === 1);
    await chain.close();
  });

  it('an upgrade: the filter may refuse it; one that it passes on is the listener’s', async t => {
    const script: TakerScript = {
      requestHeaders: taken =>
        soon(() => {
          if (taken.stream.requestHeaders.path === '/no') taken.respond(403, [], 0, true);
          else taken.forward({}, 0, true);
        }),
    };
    const { port, taker, chain, server } = await serve(t, script, echo);
    server.on(
      'upgrade',
      chain.upgradeHandler((_req, socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
        socket.on('data', data => socket.write(data));
      }),
    );
    const handshake = (path: string) =>
      `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`;
    assert.equal((await request(port, handshake('/no'))).status, 403);
    const client = await openClient(t, port);
    client.send(handshake('/yes'));
    await until(() => client.received.includes('101'));
    assert.equal(taker.last.finished, 1);
    client.send('ping');
    await until(() => client.received.includes('ping'));
    client.close();
  });
});
