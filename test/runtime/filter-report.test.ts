import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { checkFilters } from '../../src/runtime/check-filters.ts';
import { type FilterReport, filterReports } from '../../src/runtime/filter-report.ts';
import { assemble } from '../support/guest-wat.ts';
import { MemoryLog } from '../support/log.ts';
import { shipped } from '../support/shipped.ts';
import { type FilterInput, ROOT, weirConfig } from '../support/weir.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-report-'));
after(() => rmSync(folder, { recursive: true }));

async function reports(filters: Record<string, FilterInput>, dry = true): Promise<FilterReport[]> {
  const log = new MemoryLog();
  let found: FilterReport[] = [];
  const errors = await checkFilters(weirConfig({ filters }), log, async sources => {
    found = await filterReports(sources, log, dry);
  });
  assert.deepEqual(errors, []);
  return found;
}

/** A filter that does `body` for request headers, with more functions. */
function filter(name: string, body: string, more = ''): FilterInput {
  const file = join(folder, `${name}.wasm`);
  const text = `(module
    (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
    (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
    (memory (export "memory") 1)
    (global $n (mut i32) (i32.const 0))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 0))
    (func $respond (param i32) (drop (call $answer (local.get 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) ${body})
    ${more})`;
  writeFileSync(file, assemble(text));
  return { module: file };
}

function assertTime(value: number | null): void {
  assert.ok(value !== null && Number.isFinite(value) && value >= 0, String(value));
}

const PASSES = '(i32.const 0)';

test('shipped filters: code, memory, phases, times, and requests that pass or are answered', async () => {
  const found = await reports({
    add: shipped('add-header', { header: 'x-a' }),
    jwt: shipped('jwt', { secret: 'a-secret-of-at-least-thirty-two-bytes' }),
    rewrite: shipped('body-rewrite', { response: [{ pattern: 'a', replacement: 'b' }] }),
    security: shipped('security-headers'),
  });
  const outcomes = found.map(({ name, dryRun }) => [name, dryRun?.kind, dryRun?.details]);
  assert.deepEqual(outcomes, [
    ['add', 'passes', ''],
    ['jwt', 'answers', '401'],
    ['rewrite', 'passes', ''],
    ['security', 'passes', ''],
  ]);
  for (const { kind, code, memory, loadMillis, startMillis, dryRun } of found) {
    assert.equal(kind, 'module');
    assert.ok(code.size > code.longest && code.longest > 0 && code.functions > 10);
    assert.ok(memory.started >= 65_536 && memory.now >= memory.started && memory.limit === 16 * 1024 ** 2);
    for (const time of [loadMillis, startMillis, dryRun!.firstMicros, dryRun!.medianMicros]) assertTime(time);
    assert.ok(dryRun!.requests > 0 && dryRun!.requests <= 1000);
    assert.equal(dryRun!.changed, null);
  }
  assert.deepEqual(
    found.map(({ phases }) => [phases!.requestHeaders, phases!.requestBody, phases!.responseHeaders]),
    [
      [true, false, true],
      [true, false, false],
      [true, true, true],
      [false, false, true],
    ],
  );
});

test('components, plugs included, and a handler, which is sent nothing', async () => {
  const verifier = 'filters/rust/static-verifier/static-verifier.wasm';
  const [token, greeter] = await reports({
    token: { module: 'filters/rust/verify-token/verify-token.wasm', plugs: [verifier], config: 'read' },
    greeter: { module: 'filters/rust/http-greeter/http-greeter.wasm' },
  });
  assert.equal(token!.kind, 'component');
  assert.deepEqual([token!.dryRun?.kind, token!.dryRun?.details], ['answers', '401']);
  assert.equal(token!.phases?.responseHeaders, false);
  assert.deepEqual([greeter!.kind, greeter!.phases, greeter!.dryRun], ['handler', null, null]);
  assert.ok(greeter!.code.size > 0 && greeter!.memory.now > 0);
});

test('a filter that may write or connect is sent nothing: it would do it', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'weir-granted-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const module = 'filters/rust/add-header-component/add-header-component.wasm';
  const config = { response: { set: { 'x-a': '1' } } };
  const grant = (access: 'read' | 'write') => ({
    directories: [{ host: directory, guest: '/data', access }],
  });
  const [reads, writes, connects, calls] = await reports({
    reads: { module, config, capabilities: grant('read') },
    writes: { module, config, capabilities: grant('write') },
    connects: { module, config, capabilities: { tcp: ['127.0.0.1:1'] } },
    calls: { module, config, capabilities: { upstreams: ['app'] } },
  });
  assert.deepEqual([reads!.reachesOut, reads!.dryRun?.kind], [false, 'passes']);
  assert.deepEqual([writes!.reachesOut, writes!.dryRun], [true, null]);
  assert.deepEqual([connects!.reachesOut, connects!.dryRun], [true, null]);
  assert.deepEqual([calls!.reachesOut, calls!.dryRun], [true, null]);
});

test('what happens in place of a request that passes', async () => {
  const cases: readonly [name: string, input: FilterInput, kind: string, details: RegExp][] = [
    ['traps', filter('traps', 'unreachable'), 'fails', /^proxy_on_request_headers: trap: unreachable$/],
    ['open', { ...filter('open', 'unreachable'), onFailure: 'open' }, 'fails', /^its VM died$/],
    ['alone', { ...filter('alone', 'unreachable'), isolation: 'request' }, 'fails', /trap: unreachable$/],
    ['loops', filter('loops', '(loop br 0) (i32.const 0)'), 'fails', /limits\.callTime/],
    [
      'late',
      filter('late', PASSES, '(func (export "proxy_on_log") (param i32) unreachable)'),
      'fails',
      /died/,
    ],
    ['pauses', filter('pauses', '(i32.const 1)'), 'pauses', /^request$/],
    [
      'holds',
      filter(
        'holds',
        PASSES,
        '(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (i32.const 1))',
      ),
      'pauses',
      /^response$/,
    ],
    ['resumes', filter('resumes', '(drop (call $continue (i32.const 0))) (i32.const 1)'), 'passes', /^$/],
    ['closes', filter('closes', '(drop (call $close (i32.const 0))) (i32.const 0)'), 'closes', /^$/],
    ['answers', filter('answers', '(call $respond (i32.const 403)) (i32.const 1)'), 'answers', /^403$/],
  ];
  const found = await reports(Object.fromEntries(cases.map(([name, input]) => [name, input])));
  for (const [i, [name, , kind, details]] of cases.entries()) {
    const { dryRun } = found[i]!;
    assert.equal(dryRun!.kind, kind, name);
    assert.match(dryRun!.details, details, name);
    if (kind === 'fails' || kind === 'pauses') {
      assert.deepEqual([dryRun!.requests, dryRun!.firstMicros, dryRun!.medianMicros], [0, null, null], name);
    } else assertTime(dryRun!.medianMicros);
  }
});

test('a filter that does something else after some requests', async () => {
  const limited = filter(
    'limited',
    `(global.set $n (i32.add (global.get $n) (i32.const 1)))
     (if (i32.gt_u (global.get $n) (i32.const 10)) (then (call $respond (i32.const 429)))) (i32.const 0)`,
  );
  const [report] = await reports({ limited });
  const { kind, changed, requests } = report!.dryRun!;
  assert.deepEqual([kind, changed, requests], ['passes', { kind: 'answers', details: '429', after: 10 }, 9]);
});

test('memory that grows with each request is told as it is after them', async () => {
  const [report] = await reports({
    grows: filter('grows', '(drop (memory.grow (i32.const 51))) (i32.const 0)'),
  });
  const { started, now, limit } = report!.memory;
  assert.deepEqual([started, now], [65_536, limit]);
});

test('a VM for each request: those are made between them', async () => {
  const [report] = await reports({ add: { ...shipped('security-headers'), isolation: 'request', pool: 2 } });
  assert.equal(report!.dryRun!.kind, 'passes');
  assert.ok(report!.dryRun!.requests > 0);
});

test('more filters than the caches keep', async () => {
  const log = new MemoryLog();
  const filters = { a: filter('a', PASSES), b: filter('b', '(nop) (i32.const 0)') };
  const config = weirConfig({ filters, modules: { cache: { directory: false, maxModules: 1 } } });
  let found: FilterReport[] = [];
  await checkFilters(config, log, async sources => {
    found = await filterReports(sources, log, true);
  });
  assert.deepEqual(
    found.map(({ name, dryRun }) => [name, dryRun?.kind]),
    [
      ['a', 'passes'],
      ['b', 'passes'],
    ],
  );
});

test('no dry run', async () => {
  const [report] = await reports({ traps: filter('traps', 'unreachable') }, false);
  assert.equal(report!.dryRun, null);
  assert.equal(report!.memory.now, 65_536);
});

test('nothing of this is loaded by who runs filters', () => {
  const users = readdirSync(`${ROOT}src`, { recursive: true, encoding: 'utf8' }).filter(file => {
    if (!file.endsWith('.ts')) return false;
    return /^import (?!type ).*\/(dry-run|dry-exchange|filter-report)\.ts'/m.test(
      readFileSync(`${ROOT}src/${file}`, 'utf8'),
    );
  });
  assert.deepEqual(users.toSorted(), ['cli/check.ts', 'runtime/dry-run.ts', 'runtime/filter-report.ts']);
});
