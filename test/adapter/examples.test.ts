import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { startUpstream } from '../support/upstream.ts';

const root = resolve(import.meta.dirname, '../..');

/** Starts an example of the README; resolves with the URL it prints. */
async function start(t: TestContext, example: string, ...args: string[]): Promise<string> {
  const file = resolve(import.meta.dirname, 'examples', example);
  // http-proxy itself is deprecated in its use of util._extend.
  const child = spawn(process.execPath, ['--no-deprecation', file, '0', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return line;
}

test('embed.ts: a server with two filters', async t => {
  const response = await fetch(await start(t, 'embed.ts'));
  assert.equal(await response.text(), 'Hello from production\n');
  assert.equal(response.headers.get('x-served-by'), 'weir');
  assert.equal(response.headers.get('x-frame-options'), 'SAMEORIGIN');
});

test('http-proxy.ts: an http-proxy instance with a filter', async t => {
  const upstream = await startUpstream((_req, res, seen) => res.end(seen.headers.get('x-hello')));
  t.after(() => upstream.close());
  const response = await fetch(await start(t, 'http-proxy.ts', `http://127.0.0.1:${upstream.port}`));
  assert.equal(await response.text(), 'weir');
  assert.equal(response.headers.get('x-hello'), 'weir');
});
