import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openClient, startUpstream } from '../support/fixtures.ts';
import { startGrpcServer } from '../support/grpc-server.ts';
import { assemble } from '../support/guest-wat.ts';
import { get, header } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { startTestWeir } from '../support/weir.ts';

/** Texts in the guest's memory, by place. */
const TEXTS = { 16: 'app2', 32: 'test.Service', 48: 'Unary', 64: 'hello', 80: 'x-answer', 96: 'Hang' };

/**
 * A filter as an SDK would build it: it asks the upstream `app2` before a request goes on; the answer becomes a header,
 * a failure the status of a local response. A request with a body asks a method that never answers.
 */
const GUEST = `(module
  (import "env" "proxy_grpc_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $become (param i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  ${Object.entries(TEXTS)
    .map(([at, text]) => `(data (i32.const ${at}) "${text}")`)
    .join('\n  ')}
  (global $next (mut i32) (i32.const 65536))
  (global $context (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get $size) (i32.const 7)) (i32.const -8)))))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param $context i32) (param i32) (param $end i32) (result i32)
    (global.set $context (local.get $context))
    (if (call $call (i32.const 16) (i32.const 4) (i32.const 32) (i32.const 12)
        (select (i32.const 48) (i32.const 96) (local.get $end))
        (select (i32.const 5) (i32.const 4) (local.get $end))
        (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 5) (i32.const 60000) (i32.const 8))
      (then (unreachable)))
    (i32.const 1))
  (func (export "proxy_on_grpc_receive") (param i32 i32) (param $size i32)
    (drop (call $bytes (i32.const 5) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 4)))
    (drop (call $become (global.get $context)))
    (drop (call $replace (i32.const 0) (i32.const 80) (i32.const 8) (i32.load (i32.const 0)) (i32.load (i32.const 4))))
    (drop (call $continue (i32.const 0))))
  (func (export "proxy_on_grpc_close") (param i32 i32) (param $code i32)
    (drop (call $become (global.get $context)))
    (drop (call $respond (i32.add (i32.const 500) (local.get $code)) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)))))`;

/** The whole of Weir with that filter; it may call what is said. */
async function setUp(t: TestContext, grpc: number | 'echo', granted: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-grpc-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const module = join(folder, 'asks.wasm');
  writeFileSync(module, assemble(GUEST));
  const app = await startUpstream(t);
  const weir = await startTestWeir(t, {
    upstreams: [app.port, grpc],
    filters: { asks: { module, capabilities: { upstreams: [...granted] } } },
    routes: [{ upstream: 'app', filters: ['asks'] }],
  });
  return { app, weir, port: weir.port };
}

test('from the configuration to the answer', async t => {
  const server = await startGrpcServer(t);
  const { app, port } = await setUp(t, server.port, ['app2']);
  assert.equal((await get(port, '/')).status, 200);
  assert.equal(app.requests[0]?.headers.get('x-answer'), 'HELLO');
  const seen = server.calls[0]!;
  assert.deepEqual(seen.messages.map(String), ['hello']);
  assert.ok(seen.timeout > 10_000 && seen.timeout <= 60_000);
});

test('an upstream that was not granted is not called', async t => {
  const server = await startGrpcServer(t);
  const { app, weir, port } = await setUp(t, server.port, ['app']);
  const response = await get(port, '/');
  assert.equal(response.status, 503);
  assert.equal(header(response, 'x-answer'), undefined);
  assert.deepEqual([server.calls.length, app.requests.length], [0, 0]);
  assert.ok(weir.log.lines.some(({ message }) => message.includes('a call to upstream app2')));
});

test("what is built in doesn't speak gRPC: the guest hears UNAVAILABLE", async t => {
  const { port } = await setUp(t, 'echo', ['app2']);
  assert.equal((await get(port, '/')).status, 514);
});

test('close ends a call that is open', async t => {
  const server = await startGrpcServer(t);
  const { weir, port } = await setUp(t, server.port, ['app2']);
  const client = await openClient(t, port);
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n');
  await until(() => server.calls.length === 1);
  await weir.running.close();
  await until(() => server.calls[0]?.cancelled);
  await client.untilClosed();
});
