import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { sha256 } from '../../src/engine/compile.ts';
import { collectGarbage } from '../support/garbage.ts';
import { metric } from '../support/metrics.ts';
import { get, header } from '../support/raw-client.ts';
import { type FilterInput, ROOT, startTestWeir } from '../support/weir.ts';

const HEADERS = path.join(ROOT, 'filters/c/security-headers/security-headers.wasm');

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'weir-modules-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** So many modules with different bytes: the same filter with a custom section of its own. */
async function modules(directory: string, count: number): Promise<string[]> {
  const bytes = await readFile(HEADERS);
  const paths = Array.from({ length: count }, (_, i) => path.join(directory, `f${i}.wasm`));
  await Promise.all(
    paths.map((file, i) => {
      const name = `n${String(i).padStart(5, '0')}`;
      return writeFile(
        file,
        Buffer.concat([bytes, Buffer.from([0, name.length + 1, name.length]), Buffer.from(name)]),
      );
    }),
  );
  return paths;
}

function routes(count: number) {
  return Array.from({ length: count }, (_, i) => ({
    match: { path: { exact: `/${i}` } },
    upstream: 'app',
    filters: [`f${i}`],
  }));
}

function named(inputs: readonly FilterInput[]): Record<string, FilterInput> {
  return Object.fromEntries(inputs.map((input, i) => [`f${i}`, input]));
}

test('a filter that no route uses is not compiled, and one with preload: false by its first request', async t => {
  const [a, b, c] = (await modules(await folder(t), 3)).map(module => ({ module }));
  const { port, running } = await startTestWeir(t, {
    filters: { used: a!, unused: b!, lazy: { ...c!, preload: false } },
    routes: [
      { match: { path: '/lazy' }, upstream: 'app', filters: ['used', 'lazy'] },
      { upstream: 'app', filters: ['used'] },
    ],
  });
  const misses = async () => metric(await running.metrics(), 'weir_module_cache_misses_total');
  assert.equal(await misses(), 1);
  await get(port, '/');
  assert.equal(await misses(), 1);
  const answers = await Promise.all(Array.from({ length: 5 }, () => get(port, '/lazy')));
  assert.ok(answers.every(a => a.status === 200 && header(a, 'x-frame-options') !== undefined));
  assert.equal(await misses(), 2, 'requests that came together shared one compilation');
});

test('modules.preload: false leaves all to their first request; a filter can say otherwise', async t => {
  const [a, b] = (await modules(await folder(t), 2)).map(module => ({ module }));
  const { running } = await startTestWeir(t, {
    filters: { lazy: a!, eager: { ...b!, preload: true } },
    modules: { preload: false, cache: { directory: false } },
  });
  assert.equal(metric(await running.metrics(), 'weir_module_cache_modules'), 1);
});

test('a filter that can not be loaded fails its requests, by its policy, and is tried again after a while', async t => {
  const directory = await folder(t);
  const file = path.join(directory, 'late.wasm');
  await copyFile(HEADERS, file);
  const lazy = { module: file, preload: false, restart: { firstDelay: '1ms' } };
  const { port, log } = await startTestWeir(t, {
    filters: { closed: lazy, open: { ...lazy, onFailure: 'open' } },
    routes: [
      { match: { path: '/open' }, upstream: 'app', filters: ['open'] },
      { upstream: 'app', filters: ['closed'] },
    ],
  });
  await rm(file);
  assert.equal((await get(port, '/')).status, 503);
  const passed = await get(port, '/open');
  assert.deepEqual([passed.status, header(passed, 'x-frame-options')], [200, undefined]);
  assert.ok(log.at('error').some(l => l.message.includes("filters.closed: can't read the module")));
  await copyFile(HEADERS, file);
  await until503Ends(port);
});

async function until503Ends(port: number): Promise<void> {
  const end = Date.now() + 10_000;
  while ((await get(port, '/')).status === 503) assert.ok(Date.now() < end, 'it stays down');
}

test('bytes that changed on disk since they were first loaded are not taken silently', async t => {
  const [a, b] = await modules(await folder(t), 2);
  const { port, log } = await startTestWeir(t, {
    filters: named([{ module: a! }, { module: b! }]),
    routes: routes(2),
    modules: { cache: { maxModules: 1, directory: false } },
  });
  assert.equal((await get(port, '/1')).status, 200);
  await writeFile(a!, await readFile(b!));
  assert.equal((await get(port, '/0')).status, 503);
  assert.ok(
    log.at('error').some(l => l.message.includes('was changed since it was first loaded: restart Weir')),
  );
});

test('an evicted module that was there twice comes back from memory: its file is not asked', async t => {
  const [a, b] = await modules(await folder(t), 2);
  const { port, running } = await startTestWeir(t, {
    filters: named([{ module: a! }, { module: b! }]),
    routes: routes(2),
    modules: { cache: { maxModules: 1, directory: false } },
  });
  for (const path of ['/0', '/1', '/0', '/1']) assert.equal((await get(port, path)).status, 200);
  const misses = async () => metric(await running.metrics(), 'weir_module_cache_misses_total');
  const before = await misses();
  await Promise.all([rm(a!), rm(b!)]);
  for (const path of ['/0', '/1', '/0', '/1']) {
    const answer = await get(port, path);
    assert.deepEqual([answer.status, header(answer, 'x-frame-options')], [200, 'SAMEORIGIN']);
  }
  assert.equal(await misses(), before + 4);
});

test('a hash that another filter was loaded by does not stand for the bytes of a file', async t => {
  const [a, b, c] = await modules(await folder(t), 3);
  const { port, log } = await startTestWeir(t, {
    filters: named([
      { module: a! },
      { module: b! },
      { module: c!, preload: false, sha256: sha256(await readFile(a!)) },
    ]),
    routes: routes(3),
    modules: { cache: { maxModules: 1, directory: false } },
  });
  for (const path of ['/0', '/1', '/0', '/1']) assert.equal((await get(port, path)).status, 200);
  assert.equal((await get(port, '/2')).status, 503);
  assert.ok(log.at('error').some(l => l.message.includes('the configuration demands')));
});

test('plugs that changed on disk since they were first loaded are not taken silently', async t => {
  const directory = await folder(t);
  const plug = path.join(directory, 'verifier.wasm');
  const verifier = await readFile(`${ROOT}filters/rust/static-verifier/static-verifier.wasm`);
  await writeFile(plug, verifier);
  const [other] = await modules(directory, 1);
  const verify = `${ROOT}filters/rust/verify-token/verify-token.wasm`;
  const { port, log } = await startTestWeir(t, {
    filters: named([{ module: verify, plugs: [plug], config: 'read' }, { module: other! }]),
    routes: routes(2),
    modules: { cache: { maxModules: 1, directory: false } },
  });
  assert.equal((await get(port, '/1')).status, 200);
  assert.equal((await get(port, '/0')).status, 401);
  assert.equal((await get(port, '/1')).status, 200);
  // The same plug, with one empty custom section more.
  await writeFile(plug, Buffer.concat([verifier, Buffer.from([0, 2, 1, 97])]));
  assert.equal((await get(port, '/0')).status, 503);
  const message = `${plug} was changed since it was first loaded: restart Weir`;
  assert.ok(
    log.at('error').some(l => l.message.includes(message)),
    JSON.stringify(log.at('error')),
  );
});

test('a module pushed out of the cache under way serves its streams to their end', async t => {
  const files = await modules(await folder(t), 2);
  const { port, running } = await startTestWeir(t, {
    filters: named(files.map(module => ({ module, preload: false }))),
    routes: routes(2).map(r => ({ ...r, match: { path: { prefix: r.match.path.exact } } })),
    modules: { cache: { maxModules: 1, directory: false } },
  });
  const slow = get(port, '/0?delay=300');
  await new Promise(resolve => setTimeout(resolve, 50));
  assert.equal(header(await get(port, '/1'), 'x-frame-options'), 'SAMEORIGIN');
  assert.equal(header(await slow, 'x-frame-options'), 'SAMEORIGIN');
  assert.equal(metric(await running.metrics(), 'weir_module_cache_evictions_total'), 1);
});

test('a thousand filters with maxModules: 32 run in bounded memory', async t => {
  const count = 1000;
  const files = await modules(await folder(t), count);
  const { port, running } = await startTestWeir(t, {
    filters: named(files.map(module => ({ module, preload: false }))),
    routes: routes(count),
    modules: { cache: { maxModules: 32, directory: false } },
  });
  const memory: number[] = [];
  for (let i = 0; i < count; i++) {
    const answer = await get(port, `/${i}`);
    assert.equal(answer.status, 200);
    assert.equal(header(answer, 'x-frame-options'), 'SAMEORIGIN');
    if (i % 250 === 249) {
      collectGarbage();
      const { rss, heapTotal, heapUsed } = process.memoryUsage();
      // What V8 keeps of a larger heap, once the text of metrics was made in it, is not the modules'.
      memory.push(rss - heapTotal + heapUsed);
      const text = await running.metrics();
      assert.ok(metric(text, 'weir_module_cache_modules') <= 32);
      const vms = text.split('\n').filter(line => line.startsWith('weir_filter_vms{'));
      assert.ok(vms.length <= 32, `${vms.length} filters have VMs`);
    }
  }
  const text = await running.metrics();
  assert.equal(metric(text, 'weir_module_cache_misses_total'), count);
  assert.equal(metric(text, 'weir_module_cache_evictions_total'), count - 32);
  const growth = memory.at(-1)! - memory[0]!;
  assert.ok(growth < 96 * 1024 * 1024, `750 further modules cost ${growth} bytes`);
});

test('filters of one module with VMs of their own: those least used end too', async t => {
  const count = 40;
  const filters = Array.from({ length: count }, (_, i) => ({
    module: HEADERS,
    vmId: String(i),
    preload: false,
  }));
  const { port, running } = await startTestWeir(t, {
    filters: named(filters),
    routes: routes(count),
    modules: { cache: { maxVms: 4, directory: false } },
  });
  for (const round of [1, 2]) {
    for (let i = 0; i < count; i++) assert.equal((await get(port, `/${i}`)).status, 200, `${round} ${i}`);
  }
  const vms = (await running.metrics()).split('\n').filter(line => line.startsWith('weir_filter_vms{'));
  assert.equal(vms.length, 4);
});

test('rewritten modules are kept on disk and taken from there', async t => {
  const directory = await folder(t);
  const cache = path.join(directory, 'cache');
  const start = async () => {
    const weir = await startTestWeir(t, {
      filters: { f: { module: HEADERS } },
      modules: { cache: { directory: cache } },
    });
    assert.equal(header(await get(weir.port, '/'), 'x-frame-options'), 'SAMEORIGIN');
    await weir.running.close();
    return weir.log;
  };
  await start();
  const [name, ...more] = await readdir(cache);
  assert.match(name!, /^[0-9a-f]{64}-16777216-32768-262144\.core\d+\.weir$/);
  assert.deepEqual(more, []);
  const kept = await readFile(path.join(cache, name!));
  await start();
  await writeFile(path.join(cache, name!), kept.subarray(0, 1000));
  const log = await start();
  assert.ok(log.at('warn').length >= 1, 'the damage is told');
  assert.deepEqual(await readFile(path.join(cache, name!)), kept, 'and repaired');
  await rm(cache, { recursive: true });
  await writeFile(cache, 'a file where a directory should be');
  assert.ok((await start()).at('warn').length >= 1);
  await rm(cache);
  await mkdir(cache, { mode: 0o700 });
  await start();
});
