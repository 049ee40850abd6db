import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';

const MODULE = JSON.stringify(new URL('../../src/engine/code-cache.ts', import.meta.url).href);
const LOADED = JSON.stringify(new URL('../../src/errors.ts', import.meta.url).href);

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'weir-code-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Whether a process of its own keeps code in that directory; `user`: who it says it is. */
async function keeps(directory: string, env: NodeJS.ProcessEnv = {}, user = 'undefined'): Promise<boolean> {
  const text = `
    const { keepCode } = await import(${MODULE});
    console.log(keepCode(${JSON.stringify(directory)}, ${user}));
    await import(${LOADED});`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', text], {
    env: { ...process.env, NODE_COMPILE_CACHE: undefined, ...env },
  });
  return stdout === 'true\n';
}

const files = (directory: string) =>
  readdirSync(directory, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());

test('code is kept in a folder that nobody else may enter', async t => {
  const directory = join(folder(t), 'weir');
  assert.equal(await keeps(directory), true);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(statSync(join(directory, 'code')).mode & 0o777, 0o700);
  assert.ok(files(join(directory, 'code')).length > 0);
});

test('a directory that others may write to is left alone', async t => {
  const directory = folder(t);
  chmodSync(directory, 0o777);
  assert.equal(await keeps(directory), false);
  chmodSync(directory, 0o700);
  mkdirSync(join(directory, 'code'), { recursive: true });
  chmodSync(join(directory, 'code'), 0o770);
  assert.equal(await keeps(directory), false);
  assert.deepEqual(files(directory), []);
});

test('a directory that somebody else could put another one in the place of is left alone', async t => {
  const open = join(folder(t), 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  const directory = join(open, 'home', 'weir');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  assert.equal(await keeps(directory), false);
  // In a sticky one only its owner can.
  chmodSync(open, 0o1777);
  assert.equal(await keeps(directory), true);
});

test('a directory of somebody else is left alone', { skip: process.geteuid?.() === 0 }, async t => {
  const directory = folder(t);
  assert.equal(await keeps(directory, {}, '1'), false);
  assert.deepEqual(files(directory), []);
});

test('a place where nothing can be written is no fault', async t => {
  const directory = join(folder(t), 'file');
  writeFileSync(directory, '');
  assert.equal(await keeps(directory), false);
});

test("Node's own variables come first", async t => {
  const directory = folder(t);
  assert.equal(await keeps(directory, { NODE_DISABLE_COMPILE_CACHE: '1' }), false);
  assert.deepEqual(files(directory), []);
  const other = folder(t);
  assert.equal(await keeps(directory, { NODE_COMPILE_CACHE: other }), true);
  assert.deepEqual(files(directory), []);
  assert.ok(files(other).length > 0);
});
