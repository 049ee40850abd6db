import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { UpstreamConfig } from '../../src/config/types.ts';
import { NO_CAPABILITIES } from '../../src/plugin/capabilities.ts';
import { GrpcJsUpstreams } from '../../src/runtime/grpc/upstreams.ts';
import { openClient, startProxy, startUpstream } from '../support/fixtures.ts';
import { startGrpcServer } from '../support/grpc-server.ts';
import { type OptionOverrides, type Puppet, type Rig, rig, type Script } from '../support/guest.ts';
import { TRANSPORTS, type TransportName } from '../support/proxy.ts';
import { get } from '../support/raw-client.ts';
import { FakeServices } from '../support/services.ts';
import { closedPort } from '../support/upstream.ts';
import { until } from '../support/wait.ts';

const [PAUSE, OK, MESSAGE, INITIAL, TRAILING] = [1, 0, 5, 4, 5];
const ID = 32;

/** Services whose gRPC is real. */
class GrpcServices extends FakeServices {
  override readonly grpc: GrpcJsUpstreams;

  constructor(grpc: GrpcJsUpstreams) {
    super();
    this.grpc = grpc;
  }
}

const upstream = (port: number): UpstreamConfig => ({
  name: 'auth',
  endpoints: [{ url: `http://127.0.0.1:${port}`, kind: 'http', host: '127.0.0.1', port }],
  transport: 'undici',
  timeouts: { connect: 2000, response: 10_000, idle: 10_000 },
  connections: 8,
});

/** A proxy with one filter that follows the script and may call the gRPC server of that port. */
async function setUp(
  t: TestContext,
  script: Script,
  grpcPort: number,
  { transport = 'undici', ...options }: OptionOverrides & { readonly transport?: TransportName } = {},
) {
  const grpc = new GrpcJsUpstreams(new Map([['auth', upstream(grpcPort)]]));
  t.after(() => grpc.close());
  const r = await rig(script, {}, undefined, new GrpcServices(grpc));
  const plugin = r.start({ capabilities: { ...NO_CAPABILITIES, upstreams: ['auth'] }, ...options });
  t.after(() => plugin.close());
  const app = await startUpstream(t);
  const proxy = await startProxy(t, transport, { endpoints: [app.port], chain: r.chain(plugin) });
  return { r, plugin, app, grpc, proxy, port: proxy.port };
}

/** Opens a call with that message, or a stream without one; its id. */
function open(
  p: Puppet,
  method: string,
  message?: string | Buffer,
  timeout = 0,
  metadata: string[] = [],
): number {
  const names = [...p.put('auth'), ...p.put('test.Service'), ...p.put(method), ...p.pairs(metadata)];
  const status =
    message === undefined
      ? p.call('proxy_grpc_stream', ...names, ID)
      : p.call('proxy_grpc_call', ...names, ...p.put(message), timeout, ID);
  assert.equal(status, OK);
  return p.u32(ID);
}

const send = (p: Puppet, id: number, text: string, end = false) =>
  p.call('proxy_grpc_send', id, ...p.put(text), end ? 1 : 0);

/** In the stream's context: goes on with the request, with a header. */
function resume(p: Puppet, context: number, name: string, value: string): void {
  assert.equal(p.call('proxy_set_effective_context', context), OK);
  assert.equal(p.setHeader(0, name, value), OK);
  assert.equal(p.call('proxy_continue_stream', 0), OK);
}

function statusMessage(p: Puppet): string {
  assert.equal(p.call('proxy_get_status', 40, 44, 48), OK);
  return p.text(p.u32(44), p.u32(48));
}

/** Which stream waits for which call. */
type Waiting = Map<number, number>;

/** Asks, and answers for the stream: with a header when all went well, else with a local response. */
function asking(method: string, message: (path: string) => string, timeout = 0): Script {
  const waiting: Waiting = new Map();
  return {
    proxy_on_request_headers: (p, context) => {
      waiting.set(open(p, method, message(String(p.header(0, ':path'))), timeout), context);
      return PAUSE;
    },
    proxy_on_grpc_receive: (p, _root, id) => {
      resume(p, waiting.get(id)!, 'x-answer', String(p.body(MESSAGE)));
    },
    proxy_on_grpc_close: (p, _root, id, code) => {
      assert.equal(p.call('proxy_set_effective_context', waiting.get(id)!), OK);
      assert.equal(p.respond(500 + code, statusMessage(p)), OK);
    },
  };
}

for (const transport of TRANSPORTS) {
  test(`a request waits for an answer and goes on with it, many at once (${transport})`, async t => {
    const server = await startGrpcServer(t);
    const { app, port, r, plugin } = await setUp(
      t,
      asking('Unary', path => `path ${path}`),
      server.port,
      { transport },
    );
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => get(port, `/${i}`)));
    assert.ok(answers.every(({ status }) => status === 200));
    assert.equal(app.requests.length, 50);
    for (const { url, headers } of app.requests) assert.equal(headers.get('x-answer'), `PATH ${url}`);
    assert.equal(new Set(server.calls.map(({ peer }) => peer)).size, 1);
    assert.equal(plugin.counters.calls, 0);
    r.check();
  });
}

test('an error of the server, with its message', async t => {
  const server = await startGrpcServer(t);
  const { port, app, r } = await setUp(
    t,
    asking('Fail', () => 'x'),
    server.port,
  );
  const { status, body } = await get(port, '/');
  assert.deepEqual([status, body.toString()], [509, 'nicht möglich: 100%']);
  assert.equal(app.requests.length, 0);
  r.check();
});

test('a server that does not answer in time, and none at all', async t => {
  const server = await startGrpcServer(t);
  const { port, r } = await setUp(
    t,
    asking('Hang', () => 'x', 100),
    server.port,
  );
  assert.equal((await get(port, '/')).status, 504);
  await until(() => server.calls[0]?.cancelled);
  r.check();
  const nobody = await setUp(
    t,
    asking('Unary', () => 'x'),
    await closedPort(),
  );
  const { status, body } = await get(nobody.port, '/');
  assert.equal(status, 514);
  assert.match(body.toString(), /^upstream auth: no connection to http/);
  nobody.r.check();
});

test('an answer larger than the filter may hold, and none where one has to be', async t => {
  const server = await startGrpcServer(t);
  const { port, app, r } = await setUp(
    t,
    asking('Server', path => path.slice(1).replace('-', ' ')),
    server.port,
    { limits: { bufferedBody: 4096 } },
  );
  assert.equal((await get(port, '/1-5')).status, 508);
  assert.equal((await get(port, '/0-0')).status, 513);
  assert.equal(app.requests.length, 0);
  // Its bytes are 0: no header can have them.
  assert.equal((await get(port, '/1-0')).status, 200);
  assert.equal(app.requests[0]?.headers.get('x-answer'), '');
  r.check();
});

test('a server stream: messages, metadata before and after', async t => {
  const server = await startGrpcServer(t);
  const seen: string[] = [];
  let context = 0;
  const { port, app, r } = await setUp(
    t,
    {
      proxy_on_request_headers: (p, id) => {
        context = id;
        const call = open(p, 'Server', undefined, 0, ['x-from', 'guest']);
        assert.equal(send(p, call, '3 1', true), OK);
        return PAUSE;
      },
      proxy_on_grpc_receive_initial_metadata: p => seen.push(`initial ${p.header(INITIAL, 'content-type')}`),
      proxy_on_grpc_receive: (p, _root, _id, size) =>
        seen.push(`${size} ${String(p.body(MESSAGE)).codePointAt(0)}`),
      proxy_on_grpc_receive_trailing_metadata: p =>
        seen.push(`trailing ${p.header(TRAILING, 'x-told')} ${p.header(TRAILING, 'x-told-bin')}`),
      proxy_on_grpc_close: (p, _root, _id, code) => {
        seen.push(`close ${code}`);
        resume(p, context, 'x-answer', seen.join('; '));
      },
    },
    server.port,
  );
  assert.equal((await get(port, '/')).status, 200);
  assert.equal(
    app.requests[0]?.headers.get('x-answer'),
    'initial application/grpc+proto; 1024 0; 1024 1; 1024 2; trailing trailing AP8=; close 0',
  );
  assert.deepEqual(server.calls[0]?.metadata.get('x-from'), ['guest']);
  r.check();
});

test('a stream both ways: each message after the answer to the one before', async t => {
  const server = await startGrpcServer(t);
  let context = 0;
  let rounds = 0;
  const { port, app, r } = await setUp(
    t,
    {
      proxy_on_request_headers: (p, id) => {
        context = id;
        send(p, open(p, 'Echo'), 'round 0');
        return PAUSE;
      },
      proxy_on_grpc_receive: (p, _root, call) => {
        assert.equal(p.body(MESSAGE), `round ${rounds}`);
        if (++rounds < 10) assert.equal(send(p, call, `round ${rounds}`), OK);
        else assert.equal(p.call('proxy_grpc_close', call), OK);
      },
      proxy_on_grpc_close: (p, _root, _call, code) => resume(p, context, 'x-rounds', `${rounds} ${code}`),
    },
    server.port,
  );
  assert.equal((await get(port, '/')).status, 200);
  assert.equal(app.requests[0]?.headers.get('x-rounds'), '10 0');
  assert.equal(server.calls[0]?.ended, true);
  r.check();
});

test('a guest that sends without end to a server that does not read is stopped', async t => {
  const server = await startGrpcServer(t);
  let [call, sent, refused] = [0, 0, 0];
  const flood = (p: Puppet) => {
    for (let i = 0; i < 1000; i++) {
      if (send(p, call, 'x'.repeat(1000)) === OK) sent++;
      else refused++;
    }
  };
  const { port, r } = await setUp(
    t,
    {
      proxy_on_configure: p => {
        call = open(p, 'Deaf');
      },
      proxy_on_request_headers: flood,
    },
    server.port,
    { limits: { bufferedBody: 64 * 1024 } },
  );
  await until(() => server.calls.length === 1);
  for (let i = 0; i < 5; i++) assert.equal((await get(port, '/')).status, 200);
  // Of 5 MB: 64 KiB here, as much in the library, and what the windows of both sides and sockets take.
  assert.ok(refused > 4000, `${sent} sent, ${refused} refused`);
  r.check();
});

test('a client that goes while its request waits: the server sees its call cancelled, the guest hears it', async t => {
  const server = await startGrpcServer(t);
  const closes: number[] = [];
  const { port, r, plugin, app } = await setUp(
    t,
    {
      proxy_on_request_headers: p => {
        open(p, 'Hang', 'x');
        return PAUSE;
      },
      proxy_on_grpc_close: (_p, _root, _id, code) => void closes.push(code),
    },
    server.port,
  );
  const client = await openClient(t, port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => server.calls[0]?.messages.length === 1);
  client.close();
  await until(() => server.calls[0]?.cancelled);
  await until(() => closes.length === 1);
  assert.deepEqual(closes, [1]);
  assert.equal(plugin.counters.calls, 0);
  assert.equal(app.requests.length, 0);
  r.check();
});

test('a VM that dies while calls are open: they end, streams fail, the next VM calls again', async t => {
  const server = await startGrpcServer(t);
  const script = asking('Hang', () => 'x');
  const { port, r, plugin } = await setUp(
    t,
    {
      ...script,
      proxy_on_request_headers: (p, context, count, end) =>
        p.header(0, ':path') === '/die'
          ? p.call('trap')
          : script.proxy_on_request_headers!(p, context, count, end, 0, 0),
    },
    server.port,
    { restart: { firstDelay: 0, maxDelay: 0, crashesPerMinute: 100 } },
  );
  const waiting = get(port, '/wait');
  await until(() => server.calls.length === 1);
  assert.equal((await get(port, '/die')).status, 503);
  assert.equal((await waiting).status, 503);
  await until(() => server.calls[0]?.cancelled);
  assert.equal(plugin.counters.calls, 0);
  const client = await openClient(t, port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => server.calls.length === 2);
  assert.equal(r.puppets.length, 2);
});

test('a VM of one request: it hears of the answer it waits for, and what it leaves open ends with it', async t => {
  const server = await startGrpcServer(t);
  const script = asking('Unary', () => 'x');
  const { port, r, plugin, app } = await setUp(
    t,
    {
      ...script,
      proxy_on_request_headers: (p, ...rest) => {
        open(p, 'Hang');
        return script.proxy_on_request_headers!(p, ...rest);
      },
      proxy_on_grpc_close: () => assert.fail('told of a call that ended with its VM'),
    },
    server.port,
    { isolation: 'request', pool: 2 },
  );
  for (let i = 0; i < 5; i++) {
    assert.equal((await get(port, '/')).status, 200);
    assert.equal(app.requests[i]?.headers.get('x-answer'), 'X');
  }
  const left = server.calls.filter(({ method }) => method === 'Hang');
  assert.equal(left.length, 5);
  await until(() => left.every(({ cancelled }) => cancelled));
  await until(() => plugin.counters.calls === 0);
  assert.deepEqual(
    r.log.lines.filter(({ level }) => level === 'error'),
    [],
  );
  r.check();
});

test('a VM of one request: a call that it makes at its end goes out', async t => {
  const server = await startGrpcServer(t);
  const { port, r, plugin } = await setUp(
    t,
    { proxy_on_log: p => void open(p, 'Unary', 'last words') },
    server.port,
    { isolation: 'request', pool: 2 },
  );
  for (let i = 0; i < 3; i++) assert.equal((await get(port, '/')).status, 200);
  await until(() => server.calls.length === 3);
  assert.deepEqual(
    server.calls.map(({ messages }) => String(messages[0])),
    ['last words', 'last words', 'last words'],
  );
  await until(() => plugin.counters.calls === 0);
  assert.deepEqual(grpcOf(r), []);
  assert.deepEqual(
    r.log.lines.filter(({ level }) => level === 'error'),
    [],
  );
});

test('with onFailure: open, a stream whose VM dies while it waits for an answer goes on', async t => {
  const server = await startGrpcServer(t);
  const { port, app, plugin } = await setUp(
    t,
    {
      proxy_on_request_headers: p => {
        open(p, 'Unary', 'x');
        return PAUSE;
      },
      proxy_on_grpc_receive: p => p.call('trap'),
    },
    server.port,
    { onFailure: 'open' },
  );
  assert.equal((await get(port, '/')).status, 200);
  assert.equal(app.requests.length, 1);
  assert.equal(plugin.counters.calls, 0);
});

test('shutdown: calls end with it, and nothing is told any more', async t => {
  const server = await startGrpcServer(t);
  const { port, r, plugin, proxy, grpc } = await setUp(
    t,
    {
      proxy_on_configure: p => void open(p, 'Wait'),
      proxy_on_request_headers: p => {
        open(p, 'Hang', 'x');
        return PAUSE;
      },
    },
    server.port,
  );
  const client = await openClient(t, port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => server.calls.length === 2 && grpcOf(r).length > 0);
  await proxy.close();
  plugin.close();
  const before = r.calls.length;
  grpc.close();
  await until(() => server.calls.every(({ cancelled }) => cancelled));
  assert.deepEqual(r.calls.slice(before), []);
  assert.equal(plugin.counters.calls, 0);
  r.check();
});

/** Callbacks of gRPC that came. */
const grpcOf = (r: Rig) => r.calls.filter(name => name.startsWith('grpc_receive('));
