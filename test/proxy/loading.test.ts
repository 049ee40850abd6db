import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const FILES = ['cli/run.ts', 'runtime/alone.ts'].map(
  file => new URL(`../../src/${file}`, import.meta.url).href,
);

test('what a start has no need of is not loaded with weir run', async () => {
  const text = `
    const { registerHooks } = await import('node:module');
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    for (const file of ${JSON.stringify(FILES)}) await import(file);
    console.log(JSON.stringify([...process.moduleLoadList, ...loaded]));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', text], {
    maxBuffer: 2 ** 24,
  });
  const loaded = JSON.parse(stdout) as string[];
  assert.ok(loaded.some(name => name.includes('/undici/lib/dispatcher/pool.js')));
  assert.ok(loaded.some(name => name.includes('/engine/compile.ts')));
  // Node's own fetch (an import of node:http loads it), undici's, http-proxy, what only terminals or /metrics need, and
  // the rewriter, whose results are on disk.
  const heavy =
    /internal\/deps\/undici|\/undici\/index\.js|\/node_modules\/(http-proxy|pino-pretty|prom-client|@bytecodealliance)\/|\/rewrite\/index/;
  assert.deepEqual(
    loaded.filter(name => heavy.test(name)),
    [],
  );
});
