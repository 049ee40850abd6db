import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { RUST as add, weir } from '../../loadtest/scenarios/weir.ts';
import { measure } from '../../src/bench/measure.ts';
import type { Case, Scenario, Target } from '../../src/bench/scenario.ts';
import { processes } from '../support/processes.ts';

const folder = await mkdtemp(join(tmpdir(), 'weir-bench-'));
after(() => rm(folder, { recursive: true }));

const target = new URL('../../src/bench/target.ts', import.meta.url).href;

/** A target of its own making; `body` is the listener of a node:http server. */
function script(name: string, body: string): Target {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(
    file,
    `import { createServer } from 'node:http';
    import { serveTarget } from '${target}';
    serveTarget((upstream, input) => new Promise((resolve, reject) => {
      const server = createServer((req, res) => { ${body} });
      if (input === 'fails') reject(new Error('no listener for you'));
      server.listen(0, '127.0.0.1', () => resolve('http://127.0.0.1:' + server.address().port));
    }));`,
  );
  return { name, script: pathToFileURL(file) };
}

function run(targets: readonly Target[], cases: readonly Case[], more: Partial<Scenario> = {}) {
  const scenario: Scenario = { name: 'test', title: 'a test', targets, cases, ...more };
  const options = { rounds: 2, slice: 0.05, warmUp: 0.1, connections: 4, rate: 0, responseBody: 100 };
  return measure([scenario], { ...options, progress: () => {} });
}

test('CPU, rates, latencies and memory of a proxy, and what a filter adds', async () => {
  const targets = [weir('none'), weir('one', [add])];
  const [group] = await run(targets, [
    { name: 'none', target: 'none', load: { path: '/' } },
    { name: 'one', target: 'one', load: { path: '/' }, filters: 1, series: 'add-header' },
  ]);
  const [none, one] = group!.cases;
  for (const each of [none!, one!]) {
    assert.deepEqual([each.errors, each.error, each.base], [0, '', 'none']);
    assert.ok(each.requests! >= 8);
    assert.ok(each.cpu!.low > 0 && each.cpu!.low <= each.cpu!.high);
    assert.ok(each.rate!.median > 0);
    assert.ok(each.latency!.p50 > 0 && each.latency!.p50 <= each.latency!.p999);
    assert.ok(each.peakMemory! > 20e6);
  }
  assert.deepEqual(none!.ratios.cpu, { median: 1, low: 1, high: 1 });
  assert.equal(none!.cost, null);
  assert.equal(one!.cost!.filters, 1);
  assert.ok(one!.cost!.micros!.low <= one!.cost!.micros!.high);
  assert.deepEqual(await processes(), []);
});

test('answers that are not expected are errors, with what they were', async () => {
  const odd = script('odd', "res.writeHead(req.url === '/204' ? 204 : 503); res.end();");
  const load = (path: string, expect?: number[]) => ({ path, ...(expect && { expect }) });
  const [group] = await run(
    [odd],
    [
      { name: 'fine', target: 'odd', load: load('/204') },
      { name: 'not', target: 'odd', load: load('/') },
      { name: 'expected', target: 'odd', load: load('/', [503]) },
      { name: 'either', target: 'odd', load: load('/204', [2, 401]) },
      { name: 'neither', target: 'odd', load: load('/', [2, 401]) },
    ],
  );
  const found = group!.cases.map(({ name, errors, error }) => [name, errors > 0, error]);
  assert.deepEqual(found, [
    ['fine', false, ''],
    ['not', true, 'status 503 instead of 2xx'],
    ['expected', false, ''],
    ['either', false, ''],
    ['neither', true, 'status 503 instead of 2xx or 401'],
  ]);
  const [fine, not] = group!.cases;
  assert.deepEqual([not!.cpu, not!.rate, not!.latency, not!.requests], [null, null, null, 0]);
  assert.deepEqual(not!.ratios.cpu, { median: 0, low: 0, high: 0 });
  assert.equal(fine!.ratios.cpu.median, 1);
});

test('connections that end without an answer are errors', async () => {
  const cut = script('cut', 'if (Math.random() < 0.5) req.socket.destroy(); else res.end();');
  const [group] = await run([cut], [{ name: 'cut', target: 'cut', load: { path: '/' } }]);
  assert.ok(group!.cases[0]!.errors > 0);
  assert.match(group!.cases[0]!.error, /connection/);
});

test('bodies each way, and methods and fields, arrive', async () => {
  const picky = script(
    'picky',
    `let size = 0;
    req.on('data', chunk => { size += chunk.length; });
    req.on('end', () => {
      const right = req.method === 'PUT' && size === 5000 && req.headers['x-test'] === 'yes';
      res.writeHead(right ? 200 : 400);
      res.end();
    });`,
  );
  const load = { path: '/', method: 'PUT', bodySize: 5000, headers: { 'x-test': 'yes' } };
  const [group] = await run([picky], [{ name: 'picky', target: 'picky', load }]);
  assert.equal(group!.cases[0]!.error, '');
  assert.ok(group!.cases[0]!.requests! > 0);
});

test('a Zipf load asks for the first paths most', async () => {
  const counting = script(
    'counting',
    `globalThis.seen ??= {};
    seen[req.url] = (seen[req.url] ?? 0) + 1;
    const sum = Object.values(seen).reduce((a, b) => a + b);
    const wrong = !/^\\/z\\/([0-9]|1[0-9])$/.test(req.url) || (sum > 300 && !(seen['/z/0'] > seen['/z/9'] * 2));
    res.writeHead(wrong ? 500 : 200);
    res.end();`,
  );
  const load = { path: '/z', zipf: 20 };
  const [group] = await run([counting], [{ name: 'zipf', target: 'counting', load }]);
  assert.equal(group!.cases[0]!.error, '');
});

test('WebSocket messages through a proxy, and none where there is no WebSocket', async () => {
  const none = script('no-websocket', 'res.end();');
  const load = { path: '/', websocket: 64 };
  const [group] = await run(
    [{ name: 'upstream', script: null }, weir('weir', [add]), none],
    [
      { name: 'upstream', target: 'upstream', load },
      { name: 'weir', target: 'weir', load },
      { name: 'none', target: 'no-websocket', load },
    ],
    { unit: 'message' },
  );
  const [upstream, proxy, broken] = group!.cases;
  assert.deepEqual([upstream!.error, proxy!.error], ['', '']);
  assert.ok(proxy!.requests! > 0 && proxy!.latency!.p50 > 0);
  assert.match(broken!.error, /connection/);
});

test('a fixed rate is kept', async () => {
  const [group] = await run(
    [{ name: 'upstream', script: null }],
    [{ name: 'upstream', target: 'upstream', load: { path: '/' } }],
    { rate: 200 },
  );
  assert.equal(group!.fixedRate, 200);
  const [only] = group!.cases;
  assert.equal(only!.error, '');
  // Two rounds of two seconds.
  assert.equal(only!.requests, 800);
  assert.ok(only!.rate!.median <= 220, String(only!.rate!.median));
});

test('at a fixed rate, a tenth of the time in which nothing is answered shows in the latencies', async () => {
  const stalls = script(
    'stalls',
    'globalThis.stall ??= setInterval(() => { for (const end = Date.now() + 100; Date.now() < end; ); }, 1000); res.end();',
  );
  const cases = [{ name: 'stalls', target: 'stalls', load: { path: '/' } }];
  const [group] = await run([stalls], cases, { rate: 200 });
  const { p99, p50 } = group!.cases[0]!.latency!;
  assert.ok(p99 > 50, String(p99));
  assert.ok(p50 < 50, String(p50));
});

test('a rate that is not reached is an error', async () => {
  const slow = script('slow', 'setTimeout(() => res.end(), 100);');
  const cases = [{ name: 'slow', target: 'slow', load: { path: '/' } }];
  const [group] = await run([slow], cases, { rate: 200 });
  // Four connections with ten each.
  assert.match(group!.cases[0]!.error, /^only [34][0-9] requests per second of 200$/);
});

test('a rate below the number of connections has fewer of them', async () => {
  const [group] = await run(
    [{ name: 'upstream', script: null }],
    [{ name: 'upstream', target: 'upstream', load: { path: '/', connections: 32 } }],
    { rate: 10 },
  );
  assert.equal(group!.cases[0]!.error, '');
  assert.ok(group!.cases[0]!.requests! >= 20);
});

test('a target that can not start, or ends, is named, and no process stays behind', async () => {
  const fails = { ...script('fails', ''), input: 'fails' };
  const dies = script('dies', 'process.exit(7);');
  const one = (name: string): Case[] => [{ name, target: name, load: { path: '/' } }];
  await assert.rejects(run([fails], one('fails')), {
    code: 'BENCH_FAILED',
    message: /^fails: .*exit code 1/,
  });
  await assert.rejects(run([dies], one('dies')), { code: 'BENCH_FAILED', message: /^dies: .*exit code 7/ });
  await assert.rejects(run([dies], one('nobody')), {
    code: 'BENCH_FAILED',
    message: 'nobody: no target nobody',
  });
  assert.deepEqual(await processes(), []);
});

test('a target that never answers is given up', { timeout: 120_000 }, async () => {
  const silent = script('silent', '');
  const [group] = await run([silent], [{ name: 'silent', target: 'silent', load: { path: '/' } }]);
  const [only] = group!.cases;
  assert.ok(only!.errors > 0);
  assert.equal(only!.requests, 0);
  assert.match(only!.error, /answer/);
});
