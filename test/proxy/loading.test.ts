import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('what a start has no need of is not loaded with weir run', async () => {
  const text = `
    await import(${JSON.stringify(new URL('../../src/cli/run.ts', import.meta.url).href)});
    const { default: module } = await import('node:module');
    const loaded = [...process.moduleLoadList, ...Object.keys(module._cache)];
    console.log(JSON.stringify(loaded));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', text], {
    maxBuffer: 2 ** 24,
  });
  const loaded = JSON.parse(stdout) as string[];
  assert.ok(loaded.some(name => name.includes('/undici/lib/dispatcher/pool.js')));
  // Node's own fetch (an import of node:http loads it), undici's, http-proxy, and what only terminals or /metrics need.
  const heavy = /internal\/deps\/undici|\/undici\/index\.js|\/(http-proxy|pino-pretty|prom-client|jco)\//;
  assert.deepEqual(
    loaded.filter(name => heavy.test(name)),
    [],
  );
});
