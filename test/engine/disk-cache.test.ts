import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import type { Artefact } from '../../src/engine/artefacts.ts';
import { DiskCache, defaultCacheDirectory } from '../../src/engine/disk-cache.ts';
import { MemoryLog } from '../support/log.ts';

// Files that are made by hand here must not be refused for their mode.
process.umask(0o022);

const KEY = 'v1.0123abcd-rewritten';
const ARTEFACT: Artefact = {
  facts: { memory: 16, names: ['ä', '\0'] },
  bytes: Uint8Array.of(0, 97, 115, 109),
};
const ROOT = process.geteuid!() === 0;
/** Bytes of a file besides facts and payload. */
const PREFIX = 48;

async function folder(t: TestContext): Promise<string> {
  const made = await fs.mkdtemp(path.join(tmpdir(), 'weir-disk-cache-'));
  t.after(() => fs.rm(made, { recursive: true, force: true }));
  return made;
}

/** A cache in a directory of its own, with the log it warns to. */
async function open(t: TestContext, options: Parameters<typeof DiskCache.open>[2] = {}) {
  const directory = path.join(await folder(t), 'a', 'cache');
  const log = new MemoryLog();
  const cache = await DiskCache.open(directory, log, options);
  assert.ok(cache, JSON.stringify(log.lines));
  const warnings = () => log.at('warn').map(line => line.message);
  return { directory, log, cache, warnings, file: path.join(directory, `${KEY}.weir`) };
}

/** The file of an artefact, made by hand. */
function forged(key: string, factsLength: number, body: Uint8Array): Buffer {
  const head = Buffer.from('weirart\n\x01\0\0\0\0\0\0\0', 'latin1');
  head.writeUInt32LE(factsLength, 12);
  const sum = createHash('sha256').update(`${key}\0`).update(head).update(body).digest();
  return Buffer.concat([head, sum, body]);
}

/** Makes one function of the file system fail until the test ends. */
function failing(t: TestContext, name: 'writeFile' | 'readdir' | 'rename' | 'open' | 'unlink', code: string) {
  const { mock } = t.mock.method(fs, name, () => Promise.reject(Object.assign(new Error(code), { code })));
  syncBuiltinESMExports();
  const end = () => {
    mock.restore();
    syncBuiltinESMExports();
  };
  t.after(end);
  return { mock, end };
}

/** One file for each of the names, of 100 bytes, each a minute older than the next. */
async function fill(cache: DiskCache, directory: string, names: readonly string[]): Promise<void> {
  for (const [n, name] of names.entries()) {
    await cache.put(name, { facts: 0, bytes: new Uint8Array(100 - PREFIX - 1) });
    const time = Date.now() / 1000 - 60 * (names.length - n);
    // Evicted at once, if it is not there.
    await fs.utimes(path.join(directory, `${name}.weir`), time, time).catch(() => {});
  }
}

const keysIn = async (directory: string) =>
  (await fs.readdir(directory)).map(name => name.replace(/\.weir$/, '')).sort();

test('what is put is got, also by the next process, and as an array of its own', async t => {
  const { cache, directory, log, file } = await open(t);
  assert.equal(await cache.get(KEY), undefined);
  await cache.put(KEY, ARTEFACT);
  assert.deepEqual(await cache.get(KEY), ARTEFACT);
  assert.ok((await cache.get(KEY))!.bytes.buffer.byteLength < 200, "not in Buffer's pool");
  const next = await DiskCache.open(directory, log);
  assert.deepEqual(await next?.get(KEY), ARTEFACT);
  const large = { facts: null, bytes: new Uint8Array(5_000_000).map((_, i) => i % 251) };
  await cache.put('large', large);
  assert.deepEqual(await cache.get('large'), large);
  await cache.put(KEY, { facts: [], bytes: new Uint8Array() });
  assert.deepEqual(await next?.get(KEY), { facts: [], bytes: new Uint8Array() });
  assert.deepEqual(await keysIn(directory), ['large', KEY], 'no temporary file is left');
  assert.equal((await fs.stat(file)).mode & 0o777, 0o600);
  assert.equal((await fs.stat(directory)).mode & 0o777, 0o700);
  assert.deepEqual(log.lines, []);
});

test('facts that are not JSON are one warning, and others are stored all the same', async t => {
  const { cache, warnings } = await open(t);
  await cache.put(KEY, { ...ARTEFACT, facts: 1n });
  assert.match(warnings().join(), /^an artefact can't be stored: TypeError: [^\n]*BigInt[^\n]*$/);
  await cache.put(KEY, { ...ARTEFACT, facts: undefined });
  assert.deepEqual(await cache.get(KEY), { ...ARTEFACT, facts: null });
});

test('a key that is none reaches no file', async t => {
  const { cache, directory, warnings } = await open(t);
  for (const key of ['', '.', '..', '../x', 'a/b', 'A', 'a\0', 'a'.repeat(201)]) {
    await cache.put(key, ARTEFACT);
    assert.equal(await cache.get(key), undefined);
  }
  assert.deepEqual(await fs.readdir(directory), []);
  assert.equal(warnings().length, 8, 'one for each');
  const longest = 'a'.repeat(200);
  await cache.put(longest, ARTEFACT);
  assert.deepEqual(await cache.get(longest), ARTEFACT);
});

test('every byte changed, every length cut to, bytes added: refused, removed, one warning', async t => {
  const { cache, file, log } = await open(t);
  await cache.put(KEY, ARTEFACT);
  const good = await fs.readFile(file);
  const damaged: Buffer[] = [Buffer.concat([good, Buffer.of(0)]), Buffer.concat([good, good])];
  for (let i = 0; i < good.length; i++) {
    damaged.push(good.subarray(0, i));
    for (const flip of [0x01, 0x80, 0xff]) damaged.push(Buffer.from(good.with(i, good[i]! ^ flip)));
  }
  for (const bytes of damaged) {
    await fs.writeFile(file, bytes);
    log.lines.length = 0;
    assert.equal(await cache.get(KEY), undefined, bytes.toString('hex'));
    assert.equal(log.lines.length, 1);
    assert.match(log.lines[0]!.message, /^a cached artefact was removed: it/);
    assert.equal(log.lines[0]!.fields['file'], file);
    await assert.rejects(fs.lstat(file), { code: 'ENOENT' });
  }
  await fs.writeFile(file, good);
  assert.deepEqual(await cache.get(KEY), ARTEFACT);
});

for (const [what, bytes, pattern] of [
  ['an empty file', Buffer.alloc(0), /\(0 bytes\)/],
  ['another format', Buffer.alloc(100, 'x'), /not an artefact of Weir/],
  ['another version', Buffer.from(forged(KEY, 0, Buffer.from('0')).with(8, 2)), /version 2, not 1/],
  ['facts longer than the file', forged(KEY, 3, Buffer.from('{}')), /facts end outside/],
  ['facts as long as numbers go', forged(KEY, 0xffffffff, Buffer.from('{}')), /facts end outside/],
  ['no facts', forged(KEY, 0, Buffer.from('{}')), /not JSON/],
  ['facts that are not JSON', forged(KEY, 1, Buffer.from('{}')), /not JSON/],
] as const) {
  test(`${what}, with a checksum where there can be one: refused`, async t => {
    const { cache, file, warnings } = await open(t);
    await fs.writeFile(file, bytes);
    assert.equal(await cache.get(KEY), undefined);
    assert.match(warnings().join(), pattern);
    await assert.rejects(fs.lstat(file), { code: 'ENOENT' });
    await cache.put(KEY, ARTEFACT);
    assert.deepEqual(await cache.get(KEY), ARTEFACT);
  });
}

test('a file made by hand is as good as one of ours: the format is what it is said to be', async t => {
  const { cache, file } = await open(t);
  await fs.writeFile(file, forged(KEY, 2, Buffer.from('{}abc')));
  assert.deepEqual(await cache.get(KEY), { facts: {}, bytes: new Uint8Array(Buffer.from('abc')) });
});

test('a file under the name of another key is refused', async t => {
  const { cache, directory, file, warnings } = await open(t);
  await cache.put(KEY, ARTEFACT);
  await fs.rename(file, path.join(directory, 'other.weir'));
  assert.equal(await cache.get('other'), undefined);
  assert.match(warnings().join(), /damaged or renamed/);
});

test('a file larger than the cache is not read', async t => {
  const { cache, file, warnings } = await open(t, { maxBytes: 1000 });
  await fs.writeFile(file, '');
  await fs.truncate(file, 2 ** 40);
  assert.equal(await cache.get(KEY), undefined);
  assert.match(warnings().join(), /larger than the cache/);
  await assert.rejects(fs.lstat(file), { code: 'ENOENT' });
});

test('a link, a FIFO, a directory in the place of a file: not followed, not waited for, removed', async t => {
  const { cache, directory, file, warnings } = await open(t);
  await cache.put(KEY, ARTEFACT);
  const aside = path.join(directory, 'aside');
  await fs.rename(file, aside);
  const obstacles: readonly (() => unknown)[] = [
    () => fs.symlink(aside, file),
    () => fs.symlink('/dev/zero', file),
    () => fs.symlink(file, file),
    () => execFileSync('mkfifo', [file]),
    () => fs.mkdir(file),
  ];
  for (const [n, make] of obstacles.entries()) {
    await make();
    assert.equal(await cache.get(KEY), undefined);
    assert.equal(warnings().length, n + 1);
    assert.match(warnings()[n]!, /removed: it is not a file/);
    await assert.rejects(fs.lstat(file), { code: 'ENOENT' });
    await make();
    await cache.put('b', ARTEFACT);
    assert.deepEqual(await cache.get('b'), ARTEFACT);
    await fs.rm(file, { recursive: true });
  }
  assert.ok(await fs.lstat(aside), 'what the link led to is still there');
});

test('a directory that holds something stays: one warning to read, and others are still stored', async t => {
  const { cache, file, warnings, directory } = await open(t);
  await fs.mkdir(path.join(file, 'precious'), { recursive: true });
  for (const _ of [1, 2, 3]) assert.equal(await cache.get(KEY), undefined);
  assert.equal(warnings().length, 1);
  assert.match(warnings()[0]!, /not a file; remove it by hand \(ENOTEMPTY\)/);
  await cache.put(KEY, ARTEFACT);
  await cache.put('b', ARTEFACT);
  assert.deepEqual(await cache.get('b'), ARTEFACT);
  assert.deepEqual(await keysIn(directory), ['b', KEY], 'no temporary file is left');
  assert.ok(await fs.lstat(path.join(file, 'precious')));
});

test('a name taken when the file is put there is one warning for that name', async t => {
  const { cache, file, directory, warnings } = await open(t);
  await fs.mkdir(file);
  for (const _ of [1, 2]) await cache.put(KEY, ARTEFACT);
  assert.deepEqual(warnings(), ['an artefact was not stored: its place is taken (EISDIR)']);
  assert.deepEqual(await keysIn(directory), [KEY]);
});

for (const [name, code] of [
  ['writeFile', 'ENOSPC'],
  ['writeFile', 'EROFS'],
  ['writeFile', 'EACCES'],
  ['rename', 'ENOSPC'],
] as const) {
  test(`${name} fails with ${code}: one warning, nothing more is written, what is there is read`, async t => {
    const { cache, directory, warnings } = await open(t);
    await cache.put(KEY, ARTEFACT);
    const { mock, end } = failing(t, name, code);
    await Promise.all([1, 2, 3].map(n => cache.put(`a${n}`, ARTEFACT)));
    const tries = mock.callCount();
    await cache.put('b', ARTEFACT);
    assert.equal(mock.callCount(), tries);
    end();
    await cache.put('c', ARTEFACT);
    assert.deepEqual(warnings(), [`nothing is written to the cache directory: ${code}`]);
    assert.deepEqual(await cache.get(KEY), ARTEFACT);
    assert.deepEqual(await keysIn(directory), [KEY], 'no temporary file is left');
  });
}

test('a directory that goes away, or becomes a file: one warning to write, at most one to read', async t => {
  for (const [replace, reading] of [
    [() => {}, []],
    [(directory: string) => fs.writeFile(directory, ''), ["can't read a cached artefact (ENOTDIR)"]],
  ] as const) {
    const { cache, directory, warnings } = await open(t);
    await cache.put(KEY, ARTEFACT);
    await fs.rm(directory, { recursive: true });
    await replace(directory);
    for (const key of [KEY, 'b', 'c']) assert.equal(await cache.get(key), undefined);
    assert.deepEqual(warnings(), reading);
    for (const key of [KEY, 'b', 'c']) await cache.put(key, ARTEFACT);
    assert.equal(warnings().length, reading.length + 1);
  }
});

test('a file that can not be opened just now is left alone: one warning for all', async t => {
  const { cache, warnings } = await open(t);
  for (const key of [KEY, 'b']) await cache.put(key, ARTEFACT);
  const { end } = failing(t, 'open', 'EMFILE');
  for (const key of [KEY, 'b', 'none']) assert.equal(await cache.get(key), undefined);
  end();
  assert.deepEqual(warnings(), ["can't read a cached artefact (EMFILE)"]);
  assert.deepEqual(await cache.get(KEY), ARTEFACT);
});

test('a place that can not be a directory is one warning', async t => {
  const base = await folder(t);
  const file = path.join(base, 'file');
  await fs.writeFile(file, '');
  await fs.symlink(path.join(base, 'nowhere'), path.join(base, 'dangling'));
  const log = new MemoryLog();
  const places = [file, path.join(file, 'cache'), path.join(base, 'dangling'), 'a\0b', ''];
  for (const [n, place] of places.entries()) {
    assert.equal(await DiskCache.open(place, log), undefined);
    assert.equal(log.lines.length, n + 1, place);
    assert.match(log.lines[n]!.message, /^the cache directory is not used: \S/);
    assert.equal(log.lines[n]!.fields['directory'], place);
  }
  failing(t, 'readdir', 'EACCES');
  assert.equal(await DiskCache.open(path.join(base, 'unreadable'), log), undefined);
  assert.equal(log.lines.at(-1)!.message, 'the cache directory is not used: EACCES');
});

test('a directory others may write to is not used, and the warning says what to do', async t => {
  const base = await folder(t);
  const linked = path.join(base, 'linked');
  const directory = path.join(base, 'cache');
  await fs.mkdir(directory);
  await fs.symlink(directory, linked);
  for (const mode of [0o720, 0o702, 0o777, 0o1777]) {
    await fs.chmod(directory, mode);
    for (const place of [directory, linked]) {
      const log = new MemoryLog();
      assert.equal(await DiskCache.open(place, log), undefined);
      assert.equal(log.lines.length, 1);
      assert.match(log.lines[0]!.message, /group or others may write .*chmod 700 \/.*cache\)$/);
    }
  }
  const log = new MemoryLog();
  for (const mode of [0o700, 0o755]) {
    await fs.chmod(directory, mode);
    assert.ok(await DiskCache.open(linked, log));
  }
  assert.deepEqual(log.lines, []);
});

/** Gives it to somebody else: really as root, and else by taking another user for this process's. */
async function giveAway(file: string): Promise<number> {
  if (!ROOT) return process.geteuid!() + 1;
  await fs.chown(file, 4321, 4321);
  return process.geteuid!();
}

test("somebody else's directory is not used; root's is", async t => {
  const directory = await folder(t);
  const log = new MemoryLog();
  const root = await DiskCache.open(directory, log, { user: ROOT ? 4321 : process.geteuid!() });
  assert.ok(root, "root's, or in a test without root: one's own");
  const user = await giveAway(directory);
  assert.equal(await DiskCache.open(directory, log, { user }), undefined);
  assert.equal(log.lines.length, 1);
  assert.match(
    log.lines[0]!.message,
    /belongs to user \d+, not to \d+ or root .*chown \d+ \/.*; chmod 700 \//,
  );
});

test("somebody else's file, or one others may write to, is not used", async t => {
  const { cache, file, directory, log, warnings } = await open(t);
  await cache.put(KEY, ARTEFACT);
  await fs.chmod(file, 0o620);
  assert.equal(await cache.get(KEY), undefined);
  assert.match(warnings()[0]!, /removed: its group or others may write/);
  // Only root can give a file away; for a directory the same check is tested without, above.
  await cache.put(KEY, ARTEFACT);
  if (ROOT) {
    await giveAway(file);
    assert.equal(await cache.get(KEY), undefined);
    assert.match(warnings()[1]!, /removed: it belongs to user 4321, not to 0 or root/);
    const other = await DiskCache.open(directory, log, { user: 4321 });
    await cache.put(KEY, ARTEFACT);
    assert.deepEqual(await other?.get(KEY), ARTEFACT, "root's file");
  }
});

test('the oldest go first when there are too many bytes; the rest stay', async t => {
  const { cache, directory, log } = await open(t, { maxBytes: 800 });
  const names = [...'abcdefgh'];
  await fill(cache, directory, names);
  assert.deepEqual(await keysIn(directory), names, 'just the bound');
  await cache.put('i', { facts: 0, bytes: new Uint8Array(51) });
  assert.deepEqual(await keysIn(directory), [...'cdefghi'], 'to an eighth below it');
  await cache.put('huge', { facts: 0, bytes: new Uint8Array(800 - PREFIX - 1) });
  assert.deepEqual(await keysIn(directory), ['huge'], 'it fills the cache');
  await cache.put('more', { facts: 0, bytes: new Uint8Array(801 - PREFIX - 1) });
  assert.deepEqual(await keysIn(directory), ['huge'], 'it would not fit');
  assert.deepEqual(log.lines, []);
});

test('what was read lately counts as new; it is touched at most once an hour', async t => {
  const { cache, directory } = await open(t, { maxBytes: 400 });
  await fill(cache, directory, [...'abcd']);
  const mtime = async (name: string) => (await fs.stat(path.join(directory, `${name}.weir`))).mtimeMs;
  const recent = await mtime('b');
  const old = Date.now() / 1000 - 7200;
  await fs.utimes(path.join(directory, 'a.weir'), old, old);
  await cache.get('a');
  await cache.get('b');
  assert.ok((await mtime('a')) > old * 1000 + 3_600_000);
  assert.equal(await mtime('b'), recent);
  await cache.put('e', { facts: 0, bytes: new Uint8Array(51) });
  assert.deepEqual(await keysIn(directory), [...'ade']);
});

test('the directory is not looked through on every put', async t => {
  const { cache, directory } = await open(t, { maxBytes: 8000 });
  const { mock } = t.mock.method(fs, 'readdir');
  syncBuiltinESMExports();
  t.after(() => {
    mock.restore();
    syncBuiltinESMExports();
  });
  const names = Array.from({ length: 400 }, (_, n) => `k${n}`);
  for (const name of names) {
    await cache.put(name, { facts: 0, bytes: new Uint8Array(51) });
  }
  assert.ok(mock.callCount() <= 50, `${mock.callCount()} times in 400`);
  const sizes = await keysIn(directory);
  assert.ok(sizes.length > 60 && sizes.length <= 80, `${sizes.length} files`);
});

test('many puts at once stay in the bound, and none is lost to another but for room', async t => {
  const { cache, directory, log } = await open(t, { maxBytes: 2000 });
  const all = Array.from({ length: 100 }, (_, n) =>
    cache.put(`k${n}`, { facts: 0, bytes: new Uint8Array(51) }),
  );
  await Promise.all(all);
  const left = await keysIn(directory);
  assert.ok(left.length > 10 && left.length <= 20, `${left.length} files`);
  for (const key of left) assert.ok(await cache.get(key));
  assert.deepEqual(log.lines, []);
});

test('caches that share a directory pass the bound by an eighth each, at most', async t => {
  const { cache, directory, log } = await open(t, { maxBytes: 8000 });
  const other = await DiskCache.open(directory, log, { maxBytes: 8000 });
  for (let n = 0; n < 200; n++) {
    await [cache, other!][n % 2]!.put(`k${n}`, { facts: 0, bytes: new Uint8Array(51) });
    const { length } = await keysIn(directory);
    assert.ok(length <= 100, `${length} files after ${n}`);
  }
});

test('opening trims to the bound, and removes old temporary files, and nothing else', async t => {
  const { cache, directory, log } = await open(t);
  await fill(cache, directory, [...'abcd']);
  const old = Date.now() / 1000 - 3700;
  const stale = ['weir-12-0123456789abcdef.tmp', 'notes.txt', 'Mine.weir', 'weir-12-0123.tmp'];
  for (const name of [...stale, 'weir-13-0123456789abcdef.tmp']) {
    await fs.writeFile(path.join(directory, name), 'x'.repeat(1000));
    if (stale.includes(name)) await fs.utimes(path.join(directory, name), old, old);
  }
  await fs.mkdir(path.join(directory, 'dir.weir'));
  assert.ok(await DiskCache.open(directory, log, { maxBytes: 250 }));
  const kept = ['Mine', 'c', 'd', 'dir', 'notes.txt', 'weir-12-0123.tmp', 'weir-13-0123456789abcdef.tmp'];
  assert.deepEqual(await keysIn(directory), kept.sort());
  assert.deepEqual(log.lines, []);
});

test('files over the bound that can not be removed end the writing, with one warning', async t => {
  const { cache, directory, log } = await open(t);
  await fill(cache, directory, [...'abcd']);
  const { end } = failing(t, 'unlink', 'EROFS');
  const next = await DiskCache.open(directory, log, { maxBytes: 250 });
  await next!.put('e', { facts: 0, bytes: new Uint8Array(51) });
  end();
  assert.ok(await next!.get('a'));
  assert.deepEqual(await keysIn(directory), [...'abcd']);
  assert.equal(log.lines.length, 1);
  assert.match(log.lines[0]!.message, /nothing is written .* over its bound/);
});

test('processes that write the same key at once: a reader gets one of them, whole', async t => {
  const { cache, directory, log } = await open(t);
  const program = `
    import { DiskCache } from ${JSON.stringify(new URL('../../src/engine/disk-cache.ts', import.meta.url).href)};
    const [directory, id] = process.argv.slice(1);
    const cache = await DiskCache.open(directory, console);
    for (let n = 0; n < 100; n++) {
      const bytes = new Uint8Array(20000 + Number(id)).fill(n);
      await cache.put('${KEY}', { facts: [Number(id), n], bytes });
    }`;
  const run = promisify(execFile);
  let writing = true;
  const writers = Promise.all(
    [1, 2, 3].map(id =>
      run(process.execPath, ['--input-type=module', '-e', program, '--', directory, String(id)]),
    ),
  ).finally(() => {
    writing = false;
  });
  let seen = 0;
  while (writing) {
    const artefact = await cache.get(KEY);
    if (artefact === undefined) {
      assert.equal(seen, 0, 'once there, it is there');
      await new Promise(resolve => setTimeout(resolve, 1));
      continue;
    }
    const [id, n] = artefact.facts as [number, number];
    assert.deepEqual(artefact.bytes, new Uint8Array(20000 + id).fill(n));
    seen++;
  }
  for (const { stdout, stderr } of await writers) assert.equal(stdout + stderr, '');
  assert.ok(seen > 0);
  assert.deepEqual(await keysIn(directory), [KEY]);
  assert.deepEqual(log.lines, []);
});

for (const [platform, env, home, expected] of [
  ['linux', {}, '/home/u', '/home/u/.cache/weir'],
  ['linux', { XDG_CACHE_HOME: '/x' }, '/home/u', '/x/weir'],
  ['linux', { XDG_CACHE_HOME: '/x' }, undefined, '/x/weir'],
  ['linux', { XDG_CACHE_HOME: 'x' }, '/home/u', '/home/u/.cache/weir'],
  ['linux', { XDG_CACHE_HOME: '' }, '/home/u', '/home/u/.cache/weir'],
  ['linux', {}, undefined, undefined],
  ['linux', {}, '', undefined],
  ['freebsd', {}, '/home/u', '/home/u/.cache/weir'],
  ['darwin', { XDG_CACHE_HOME: '/x' }, '/Users/u', '/Users/u/Library/Caches/weir'],
  ['darwin', {}, undefined, undefined],
  ['win32', { LOCALAPPDATA: 'D:\\Local' }, 'C:\\Users\\u', 'D:\\Local\\weir\\cache'],
  ['win32', {}, 'C:\\Users\\u', 'C:\\Users\\u\\AppData\\Local\\weir\\cache'],
  ['win32', {}, undefined, undefined],
] as const) {
  test(`default directory: ${platform} ${JSON.stringify(env)} ${home} -> ${expected}`, () => {
    assert.equal(defaultCacheDirectory(env, platform, home), expected);
  });
}
