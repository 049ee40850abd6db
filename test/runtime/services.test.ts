import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadConfigText } from '../../src/config/load.ts';
import { startWeir } from '../../src/runtime/weir.ts';
import { startUpstream } from '../support/fixtures.ts';
import { assemble } from '../support/guest-wat.ts';
import { MemoryLog } from '../support/log.ts';
import { metric } from '../support/metrics.ts';
import { until } from '../support/wait.ts';

/** With imports, memory, an allocator and a request `:method POST, :path /work, :authority app` of 68 bytes at 64. */
const guest = (functions: string) => `(module
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
  (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call"
    (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $add (param i32 i64) (result i32)))
  (import "env" "proxy_done" (func $done (result i32)))
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 65536))
  (data (i32.const 0) "work")
  (data (i32.const 16) "app")
  (data (i32.const 32) "sent")
  (data (i32.const 64)
    "\\03\\00\\00\\00\\07\\00\\00\\00\\04\\00\\00\\00\\05\\00\\00\\00\\05\\00\\00\\00\\0a\\00\\00\\00\\03\\00\\00\\00"
    ":method\\00POST\\00:path\\00/work\\00:authority\\00app\\00")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32)
    (global.get $heap) (global.set $heap (i32.add (global.get $heap) (local.get 0))))
  (func $send (param $body i32) (param $size i32)
    (if (call $call (i32.const 16) (i32.const 3) (i32.const 64) (i32.const 68)
      (local.get $body) (local.get $size) (i32.const 0) (i32.const 0) (i32.const 5000) (i32.const 216))
      (then (unreachable))))
  ${functions})`;

/** Puts a value into its own queue on each tick, and calls an upstream with each value that comes out. */
const SERVICE = guest(`
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (if (call $register (i32.const 0) (i32.const 4) (i32.const 200)) (then (unreachable)))
    (if (call $define (i32.const 0) (i32.const 32) (i32.const 4) (i32.const 204)) (then (unreachable)))
    (if (call $tick (i32.const 20)) (then (unreachable)))
    (i32.const 1))
  (func (export "proxy_on_tick") (param i32)
    (if (call $enqueue (i32.load (i32.const 200)) (i32.const 0) (i32.const 4)) (then (unreachable))))
  (func (export "proxy_on_queue_ready") (param i32 i32)
    (if (i32.ne (local.get 1) (i32.load (i32.const 200))) (then (unreachable)))
    (if (call $dequeue (local.get 1) (i32.const 208) (i32.const 212)) (then (unreachable)))
    (call $send (i32.load (i32.const 208)) (i32.load (i32.const 212))))
  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
    (if (local.get 2) (then (drop (call $add (i32.load (i32.const 204)) (i64.const 1))))))`);

/** Makes a call when it ends, and is done when it has its answer. */
const LAST_WORDS = guest(`
  (func (export "proxy_on_done") (param i32) (result i32)
    (call $send (i32.const 0) (i32.const 4))
    (i32.const 0))
  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
    (if (local.get 2) (then (if (call $done) (then (unreachable))))))`);

function service(t: TestContext, text = SERVICE): string {
  const directory = mkdtempSync(join(tmpdir(), 'weir-service-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'service.wasm'), assemble(text));
  return directory;
}

test('a service works without a route: ticks, queue, calls, metrics; and ends with Weir', async t => {
  const upstream = await startUpstream(t);
  const text = `
listeners: [{address: "127.0.0.1:0", routes: [{upstream: app}]}]
upstreams: {app: {endpoints: ["http://127.0.0.1:${upstream.port}"]}}
filters: {worker: {module: service.wasm, capabilities: {upstreams: [app], sharedData: true}}}
services: [{filter: worker}]`;
  const log = new MemoryLog();
  const weir = await startWeir(loadConfigText(text, join(service(t), 'weir.yaml')), log);
  try {
    const first = await until(() => upstream.requests[2], 'three calls');
    assert.equal(`${first.method} ${first.url} ${first.body}`, 'POST /work work');
    const sent = async () =>
      Number(/^weir_custom_sent_total\{filter="worker"\} (\d+)$/m.exec(await weir.metrics())?.[1]);
    while (!((await sent()) >= 2)) await new Promise(resolve => setTimeout(resolve, 5));
  } finally {
    await weir.close();
  }
  // Longer than three ticks: what went on would show. What a worker sent last may arrive after its end.
  await new Promise(resolve => setTimeout(resolve, 70));
  const after = upstream.requests.length;
  await new Promise(resolve => setTimeout(resolve, 70));
  assert.equal(upstream.requests.length, after);
  assert.deepEqual(
    log.lines.filter(({ level }) => level === 'error' || level === 'warn'),
    [],
  );
});

for (const workers of [1, 2]) {
  test(`a service that isn't done at the end is waited for; ${workers} workers`, async t => {
    const upstream = await startUpstream(t, (_req, res) => setTimeout(() => res.end('ok'), 50));
    const text = `
workers: ${workers}
listeners: [{address: "127.0.0.1:0", routes: [{upstream: app}]}]
upstreams: {app: {endpoints: ["http://127.0.0.1:${upstream.port}"]}}
filters: {worker: {module: service.wasm, capabilities: {upstreams: [app]}}}
services: [{filter: worker}]`;
    const file = join(service(t, LAST_WORDS), 'weir.yaml');
    const weir = await startWeir(loadConfigText(text, file), new MemoryLog());
    const begun = performance.now();
    await weir.close();
    assert.equal(upstream.requests.length, 1);
    assert.equal(upstream.requests[0]!.aborted, false, 'it was cut');
    assert.ok(performance.now() - begun < 5000, 'that it was done was not noticed');
  });
}

/** Does its work on the first two ticks, and traps in the third. */
const FRAIL = guest(`
  (global $ticks (mut i32) (i32.const 0))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (if (call $tick (i32.const 10)) (then (unreachable)))
    (i32.const 1))
  (func (export "proxy_on_tick") (param i32)
    (global.set $ticks (i32.add (global.get $ticks) (i32.const 1)))
    (if (i32.eq (global.get $ticks) (i32.const 3)) (then (unreachable)))
    (call $send (i32.const 0) (i32.const 4)))`);

test('a service whose VM dies goes on in a new one, without a request; with onFailure: closed it does not', async t => {
  const upstream = await startUpstream(t);
  const text = `
listeners: [{address: "127.0.0.1:0", routes: [{upstream: app}]}]
upstreams: {app: {endpoints: ["http://127.0.0.1:${upstream.port}"]}}
filters:
  frail:
    module: service.wasm
    restart: {firstDelay: 1ms, maxDelay: 20ms, crashesPerMinute: 100}
    capabilities: {upstreams: [app]}
  closed: {module: service.wasm, vmId: own, onFailure: closed, capabilities: {upstreams: [app]}}
services: [{filter: frail}, {filter: closed}]`;
  const log = new MemoryLog();
  const weir = await startWeir(loadConfigText(text, join(service(t, FRAIL), 'weir.yaml')), log);
  t.after(() => weir.close());
  const started = async (name: string) =>
    metric(await weir.metrics(), `weir_filter_vms_started_total{filter="${name}"}`);
  while ((await started('frail')) < 4) await new Promise(resolve => setTimeout(resolve, 5));
  await until(() => upstream.requests.length >= 4, 'work of several VMs');
  assert.equal(await started('closed'), 1);
});
