import assert from 'node:assert/strict';
import { test } from 'node:test';
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
    message: /^admin: can't listen on 127\.0\.0\.1:\d+: EADDRINUSE$/,
  });
});
