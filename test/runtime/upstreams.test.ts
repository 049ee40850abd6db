import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { UpstreamConfig } from '../../src/config/types.ts';
import type { UpstreamError } from '../../src/errors.ts';
import type { RawFields } from '../../src/message/fields.ts';
import type { OwnRequest, OwnRequestHandler } from '../../src/plugin/upstreams.ts';
import { Upstream } from '../../src/proxy/upstream.ts';
import { ProxyUpstreams } from '../../src/runtime/upstreams.ts';
import { startRawUpstream, startUpstream } from '../support/fixtures.ts';
import { TRANSPORTS, type TransportName } from '../support/proxy.ts';
import { closedPort } from '../support/upstream.ts';
import { until } from '../support/wait.ts';

async function upstreams(t: TestContext, transport: TransportName, ports: readonly number[]) {
  const config: UpstreamConfig = {
    name: 'app',
    transport,
    endpoints: ports.map(port => ({
      url: `http://127.0.0.1:${port}`,
      kind: 'http',
      host: '127.0.0.1',
      port,
    })),
    timeouts: { connect: 2000, response: 10_000, idle: 10_000 },
    connections: 8,
  };
  const upstream = new Upstream(config, 64 * 1024);
  await upstream.start();
  t.after(() => upstream.close());
  return new ProxyUpstreams(new Map([['app', upstream]]));
}

/** Notes what comes of a request. */
class Heard implements OwnRequestHandler {
  readonly events: string[] = [];
  status = 0;
  bytes = 0;
  ended = false;
  drains = 0;
  error: UpstreamError | undefined;

  onHeaders(status: number, headers: RawFields): void {
    this.status = status;
    this.events.push(`headers ${headers.includes('x-u')}`);
  }
  onData(chunk: Buffer): void {
    this.bytes += chunk.length;
  }
  onEnd(trailers: RawFields): void {
    this.ended = true;
    this.events.push(`end ${trailers.join()}`);
  }
  onError(error: UpstreamError): void {
    this.error = error;
    this.events.push(error.code);
  }
  onDrain(): void {
    this.drains++;
  }
}

const request = (change: Partial<OwnRequest> = {}): OwnRequest => ({
  method: 'GET',
  path: '/',
  authority: 'app.example',
  headers: ['x-own', '1', 'connection', 'x-own', 'host', 'evil', 'content-length', '7'],
  length: 0,
  timeouts: { connect: undefined, firstByte: undefined, betweenBytes: undefined },
  ...change,
});

test('authorities: names and endpoints of what was granted, and nothing else', async t => {
  const own = await upstreams(t, 'undici', [80, 8080]);
  for (const [authority, found] of [
    ['app', 'app'],
    ['127.0.0.1', 'app'],
    ['127.0.0.1:80', 'app'],
    ['127.0.0.1:8080', 'app'],
    ['127.0.0.1:81', undefined],
    ['localhost', undefined],
    ['app:80', undefined],
  ] as const) {
    assert.equal(own.find(authority, ['app']), found, authority);
    assert.equal(own.find(authority, []), undefined);
  }
});

for (const transport of TRANSPORTS) {
  test(`${transport}: an authority may be empty`, async t => {
    const upstream = await startUpstream(t);
    const own = await upstreams(t, transport, [upstream.port]);
    const heard = new Heard();
    own.send('app', request({ authority: '' }), heard);
    await until(() => heard.ended);
    assert.deepEqual([heard.status, upstream.requests[0]?.headers.get('host')], [200, '']);
  });

  test(`${transport}: a request with a body and trailers, framed by us`, async t => {
    const upstream = await startUpstream(t, (_req, res) => {
      res.writeHead(201, { 'x-u': '1', trailer: 'x-t' });
      res.write('answer');
      res.addTrailers([['x-t', '2']]);
      res.end();
    });
    const own = await upstreams(t, transport, [upstream.port]);
    const heard = new Heard();
    const call = own.send('app', request({ method: 'POST', length: -1 }), heard);
    call.write(Buffer.from('hel'));
    call.write(Buffer.from('lo'));
    call.end(['x-sum', '5']);
    await until(() => heard.ended);
    assert.deepEqual([heard.status, heard.bytes, heard.events], [201, 6, ['headers true', 'end x-t,2']]);
    const [seen] = upstream.requests;
    assert.equal(seen?.body.toString(), 'hello');
    assert.deepEqual(seen?.trailers, ['x-sum', '5']);
    assert.equal(seen?.headers.get('host'), 'app.example');
    assert.equal(seen?.headers.get('x-own'), '1');
    assert.equal(seen?.headers.has('content-length'), false);
  });

  test(`${transport}: an endpoint that refuses, then none`, async t => {
    const upstream = await startUpstream(t);
    const closed = await closedPort();
    const own = await upstreams(t, transport, [closed, upstream.port]);
    const heard = new Heard();
    const call = own.send('app', request({ method: 'POST', length: 2 }), heard);
    call.write(Buffer.from('hi'));
    call.end([]);
    await until(() => heard.ended);
    assert.equal(upstream.requests[0]?.body.toString(), 'hi');
    const none = await upstreams(t, transport, [closed]);
    const failed = new Heard();
    none.send('app', request(), failed);
    assert.deepEqual(failed.events, []);
    await until(() => failed.error !== undefined);
    assert.equal(failed.error?.code, 'UPSTREAM_CONNECT');
    const unknown = new Heard();
    own.send('nobody', request(), unknown);
    await until(() => unknown.error !== undefined);
  });

  test(`${transport}: timeouts of the request`, async t => {
    const raw = await startRawUpstream(t, (socket, text) => {
      if (text.includes('/body')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
    });
    const own = await upstreams(t, transport, [raw.port]);
    for (const [path, timeouts, status] of [
      ['/', { connect: 10, firstByte: 80, betweenBytes: undefined }, 0],
      ['/body', { connect: undefined, firstByte: 1000, betweenBytes: 80 }, 200],
    ] as const) {
      const heard = new Heard();
      own.send('app', request({ path, timeouts }), heard);
      await until(() => heard.error !== undefined);
      assert.deepEqual([heard.error?.code, heard.status], ['UPSTREAM_TIMEOUT', status]);
    }
  });

  test(`${transport}: pauses, drains, and ends at once`, async t => {
    const upstream = await startUpstream(t, (_req, res) => {
      res.writeHead(200);
      for (let i = 0; i < 64; i++) res.write(Buffer.alloc(256 * 1024));
      res.end();
    });
    const own = await upstreams(t, transport, [upstream.port]);
    const heard = new Heard();
    const call = own.send('app', request(), heard);
    call.pause(true);
    await until(() => heard.status === 200);
    await sleep(50);
    const before = heard.bytes;
    assert.ok(before < 1024 * 1024, `${before}`);
    call.pause(false);
    await until(() => heard.ended);
    assert.equal(heard.bytes, 64 * 256 * 1024);
    const raw = await startRawUpstream(t, () => {});
    const slow = await upstreams(t, transport, [raw.port]);
    const sent = new Heard();
    const upload = slow.send('app', request({ method: 'POST', length: -1 }), sent);
    await until(() => raw.sockets.length === 1);
    raw.sockets[0]!.pause();
    for (let i = 0; i < 200 && !upload.full; i++) {
      upload.write(Buffer.alloc(256 * 1024));
      await new Promise(setImmediate);
    }
    assert.equal(upload.full, true);
    raw.sockets[0]!.resume();
    await until(() => sent.drains > 0);
    upload.abort();
    await until(() => raw.sockets[0]!.destroyed || raw.sockets[0]!.readableEnded);
    assert.deepEqual(sent.events, []);
  });
}
