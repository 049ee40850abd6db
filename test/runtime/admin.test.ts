import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { loadConfigText } from '../../src/config/load.ts';
import { startWeir } from '../../src/runtime/weir.ts';
import { MemoryLog } from '../support/log.ts';
import { get, header } from '../support/raw-client.ts';
import { ROOT } from '../support/weir.ts';

const YAML = `
workers: 1
listeners: [{address: "127.0.0.1:0", routes: [{upstream: app, filters: [f]}]}]
upstreams: {app: {endpoints: ["builtin:echo"]}}
filters: {f: {module: filters/c/security-headers/security-headers.wasm}}
modules: {cache: {directory: false}}
admin: {address: "127.0.0.1:0"}
`;

test('the admin listener serves metrics and health, and nothing else', async t => {
  const running = await startWeir(loadConfigText(YAML, `${ROOT}admin-test.yaml`), new MemoryLog());
  t.after(() => running.close());
  const port = Number(new URL(running.admin!).port);
  const metrics = await get(port, '/metrics');
  assert.equal(metrics.status, 200);
  assert.match(String(header(metrics, 'content-type')), /^text\/plain; version=0\.0\.4/);
  const text = metrics.body.toString();
  for (const line of [
    '# TYPE weir_filter_failures_total counter',
    'weir_filter_failures_total{filter="f",kind="interruption"} 0',
    'weir_filter_limit_hits_total{filter="f",limit="callTime"} 0',
    'weir_filter_vms{filter="f"} 1',
    'weir_filter_vms_started_total{filter="f"} 1',
    'weir_module_cache_modules 1',
  ]) {
    assert.ok(text.split('\n').includes(line), line);
  }
  assert.equal(text, await running.metrics());
  assert.equal((await get(port, '/healthz')).body.toString(), 'ok\n');
  assert.equal((await get(port, '/')).status, 404);
  await running.close();
  await assert.rejects(get(port, '/healthz'));
});

test('an address that is taken is an error, and nothing stays open', async t => {
  const first = await startWeir(loadConfigText(YAML, `${ROOT}admin-test.yaml`), new MemoryLog());
  t.after(() => first.close());
  const taken = YAML.replace(
    'admin: {address: "127.0.0.1:0"}',
    `admin: {address: "${new URL(first.admin!).host}"}`,
  );
  await assert.rejects(startWeir(loadConfigText(taken, `${ROOT}admin-test.yaml`), new MemoryLog()), {
    code: 'LISTEN_FAILED',
    message: /^admin: can't listen on 127\.0\.0\.1:\d+: EADDRINUSE \(another process listens there: /,
  });
});

for (const workers of [1, 2]) {
  test(`while requests in flight end it says so: nobody should send new ones; ${workers} workers`, async t => {
    const { port: slow, answer } = await slowUpstream(t);
    const yaml = YAML.replace('workers: 1', `workers: ${workers}`)
      .replace('builtin:echo', `http://127.0.0.1:${slow}`)
      .concat('shutdown: {drain: 1m}\n');
    const running = await startWeir(loadConfigText(yaml, `${ROOT}admin-test.yaml`), new MemoryLog());
    t.after(() => running.close());
    const admin = Number(new URL(running.admin!).port);
    const inFlight = get(Number(new URL(running.addresses[0]!.url).port), '/');
    const end = await answer;
    assert.equal((await get(admin, '/healthz')).status, 200);
    const closing = running.close();
    assert.equal((await get(admin, '/healthz')).status, 503);
    assert.match((await get(admin, '/metrics')).body.toString(), /requests_in_flight\{[^}]*\} 1/);
    end();
    assert.equal((await inFlight).status, 200);
    await closing;
  });
}

/** Answers when told to. */
async function slowUpstream(t: TestContext): Promise<{ port: number; answer: Promise<() => void> }> {
  const { promise, resolve } = Promise.withResolvers<() => void>();
  const server = createServer((_req, res) => resolve(() => res.end()));
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, answer: promise };
}
