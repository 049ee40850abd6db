import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { EndpointConfig } from '../../src/config/types.ts';
import type { RawFields } from '../../src/message/fields.ts';
import type { GrpcHandler, GrpcRequest } from '../../src/plugin/services.ts';
import { GrpcJsUpstreams } from '../../src/runtime/grpc/upstreams.ts';
import { startGrpcServer } from '../support/grpc-server.ts';
import { closedPort } from '../support/upstream.ts';
import { until } from '../support/wait.ts';

const LIMIT = 1024 * 1024;

const endpoint = (port: number, host = '127.0.0.1'): EndpointConfig => ({
  url: `http://${host}:${port}`,
  kind: 'http',
  host,
  port,
});
const BUILTIN: EndpointConfig = { url: 'builtin:echo', kind: 'builtin', host: 'echo', port: 0 };

function upstreams(
  t: Pick<TestContext, 'after'>,
  endpoints: readonly EndpointConfig[],
  connect = 2000,
): GrpcJsUpstreams {
  const own = new GrpcJsUpstreams(
    new Map([
      [
        'app',
        {
          name: 'app',
          endpoints,
          transport: 'undici',
          timeouts: { connect, response: 10_000, idle: 10_000 },
          connections: 8,
        },
      ],
    ]),
  );
  t.after(() => own.close());
  return own;
}

/** Notes what comes of a call. */
class Heard implements GrpcHandler {
  readonly events: string[] = [];
  readonly messages: Buffer[] = [];
  initial: RawFields | undefined;
  trailing: RawFields | undefined;
  status = -1;
  message = '';

  onInitialMetadata(metadata: RawFields): void {
    this.initial = metadata;
    this.events.push('initial');
  }
  onMessage(message: Buffer): void {
    this.messages.push(message);
    this.events.push('message');
  }
  onTrailingMetadata(metadata: RawFields): void {
    this.trailing = metadata;
    this.events.push('trailing');
  }
  onClose(status: number, message: string): void {
    this.status = status;
    this.message = message;
    this.events.push(`close ${status}`);
  }

  async closed(): Promise<this> {
    await until(() => this.status !== -1, 'the end of a call');
    return this;
  }
}

const request = (method: string, change: Partial<GrpcRequest> = {}): GrpcRequest => ({
  service: 'test.Service',
  method,
  metadata: [],
  timeout: undefined,
  ...change,
});

/** Sends messages, half-closes, and waits for the end. */
async function complete(
  own: GrpcJsUpstreams,
  method: string,
  messages: readonly string[],
  change: Partial<GrpcRequest> = {},
  limit = LIMIT,
): Promise<Heard> {
  const heard = new Heard();
  const call = own.open('app', request(method, change), limit, heard)!;
  for (const message of messages) call.send(Buffer.from(message));
  call.end();
  return heard.closed();
}

/** Until a call ends that way. */
async function eventually(own: GrpcJsUpstreams, wanted: (heard: Heard) => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    if (wanted(await complete(own, 'Unary', ['x']))) return;
  }
  assert.fail('no call ended that way');
}

/** Values of one name. */
const values = (raw: RawFields | undefined, name: string): string[] =>
  (raw ?? []).filter((_, i) => i % 2 === 1 && raw![i - 1] === name);

async function setUp(t: TestContext) {
  const server = await startGrpcServer(t);
  return { server, own: upstreams(t, [endpoint(server.port)]) };
}

test('a unary call: all that comes, in order, after `open` has returned', async t => {
  const { own, server } = await setUp(t);
  // The first loads the library; the second has a connection.
  for (const _ of [1, 2]) {
    const heard = new Heard();
    const call = own.open('app', request('Unary'), LIMIT, heard)!;
    call.send(Buffer.from('hello'));
    call.end();
    assert.deepEqual(heard.events, []);
    await heard.closed();
    assert.deepEqual(heard.events, ['initial', 'message', 'trailing', 'close 0']);
    assert.deepEqual(heard.messages.map(String), ['HELLO']);
    assert.deepEqual(values(heard.initial, 'x-told'), ['initial']);
    assert.deepEqual(values(heard.trailing, 'x-told'), ['trailing']);
    assert.deepEqual(values(heard.trailing, 'x-told-bin'), ['AP8=', 'dHdv']);
    assert.equal(call.buffered, 0);
  }
  assert.equal(new Set(server.calls.map(call => call.peer)).size, 1);
  assert.equal(server.calls[0]?.timeout, Number.POSITIVE_INFINITY);
  assert.equal(server.calls[0]?.metadata.get('grpc-encoding').length, 0);
});

test('an upstream that is not there', t => {
  assert.equal(upstreams(t, []).open('other', request('Unary'), LIMIT, new Heard()), undefined);
});

test('server, client and bidirectional streams', async t => {
  const { own, server } = await setUp(t);
  const many = await complete(own, 'Server', ['5 2']);
  assert.deepEqual(
    many.messages.map(m => [m.length, m[0]]),
    [0, 1, 2, 3, 4].map(i => [2048, i]),
  );
  assert.deepEqual(many.events.slice(-2), ['trailing', 'close 0']);
  const joined = await complete(own, 'Client', ['a', '', 'c']);
  assert.deepEqual(joined.messages.map(String), ['a++c']);
  const heard = new Heard();
  const call = own.open('app', request('Echo'), LIMIT, heard)!;
  for (let i = 0; i < 3; i++) {
    call.send(Buffer.from(`m${i}`));
    await until(() => heard.messages.length === i + 1);
    assert.equal(heard.messages[i]?.toString(), `m${i}`);
  }
  assert.equal(server.calls.at(-1)?.ended, false);
  call.end();
  call.end();
  call.send(Buffer.from('late'));
  await heard.closed();
  assert.deepEqual(heard.events, ['initial', 'message', 'message', 'message', 'trailing', 'close 0']);
  call.send(Buffer.from('later'));
  call.cancel();
  assert.equal(call.buffered, 0);
});

test('bytes pass as they are, whatever they are', async t => {
  const { own } = await setUp(t);
  const heard = new Heard();
  const call = own.open('app', request('Echo'), LIMIT, heard)!;
  const all = Buffer.from(Array.from({ length: 1000 }, (_, i) => i & 255));
  call.send(all);
  call.send(Buffer.alloc(0));
  call.send(Buffer.alloc(LIMIT, 7));
  call.end();
  await heard.closed();
  assert.deepEqual(heard.messages, [all, Buffer.alloc(0), Buffer.alloc(LIMIT, 7)]);
});

test('an error of the server: status, message, trailing metadata', async t => {
  const { own } = await setUp(t);
  const failed = await complete(own, 'Fail', ['x']);
  assert.equal(failed.status, 9);
  assert.equal(failed.message, 'nicht möglich: 100%');
  assert.deepEqual(values(failed.trailing, 'x-told'), ['trailing']);
  assert.deepEqual(failed.messages, []);
  const unknown = await complete(own, 'Nothing', ['x']);
  assert.deepEqual(unknown.events.slice(-2), ['trailing', 'close 12']);
  const service = await complete(own, 'Unary', ['x'], { service: 'no.Such' });
  assert.equal(service.status, 12);
});

test('metadata goes out: several values, binary ones, none of the protocol', async t => {
  const { own, server } = await setUp(t);
  const metadata = ['X-A', '1', 'x-a', '2', 'x-b-bin', 'AP8', 'x-b-bin', 'dHdv, AA==', 'x-empty', ''];
  const hop = ['connection', 'x-a', 'Keep-Alive', '1', 'host', 'evil', 'te', 'gzip', 'content-length', '1'];
  const own2 = ['grpc-timeout', '1n', 'grpc-encoding', 'gzip', 'content-type', 'text/plain'];
  const heard = await complete(own, 'Unary', ['x'], {
    metadata: [...metadata, ...hop, ...own2],
    timeout: 60_000,
  });
  assert.equal(heard.status, 0, heard.message);
  const seen = server.calls[0]!;
  // Node's HTTP/2 joins what it reads.
  assert.equal(seen.metadata.get('x-a').join(', '), '1, 2');
  assert.deepEqual(seen.metadata.get('x-b-bin'), [
    Buffer.from([0, 255]),
    Buffer.from('two'),
    Buffer.from([0]),
  ]);
  assert.deepEqual(seen.metadata.get('x-empty'), ['']);
  for (const name of ['connection', 'keep-alive', 'host']) {
    assert.deepEqual(seen.metadata.get(name), [], name);
  }
  assert.ok(seen.timeout > 30_000 && seen.timeout <= 60_000, `${seen.timeout}`);
});

test('illegal metadata and names are refused: the call ends with INTERNAL, later', async t => {
  const { own, server } = await setUp(t);
  assert.equal((await complete(own, 'Unary', ['x'])).status, 0);
  for (const metadata of [
    [':path', '/x'],
    ['', 'x'],
    ['a b', 'x'],
    ['x\r\ny', 'x'],
    ['x-é', 'x'],
    ['x', 'a\nb'],
    ['x', '\xe9'],
    ['x', 'a\0'],
    ['x-bin', '###'],
    ['x-bin', 'AA=A'],
    ['authorization', 'a', 'Authorization', 'b'],
  ]) {
    const heard = new Heard();
    const call = own.open('app', request('Unary', { metadata }), LIMIT, heard)!;
    assert.deepEqual(heard.events, []);
    call.send(Buffer.from('x'));
    await heard.closed();
    assert.deepEqual(heard.events, ['trailing', 'close 13'], JSON.stringify(metadata));
    assert.match(heard.message, /metadata/);
  }
  for (const names of [
    { service: '' },
    { method: '' },
    { service: 'a b' },
    { method: 'a/b' },
    { method: 'a?b' },
    { service: 'a\r\nb' },
    { method: 'a\xff' },
  ]) {
    const heard = await complete(own, 'Unary', ['x'], names);
    assert.deepEqual(heard.events, ['trailing', 'close 13'], JSON.stringify(names));
  }
  assert.equal((await complete(own, 'Unary', ['x'])).status, 0);
  assert.deepEqual(
    server.calls.map(({ method, peer }) => [method, peer]),
    Array.from({ length: 2 }, () => ['Unary', server.calls[0]!.peer]),
  );
});

test('no field that HTTP knows, once or twice, ends the connection that others share', async t => {
  const { own, server } = await setUp(t);
  const other = new Heard();
  const open = own.open('app', request('Hang'), LIMIT, other)!;
  await until(() => server.calls.length === 1);
  const names = Object.entries(http2.constants).flatMap(([key, name]) =>
    key.startsWith('HTTP2_HEADER_') ? [String(name)] : [],
  );
  assert.ok(names.length > 80);
  for (const name of names) {
    for (const times of [1, 2]) {
      const metadata = Array.from({ length: times }, () => [name, '1']).flat();
      const { status, message } = await complete(own, 'Unary', ['x'], { metadata });
      assert.ok(status === 0 || (status === 13 && message.includes('metadata')), `${name}: ${message}`);
    }
  }
  assert.equal(new Set(server.calls.map(({ peer }) => peer)).size, 1);
  assert.deepEqual(other.events, []);
  open.cancel();
});

test('the deadline: of a server that does not answer, and of one that never connects', async t => {
  const { own, server } = await setUp(t);
  const late = new Heard();
  own.open('app', request('Hang', { timeout: 100 }), LIMIT, late)!.send(Buffer.from('x'));
  await late.closed();
  assert.deepEqual(late.events, ['trailing', 'close 4']);
  await until(() => server.calls[0]?.cancelled === true);
  const none = await complete(own, 'Unary', ['x'], { timeout: 0 });
  assert.equal(none.status, 4);
  // Accepts, and says nothing: HTTP/2 never begins.
  const mute = await listener(t);
  const stuck = upstreams(t, [endpoint(mute.port)], 60_000);
  const heard = await complete(stuck, 'Unary', ['x'], { timeout: 100 });
  assert.deepEqual(heard.events, ['trailing', 'close 4']);
  assert.equal((await complete(own, 'Unary', ['x'], { timeout: 0xffffffff })).status, 0);
});

/** An HTTP/2 server below gRPC; its port. */
async function rawServer(
  t: Pick<TestContext, 'after'>,
  answer: (stream: http2.ServerHttp2Stream) => void,
): Promise<number> {
  const server = http2.createServer();
  const sessions: http2.ServerHttp2Session[] = [];
  server.on('session', session => sessions.push(session));
  server.on('stream', stream => {
    stream.on('error', () => {});
    answer(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const session of sessions) session.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** A TCP server that says nothing, or something at once. */
async function listener(t: Pick<TestContext, 'after'>, answer = '') {
  const sockets: Socket[] = [];
  const server = createServer(socket => {
    sockets.push(socket);
    socket.on('error', () => {});
    if (answer !== '') socket.end(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

test('nobody there: UNAVAILABLE that says where; once somebody is, the next call gets through', async t => {
  const port = await closedPort();
  const own = upstreams(t, [endpoint(port)]);
  for (const _ of [1, 2, 3]) {
    const heard = await complete(own, 'Unary', ['x']);
    assert.deepEqual(heard.events, ['trailing', 'close 14']);
    assert.equal(heard.message, `upstream app: no connection to http://127.0.0.1:${port}`);
  }
  await startGrpcServer(t, port);
  assert.equal((await complete(own, 'Unary', ['x'])).status, 0);
});

test('one that speaks something else, or nothing, within the time to connect: UNAVAILABLE', async t => {
  const http1 = await listener(t, 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
  assert.equal((await complete(upstreams(t, [endpoint(http1.port)]), 'Unary', ['x'])).status, 14);
  const mute = await listener(t);
  assert.equal((await complete(upstreams(t, [endpoint(mute.port)], 100), 'Unary', ['x'])).status, 14);
});

test('what is built in speaks no gRPC', async t => {
  const heard = await complete(upstreams(t, [BUILTIN]), 'Unary', ['x']);
  assert.deepEqual(heard.events, ['trailing', 'close 14']);
  assert.equal(heard.message, "upstream app: what is built in doesn't speak gRPC");
});

test('endpoints in turn; one that refuses is tried last', async t => {
  const [a, b] = [await startGrpcServer(t), await startGrpcServer(t)];
  const closed = await closedPort();
  const own = upstreams(t, [BUILTIN, endpoint(closed), endpoint(a.port), endpoint(b.port)]);
  for (let i = 0; i < 8; i++) {
    const heard = await complete(own, 'Client', ['early', 'messages']);
    assert.deepEqual([heard.status, heard.messages.map(String)], [0, ['early+messages']]);
  }
  assert.equal(a.calls.length + b.calls.length, 8);
  assert.ok(a.calls.length >= 3 && b.calls.length >= 3, `${a.calls.length} ${b.calls.length}`);
  a.die();
  b.die();
  await eventually(own, ({ message }) => message.split(', ').length === 3);
});

test('a name, and IPv6', async t => {
  const server = await startGrpcServer(t);
  const named = await complete(upstreams(t, [endpoint(server.port, 'localhost')]), 'Unary', ['x']);
  assert.equal(named.status, 0, named.message);
  const none = await complete(upstreams(t, [endpoint(1, '::1')]), 'Unary', ['x']);
  assert.equal(none.status, 14);
});

test('a server that shuts down in the middle, and one whose connection breaks; the next call connects again', async t => {
  const { own, server } = await setUp(t);
  const heard = new Heard();
  const call = own.open('app', request('Wait'), LIMIT, heard)!;
  await until(() => heard.messages.length === 1);
  server.die();
  await heard.closed();
  // It resets its streams with CANCEL.
  assert.deepEqual(heard.events, ['initial', 'message', 'trailing', 'close 1']);
  call.send(Buffer.from('x'));
  call.end();
  await startGrpcServer(t, server.port);
  await eventually(own, ({ status }) => status === 0);

  const broken = await rawServer(t, stream => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    // Half a message.
    stream.write(Buffer.from('0000000008616263', 'hex'), () => stream.session?.socket.destroy());
  });
  const other = upstreams(t, [endpoint(broken)]);
  for (const _ of [1, 2]) {
    const half = await complete(other, 'Any', ['x']);
    assert.deepEqual(half.events, ['initial', 'trailing', 'close 14'], half.message);
  }
});

test('cancel: the server sees it, the handler hears nothing more', async t => {
  const { own, server } = await setUp(t);
  const heard = new Heard();
  const call = own.open('app', request('Wait'), LIMIT, heard)!;
  await until(() => heard.messages.length === 1);
  call.cancel();
  call.cancel();
  await until(() => server.calls[0]?.cancelled === true);
  assert.deepEqual(heard.events, ['initial', 'message']);
  // Before there is a library, a connection, a stream.
  const fresh = upstreams(t, [endpoint(server.port)]);
  const early = new Heard();
  fresh.open('app', request('Unary'), LIMIT, early)!.cancel();
  assert.equal((await complete(fresh, 'Unary', ['x'])).status, 0);
  const second = new Heard();
  const connecting = fresh.open('app', request('Unary'), LIMIT + 1, second)!;
  connecting.send(Buffer.from('x'));
  connecting.cancel();
  assert.equal(connecting.buffered, 0);
  assert.equal((await complete(fresh, 'Unary', ['x'], {}, LIMIT + 1)).status, 0);
  assert.deepEqual([...early.events, ...second.events], []);
  assert.equal(server.calls.filter(({ method }) => method === 'Unary').length, 2);
});

test('a message over the limit: RESOURCE_EXHAUSTED; each call has its own limit', async t => {
  const { own } = await setUp(t);
  const small = await complete(own, 'Server', ['1 64'], {}, 64 * 1024 - 1);
  assert.equal(small.status, 8, small.message);
  assert.deepEqual(small.messages, []);
  const exact = await complete(own, 'Server', ['2 64'], {}, 64 * 1024);
  assert.deepEqual([exact.status, exact.messages.length], [0, 2]);
  const large = await complete(own, 'Server', ['1 8192'], {}, 8192 * 1024);
  assert.deepEqual([large.status, large.messages[0]?.length], [0, 8192 * 1024]);
});

test('a server that compresses: messages come plain, and a bomb ends at the limit', async t => {
  let size = 0;
  const port = await rawServer(t, stream => {
    stream.resume();
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    const body = gzipSync(Buffer.alloc(size, 'a'));
    const head = Buffer.alloc(5);
    head.writeUInt8(1);
    head.writeUInt32BE(body.length, 1);
    stream.end(Buffer.concat([head, body]));
  });
  const own = upstreams(t, [endpoint(port)]);
  size = 1000;
  const plain = await complete(own, 'Any', ['x']);
  assert.deepEqual([plain.status, plain.messages.map(m => m.length)], [0, [1000]]);
  size = 64 * LIMIT;
  const bomb = await complete(own, 'Any', ['x']);
  assert.deepEqual([bomb.status, bomb.messages.length], [8, 0]);
});

test('answers that are none: a status that does not exist, none at all, an HTTP error, a stream reset', async t => {
  let answer: (stream: http2.ServerHttp2Stream) => void = () => {};
  const own = upstreams(t, [endpoint(await rawServer(t, stream => answer(stream)))]);
  const head = { ':status': 200, 'content-type': 'application/grpc' };
  const ask = async (given: typeof answer): Promise<number> => {
    answer = given;
    const heard = await complete(own, 'Any', ['x']);
    assert.equal(heard.events.at(-2), 'trailing');
    return heard.status;
  };
  for (const status of ['17', '-1', '1.5', 'x', '99999999999']) {
    assert.equal(await ask(s => s.respond({ ...head, 'grpc-status': status }, { endStream: true })), 2);
  }
  assert.equal(await ask(s => s.respond({ ...head, 'grpc-status': '16' }, { endStream: true })), 16);
  assert.notEqual(await ask(s => s.respond(head, { endStream: true })), 0);
  assert.equal(await ask(s => s.respond({ ':status': 503 }, { endStream: true })), 14);
  assert.equal(await ask(s => s.respond({ ':status': 404 }, { endStream: true })), 12);
  assert.equal(await ask(s => s.close(http2.constants.NGHTTP2_INTERNAL_ERROR)), 13);
  const html = '<html>'.repeat(1000);
  assert.equal(
    await ask(s => {
      s.respond({ ':status': 502 });
      s.end(html);
    }),
    14,
  );
});

test('`buffered` tells of a server that does not read, and of messages without bytes', async t => {
  const { own, server } = await setUp(t);
  const heard = new Heard();
  const call = own.open('app', request('Deaf'), LIMIT, heard)!;
  await until(() => server.calls.length === 1);
  const chunk = 64 * 1024;
  let sent = 0;
  for (; sent < 100 && call.buffered < 1024 * 1024; sent++) {
    call.send(Buffer.alloc(chunk));
    await new Promise(setImmediate);
  }
  assert.ok(sent < 30, `${sent} messages of 64 KiB until 1 MiB waits`);
  // It reads at last: all goes out.
  server.calls[0]!.stream!.resume();
  await until(() => call.buffered === 0);
  call.cancel();
  const empty = own.open('app', request('Deaf'), LIMIT, new Heard())!;
  for (let i = 0; i < 1000; i++) empty.send(Buffer.alloc(0));
  assert.ok(empty.buffered >= 100_000, `${empty.buffered}`);
  empty.cancel();
  assert.equal(empty.buffered, 0);
});

test('many at once, each with its own answer, over one connection', async t => {
  const { own, server } = await setUp(t);
  const all = await Promise.all(
    Array.from({ length: 300 }, (_, i) => complete(own, i % 2 === 0 ? 'Client' : 'Echo', [`a${i}`, `b${i}`])),
  );
  all.forEach(({ status, messages }, i) => {
    assert.equal(status, 0);
    assert.deepEqual(messages.map(String), i % 2 === 0 ? [`a${i}+b${i}`] : [`a${i}`, `b${i}`]);
  });
  assert.equal(new Set(server.calls.map(({ peer }) => peer)).size, 1);
});

test('close: open calls end with CANCELLED, later ones too, connections go', async t => {
  const { own, server } = await setUp(t);
  const [first, second, third] = [new Heard(), new Heard(), new Heard()];
  own.open('app', request('Wait'), LIMIT, first);
  await until(() => first.messages.length === 1);
  own.open('app', request('Unary'), LIMIT + 1, second);
  own.close();
  own.close();
  assert.deepEqual(second.events, ['trailing', 'close 1']);
  assert.deepEqual(first.events.slice(2), ['trailing', 'close 1']);
  await until(() => server.calls[0]!.cancelled);
  const call = own.open('app', request('Unary'), LIMIT, third)!;
  assert.deepEqual(third.events, []);
  call.send(Buffer.from('x'));
  await third.closed();
  assert.equal(third.status, 1);
});

test('a process with an idle connection, and one that closed with calls open, ends by itself', async t => {
  const server = await startGrpcServer(t);
  for (const how of ['idle', 'close']) {
    const child = fork(join(import.meta.dirname, 'grpc-child.ts'), [String(server.port), how], {
      execArgv: [],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    });
    t.after(() => child.kill('SIGKILL'));
    assert.deepEqual(await once(child, 'exit'), [0, null], how);
  }
  assert.deepEqual(
    server.calls.map(({ method }) => method),
    ['Unary', 'Wait'],
  );
});
