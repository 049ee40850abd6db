import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ModuleCache } from '../../src/engine/cache.ts';
import { compile, sha256 } from '../../src/engine/compile.ts';
import { ModuleError } from '../../src/errors.ts';
import { assemble, LIMITS } from '../support/guest.ts';

/** Modules of the same size and different bytes. */
const bytesOf = (n: number) => assemble(`(module (func (export "f${n}")))`);
/** Of the code after rewriting. */
const SIZE = (await compile(bytesOf(0), '', LIMITS)).size;
const cacheOf = (maxModules = 8, maxBytes = 8 * SIZE) => new ModuleCache({ maxModules, maxBytes });

test('the same bytes give the same module, compiled once, also for those who ask at the same time', async t => {
  const compiling = t.mock.method(WebAssembly, 'compile');
  const cache = cacheOf();
  const all = await Promise.all(Array.from({ length: 10 }, () => cache.get(bytesOf(1), LIMITS)));
  assert.equal(new Set(all).size, 1);
  assert.equal(await cache.get(Buffer.from(bytesOf(1)), LIMITS), all[0]);
  assert.equal(compiling.mock.callCount(), 1);
  assert.equal(cache.size, 1);
});

test('the least recently used goes first when there are too many', async t => {
  const compiling = t.mock.method(WebAssembly, 'compile');
  const cache = cacheOf(2);
  for (const n of [1, 2, 1, 3]) await cache.get(bytesOf(n), LIMITS);
  assert.equal(cache.size, 2);
  assert.equal(compiling.mock.callCount(), 3);
  await cache.get(bytesOf(1), LIMITS);
  assert.equal(compiling.mock.callCount(), 3, '1 was kept');
  await cache.get(bytesOf(2), LIMITS);
  assert.equal(compiling.mock.callCount(), 4, '2 was not');
});

test('bytes are bounded too', async () => {
  const cache = cacheOf(8, 2 * SIZE + 1);
  for (const n of [1, 2, 3]) await cache.get(bytesOf(n), LIMITS);
  assert.equal(cache.size, 2);
});

test('a module larger than the cache is refused, with both numbers', async () => {
  const cache = cacheOf(8, SIZE - 1);
  await assert.rejects(cache.get(bytesOf(1), LIMITS), {
    code: 'MODULE_LIMIT',
    message: `the module has ${SIZE} bytes of code, modules.cache.maxBytes is ${SIZE - 1}`,
  });
  assert.equal(cache.size, 0);
});

test('more modules at once than the cache keeps: all are compiled, none is lost', async () => {
  const cache = cacheOf(1);
  const compiled = await Promise.all([1, 2, 3, 4].map(n => cache.get(bytesOf(n), LIMITS)));
  assert.deepEqual(
    compiled.map(c => WebAssembly.Module.exports(c.module)[0]!.name),
    ['f1', 'f2', 'f3', 'f4'],
  );
  assert.equal(cache.size, 1);
});

test('a module that does not compile is an error every time, and is not kept', async () => {
  const cache = cacheOf();
  const bad = bytesOf(1).subarray(0, -1);
  for (const _ of [1, 2]) await assert.rejects(cache.get(bad, LIMITS), { code: 'MODULE_MALFORMED' });
  const [a, b] = await Promise.allSettled([cache.get(bad, LIMITS), cache.get(bad, LIMITS)]);
  for (const result of [a!, b!]) {
    assert.ok(result.status === 'rejected' && result.reason instanceof ModuleError);
  }
  assert.equal(cache.size, 0);
});

test('files: hash, absence', async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'weir-cache-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'a.wasm');
  await writeFile(file, bytesOf(1));
  const cache = cacheOf();
  const hash = sha256(bytesOf(1));
  assert.equal((await cache.load(file, '', LIMITS)).sha256, hash);
  assert.equal((await cache.load(file, hash.toUpperCase(), LIMITS)).sha256, hash);
  await assert.rejects(cache.load(file, '0'.repeat(64), LIMITS), error => {
    assert.ok(error instanceof ModuleError && error.code === 'MODULE_HASH_MISMATCH');
    assert.ok(error.message.includes(hash) && error.message.includes('0'.repeat(64)));
    return true;
  });
  await assert.rejects(cache.load(path.join(folder, 'none.wasm'), '', LIMITS), error => {
    assert.ok(error instanceof ModuleError && error.code === 'MODULE_NOT_FOUND');
    assert.match(error.message, /none\.wasm \(ENOENT\)/);
    return true;
  });
  await assert.rejects(cache.load(folder, '', LIMITS), { code: 'MODULE_NOT_FOUND', message: /EISDIR/ });
});
