import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { createFilterChain } from '../../../src/adapter/create.ts';
import { openClient, startRawUpstream, startUpstream } from '../../support/fixtures.ts';
import { MemoryLog } from '../../support/log.ts';
import { get, header, request } from '../../support/raw-client.ts';
import { until } from '../../support/wait.ts';
import { ROOT, startTestWeir } from '../../support/weir.ts';

const GREETER = 'filters/rust/http-greeter/http-greeter.wasm';
const REWRITE = {
  module: 'filters/rust/body-rewrite/body-rewrite.wasm',
  config: {
    request: [{ pattern: 'secret', replacement: 'request hidden' }],
    response: [
      { pattern: 'hidden', replacement: 'response hidden' },
      { pattern: 'hello, world', replacement: 'rewritten' },
    ],
  },
  limits: { bufferedBody: '1MiB' },
};
const COMPONENT = {
  module: 'filters/rust/add-header-component/add-header-component.wasm',
  config: { response: { set: { 'x-component': '1' } }, request: { set: { 'x-component': 'request' } } },
};
const HANDLER = { module: GREETER, limits: { callTime: '1s' } };

const post = (body: string) =>
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe('a handler among other filters', () => {
  for (const order of ['before', 'behind'] as const) {
    it(`a module that changes both bodies, ${order} it, does as it would alone`, async t => {
      const upstream = await startUpstream(t, (_req, res, seen) => {
        res.writeHead(200, { 'content-type': 'text/plain', 'content-length': seen.body.length });
        res.end(seen.body);
      });
      const filters =
        order === 'before' ? { rewrite: REWRITE, handler: HANDLER } : { handler: HANDLER, rewrite: REWRITE };
      const { port } = await startTestWeir(t, { filters, upstreams: [upstream.port] });
      const response = await request(port, post('a secret b'));
      assert.equal(response.body.toString(), 'a request response hidden b');
      assert.equal(upstream.requests[0]?.body.toString(), 'a request hidden b');
      assert.equal(upstream.requests[0]?.headers.get('x-greeter'), 'request');
      assert.equal(header(response, 'x-greeter'), 'response');
      const own = (await get(port, '/hello')).body.toString();
      assert.equal(own, order === 'before' ? 'rewritten\n' : 'hello, world\n');
      assert.equal(upstream.requests.length, 1);
    });
  }

  it('two handlers, one behind the other', async t => {
    const upstream = await startUpstream(t);
    const filters = { one: HANDLER, two: HANDLER };
    const { port } = await startTestWeir(t, { filters, upstreams: [upstream.port] });
    const response = await request(port, post('x'.repeat(100_000)));
    assert.equal(response.body.toString(), 'ok');
    assert.equal(upstream.requests[0]?.body.length, 100_000);
    assert.equal((await get(port, '/hello')).body.toString(), 'hello, world\n');
  });

  it('a handshake goes through it like any request, and what follows by it', async t => {
    const raw = await startRawUpstream(t, (socket, text) => {
      if (text.includes('ping')) socket.write('pong');
      else
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-U: 1\r\n\r\n',
        );
    });
    const { port } = await startTestWeir(t, { filters: { handler: HANDLER }, upstreams: [raw.port] });
    const client = await openClient(t, port);
    client.send(
      'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    await until(() => client.received.includes('101 Switching'));
    assert.match(client.received.toString(), /x-greeter: response/i);
    assert.match(raw.received[0]!, /x-greeter: request/i);
    client.send('ping');
    await until(() => client.received.includes('pong'));
  });

  it('stands in a server of one’s own', async t => {
    const log = new MemoryLog();
    const handler = { module: `${ROOT}${GREETER}`, limits: { callTime: '1s' } };
    const chain = await createFilterChain({ filters: [handler], log });
    const server = createServer(
      chain.handler((req, res) => {
        res.setHeader('x-seen', String(req.headers['x-greeter']));
        req.pipe(res);
      }),
    );
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    t.after(async () => {
      server.closeAllConnections();
      server.close();
      await chain.close();
    });
    const { port } = server.address() as AddressInfo;
    const response = await request(port, post('hello'));
    assert.equal(response.body.toString(), 'hello');
    assert.deepEqual([header(response, 'x-seen'), header(response, 'x-greeter')], ['request', 'response']);
    assert.equal((await get(port, '/hello')).body.toString(), 'hello, world\n');
  });
});

describe('a handler behind a component of weir:filter', () => {
  it('both see their neighbour', async t => {
    const upstream = await startUpstream(t);
    for (const order of [
      ['component', 'handler'],
      ['handler', 'component'],
    ] as const) {
      const all = { component: COMPONENT, handler: HANDLER };
      const filters = Object.fromEntries(order.map(name => [name, all[name]]));
      const { port } = await startTestWeir(t, { filters, upstreams: [upstream.port] });
      const response = await get(port, '/x');
      assert.equal(header(response, 'x-component'), '1');
      assert.equal(header(response, 'x-greeter'), 'response');
      assert.equal(upstream.requests.at(-1)?.headers.get('x-component'), 'request');
    }
  });
});
