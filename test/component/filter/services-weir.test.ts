import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startUpstream } from '../../support/fixtures.ts';
import { startGrpcServer } from '../../support/grpc-server.ts';
import { get } from '../../support/raw-client.ts';
import { until } from '../../support/wait.ts';
import { startTestWeir } from '../../support/weir.ts';

const PUPPET = 'test/component/fixtures/service-puppet/service-puppet.wasm';

const filter = (script: readonly string[], capabilities: object = {}) => ({
  module: PUPPET,
  config: script.join('\n'),
  capabilities: { upstreams: ['app2'], sharedData: true, ...capabilities },
});

/** The whole of Weir with one filter, `puppet`, and what it logged so far that begins so. */
async function setUp(t: TestContext, script: readonly string[], second: number | 'echo', rest: object = {}) {
  const app = await startUpstream(t);
  const weir = await startTestWeir(t, {
    upstreams: [app.port, second],
    filters: { puppet: filter(script) },
    routes: [{ upstream: 'app', filters: ['puppet'] }],
    ...rest,
  });
  const said = (start: string) =>
    weir.log.lines.map(({ message }) => message).filter(message => message.startsWith(start));
  return { app, ...weir, said };
}

test('a component asks an upstream before a request goes on', async t => {
  const auth = await startUpstream(t, (req, res) => {
    res.writeHead(200, { 'x-path': req.url ?? '' }).end(`anna of ${req.headers['x-from']}`);
  });
  const { app, port, said } = await setUp(
    t,
    [
      'request-headers http app2 GET /check auth.example h:x-from=weir',
      'request-headers pause',
      'http-call field headers x-path',
      'http-call resume-with x-auth body',
    ],
    auth.port,
  );
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(port, '/')));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(app.requests.length, 20);
  for (const { headers } of app.requests) assert.equal(headers.get('x-auth'), 'anna of weir');
  assert.equal(auth.requests[0]?.headers.get('host'), 'auth.example');
  assert.equal(said('http-call field').at(-1), 'http-call field headers x-path: Some("/check")');
});

test('a component asks by gRPC, in a call and a stream', async t => {
  const server = await startGrpcServer(t);
  const { app, port, said } = await setUp(
    t,
    [
      'trace',
      'configure grpc-stream app2 test.Service Echo m:x-key=1',
      'configure grpc-send 1 one',
      'configure grpc-send 1 two end',
      'configure grpc app2 test.Service Fail x',
      'request-headers grpc app2 test.Service Unary hello timeout:60000',
      'request-headers pause',
      'grpc-message bytes message 0 100',
      'grpc-message resume-with x-answer message',
      'grpc-close status',
    ],
    server.port,
  );
  assert.equal((await get(port, '/')).status, 200);
  assert.equal(app.requests[0]?.headers.get('x-answer'), 'HELLO');
  await until(() => said('grpc-close ').length >= 4, 'the ends of both');
  assert.deepEqual(said('grpc-message bytes').slice(0, 3).sort(), [
    'grpc-message bytes message 0 100: 3 bytes one',
    'grpc-message bytes message 0 100: 3 bytes two',
    'grpc-message bytes message 0 100: 5 bytes HELLO',
  ]);
  assert.ok(said('grpc-close status').includes('grpc-close status: 9 nicht möglich: 100%'));
  assert.equal(server.calls.find(({ method }) => method === 'Echo')?.metadata.get('x-key')[0], '1');
});

test('a component counts in shared data, hands on by a queue, ticks and has metrics', async t => {
  const { port, said, running } = await setUp(
    t,
    [
      'configure queue lines',
      'configure define counter requests',
      'configure define histogram size',
      'configure tick 1',
      'request-headers increment count',
      'request-headers enqueue 1 %00line',
      'request-headers record 1 1',
      'request-headers record 2 5',
      'queue dequeue 1',
      'tick tick 0',
      'tick set-data ticked yes 0',
    ],
    'echo',
  );
  const N = 30;
  await Promise.all(Array.from({ length: N }, () => get(port, '/')));
  const counts = said('request-headers increment').map(line => Number(/\d+/.exec(line)?.[0]));
  assert.deepEqual(
    counts.sort((a, b) => a - b),
    Array.from({ length: N }, (_, i) => i + 1),
  );
  const values = () => said('queue dequeue').filter(line => line.endsWith('Ok(Some("%00line"))'));
  await until(() => values().length === N, 'all values');
  await until(() => said('tick ').length > 0, 'a tick');
  assert.deepEqual(said('tick '), ['tick set-data ticked yes 0: Ok(())']);
  const metrics = await running.metrics();
  assert.ok(metrics.includes('\nweir_custom_requests_total{filter="puppet"} 30\n'), metrics);
  assert.ok(metrics.includes('\nweir_custom_size_count{filter="puppet"} 30\n'), metrics);
});

test('components in two threads lose no update of one value', async t => {
  const { port, said } = await setUp(
    t,
    // A version of 0 asks for none: what isn't there yet, both could make.
    ['configure set-data count 0 0', 'request-headers increment count'],
    'echo',
    { workers: 2 },
  );
  const N = 60;
  for (let i = 0; i < N; i += 20) await Promise.all(Array.from({ length: 20 }, () => get(port, '/')));
  await until(() => said('request-headers increment').length === N, 'all lines');
  const counts = said('request-headers increment').map(line => Number(/\d+/.exec(line)?.[0]));
  assert.deepEqual(
    counts.sort((a, b) => a - b),
    Array.from({ length: N }, (_, i) => i + 1),
  );
});

test('a component that serves no route runs as a service', async t => {
  const collector = await startUpstream(t);
  const { said } = await setUp(t, [], collector.port, {
    filters: {
      puppet: filter(['configure tick 1', 'tick http app2 GET /ticked a', 'tick tick 0', 'http-call status']),
    },
    routes: [{ upstream: 'app' }],
    services: [{ filter: 'puppet' }],
  });
  await until(() => said('http-call status').length > 0, 'the answer');
  assert.equal(collector.requests[0]?.url, '/ticked');
  assert.deepEqual(said('http-call status'), ['http-call status: 200 ']);
});
