import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadFilters } from '../../src/runtime/filters.ts';
import { assemble } from '../support/guest-wat.ts';
import { MemoryLog } from '../support/log.ts';
import { metric } from '../support/metrics.ts';
import { get } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { type FilterInput, startTestWeir, weirConfig } from '../support/weir.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-eviction-'));
after(() => rmSync(folder, { recursive: true }));

/** A filter whose `proxy_on_request_headers` does that; `salt` makes its bytes its own. */
function guest(name: string, headers = '(i32.const 0)', rest = '', imports = ''): string {
  const file = join(folder, `${name}.wasm`);
  const text = `(module ${imports} (memory (export "memory") 1)
    (data (i32.const 0) "x-die") (data (i32.const 64) "${name}")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) ${headers}) ${rest})`;
  writeFileSync(file, assemble(text));
  return file;
}

const GET = `(import "env" "proxy_get_header_map_value"
  (func $get (param i32 i32 i32 i32 i32) (result i32)))`;
/** Traps when the request has an x-die field. */
const DIES = `(if (i32.eqz (call $get (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 100) (i32.const 104)))
  (then unreachable)) (i32.const 0)`;

function routed(filters: Readonly<Record<string, FilterInput>>, cache: object) {
  const routes = Object.keys(filters).map(name => ({
    match: { path: { exact: `/${name}` } },
    upstream: 'app',
    filters: [name],
  }));
  return { filters, routes, modules: { cache: { directory: false as const, ...cache } } };
}

const vms = (text: string) => text.split('\n').filter(line => line.startsWith('weir_filter_vms{')).length;

test('filters whose contexts never call proxy_done end all the same when they are evicted', async t => {
  const never = '(func (export "proxy_on_done") (param i32) (result i32) (i32.const 0))';
  const names = Array.from({ length: 10 }, (_, i) => `never-${i}`);
  const filters = Object.fromEntries(
    names.map(name => [name, { module: guest(name, '(i32.const 0)', never), preload: false }]),
  );
  const { port, running } = await startTestWeir(t, routed(filters, { maxModules: 2, maxVms: 2 }));
  for (let round = 0; round < 3; round++) {
    for (const name of names) assert.equal((await get(port, `/${name}`)).status, 200);
  }
  assert.equal(vms(await running.metrics()), 2);
});

test('filters that tick are not evicted: no request would bring them back', async t => {
  const imports = `(import "env" "proxy_set_tick_period_milliseconds" (func $period (param i32) (result i32)))
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))`;
  const rest = `(func (export "proxy_on_configure") (param i32 i32) (result i32)
      (drop (call $period (i32.const 300))) (i32.const 1))
    (func (export "proxy_on_tick") (param i32) (drop (call $log (i32.const 2) (i32.const 64) (i32.const 6))))`;
  const tickers = ['tick-0', 'tick-1', 'tick-2'];
  const others = Array.from({ length: 6 }, (_, i) => `other-${i}`);
  for (const [room, own] of [
    [2, tickers.slice(0, 1)],
    // More than there is room for.
    [2, tickers],
  ] as const) {
    const filters: Record<string, FilterInput> = {};
    for (const name of own) filters[name] = { module: guest(name, '(i32.const 0)', rest, imports) };
    for (const name of others) filters[name] = { module: guest(name), preload: false };
    const options = routed(filters, { maxModules: room, maxVms: room });
    const { port, running, log } = await startTestWeir(t, options);
    for (let round = 0; round < 3; round++) {
      for (const name of others) assert.equal((await get(port, `/${name}`)).status, 200);
    }
    const text = await running.metrics();
    for (const name of own) assert.equal(metric(text, `weir_filter_vms{filter="${name}"}`), 1, name);
    assert.ok(vms(text) <= Math.max(room, own.length + 2), String(vms(text)));
    const ticks = (name: string) => log.at('info').filter(line => line.message === name).length;
    const before = own.map(ticks);
    await until(() => own.every((name, i) => ticks(name) > before[i]!), 'a tick of each');
    for (const name of own) {
      const starts = metric(await running.metrics(), `weir_filter_vms_started_total{filter="${name}"}`);
      assert.equal(starts, 1, name);
    }
  }
});

test('a module that was evicted under way and loaded again is evicted again', async t => {
  const names = Array.from({ length: 6 }, (_, i) => `again-${i}`);
  const filters = Object.fromEntries(names.map(name => [name, { module: guest(name), preload: false }]));
  const { port, running } = await startTestWeir(t, routed(filters, { maxModules: 1 }));
  const slow = names.map(name => get(port, `/${name}?delay=300`));
  for (const name of names) assert.equal((await get(port, `/${name}`)).status, 200);
  for (const answer of await Promise.all(slow)) assert.equal(answer.status, 200);
  await get(port, `/${names[0]}`);
  assert.equal(vms(await running.metrics()), 1);
});

for (const onFailure of ['closed', 'reload'] as const) {
  test(`eviction is no way out of back-off or of being down (${onFailure})`, async t => {
    const restart = { firstDelay: '1h', maxDelay: '2h' };
    const filters = {
      bad: { module: guest('bad', DIES, '', GET), onFailure, restart },
      ok: { module: guest('ok') },
    };
    const { port, running } = await startTestWeir(t, routed(filters, { maxModules: 1 }));
    for (let i = 0; i < 6; i++) {
      assert.equal((await get(port, '/bad', 'x-die: 1')).status, 503);
      assert.equal((await get(port, '/ok')).status, 200);
    }
    assert.equal((await get(port, '/bad')).status, 503);
    const text = await running.metrics();
    // The first new VM is started at once.
    const traps = onFailure === 'closed' ? 1 : 2;
    assert.equal(metric(text, 'weir_filter_failures_total{filter="bad",kind="trap"}'), traps);
    assert.equal(metric(text, 'weir_filter_refused_total{filter="bad"}'), 7 - traps);
  });
}

test('a filter that is still being loaded when all is closed does not outlive it', async () => {
  const config = weirConfig({ filters: { late: { module: guest('late'), preload: false } } });
  const { filters } = await loadFilters([...config.filters.values()], config.modules, new MemoryLog());
  const chain = filters.chain(['late']).ready();
  filters.close();
  await chain;
  assert.deepEqual([...filters.loader.registry.usage(list => list.length)], []);
});

test('a chain longer than the caches is told about when it is made', async t => {
  const filters = { a: { module: guest('a') }, b: { module: guest('b') } };
  const { port, log } = await startTestWeir(t, {
    filters,
    modules: { cache: { directory: false, maxModules: 1 } },
  });
  assert.equal((await get(port, '/')).status, 200);
  assert.ok(log.at('warn').some(line => /has 2 filters, .*maxModules.* keeps 1/.test(line.message)));
});

test('a command that ended its start by exit(0) lives: its streams are not those of a dead VM', async t => {
  const exit = '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))';
  const start = '(func (export "_start") (call $exit (i32.const 0)))';
  const pauses = DIES.replace(/\(i32\.const 0\)$/, '(i32.const 1)');
  for (const isolation of ['shared', 'request'] as const) {
    const module = guest(`command-${isolation}`, pauses, start, exit + GET);
    const limits = { pauseTime: '100ms' };
    const { port } = await startTestWeir(t, {
      filters: { command: { module, isolation, pool: 0, limits, restart: { firstDelay: '1ms' } } },
    });
    const statuses: number[] = [];
    for (const field of ['x-a: 1', 'x-die: 1', 'x-a: 1', 'x-a: 1']) {
      statuses.push((await get(port, '/', field)).status);
    }
    assert.deepEqual(statuses, [504, 503, 504, 504], isolation);
  }
});

test('dropped log lines are told of also when the filter never logs again', async t => {
  const log = '(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))';
  const floods = `(local $n i32) (loop $next
    (drop (call $log (i32.const 2) (i32.const 64) (i32.const 5)))
    (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 30))))
    (i32.const 0)`;
  const weir = await startTestWeir(t, {
    filters: { f: { module: guest('flood', floods, '', log), limits: { logLines: 10 } } },
  });
  await get(weir.port, '/');
  await until(
    () => weir.log.at('warn').some(line => line.message.startsWith('20 log lines dropped')),
    'the line',
  );
});
