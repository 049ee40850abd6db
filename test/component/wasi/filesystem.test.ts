import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FILE_CALL_MAX_BYTES, FILE_MAX_BYTES } from '../../../src/component/wasi/filesystem/file-streams.ts';
import { OPEN_MAX } from '../../../src/component/wasi/filesystem/handles.ts';
import { InputStream } from '../../../src/component/wasi/io/index.ts';
import { InstanceClosed, WasiTrap } from '../../../src/component/wasi/trap.ts';
import { code, FOLLOW, grant, open, READ, readFile, refused, tree, WRITE } from './filesystem-rig.ts';

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const openFiles = () => readdirSync('/proc/self/fd').length;

test('the granted directories, by the names the guest has for them', t => {
  const { root } = tree(t);
  const { preopens, directory } = grant(t, root, 'read');
  assert.deepEqual(
    preopens.getDirectories().map(([, name]) => name),
    ['/data'],
  );
  assert.equal(directory.getType(), 'directory');
  assert.equal(directory.isSameObject(preopens.getDirectories()[0]![0]), true);
  assert.deepEqual(directory.getFlags(), {
    read: true,
    write: false,
    fileIntegritySync: false,
    dataIntegritySync: false,
    requestedWriteSync: false,
    mutateDirectory: false,
  });
});

test('a granted directory that is gone is a trap that names it as the guest does', t => {
  const { root } = tree(t);
  assert.throws(() => grant(t, join(root, 'nothing')), { message: 'directory /data: ENOENT' });
  assert.throws(() => grant(t, join(root, 'secret.txt')), WasiTrap);
});

test('a read-only directory refuses everything that changes something', t => {
  const { root } = tree(t);
  symlinkSync('secret.txt', join(root, 'link'));
  const { directory, told } = grant(t, root, 'read');
  const changes: Record<string, () => unknown> = {
    'open write': () => open(directory, 'secret.txt', WRITE),
    'open mutate': () => open(directory, 'dir', { read: true, mutateDirectory: true }),
    create: () => open(directory, 'new', READ, { create: true }),
    truncate: () => open(directory, 'secret.txt', READ, { truncate: true }),
    mkdir: () => directory.createDirectoryAt('new'),
    rmdir: () => directory.removeDirectoryAt('dir/sub'),
    unlink: () => directory.unlinkFileAt('secret.txt'),
    rename: () => directory.renameAt('secret.txt', directory, 'new'),
    link: () => directory.linkAt({}, 'secret.txt', directory, 'new'),
    symlink: () => directory.symlinkAt('secret.txt', 'new'),
    'set-times-at': () => directory.setTimesAt({}, 'secret.txt', { tag: 'now' }, { tag: 'now' }),
    'set-times': () => directory.setTimes({ tag: 'now' }, { tag: 'now' }),
    'file set-times': () => open(directory, 'secret.txt').setTimes({ tag: 'now' }, { tag: 'now' }),
    'file set-size': () => open(directory, 'secret.txt').setSize(0n),
    'file write': () => open(directory, 'secret.txt').write(Buffer.from('x'), 0n),
    'file write-via-stream': () => open(directory, 'secret.txt').writeViaStream(0n),
    'file append-via-stream': () => open(directory, 'secret.txt').appendViaStream(),
    'below an open directory': () => open(directory, 'dir').createDirectoryAt('new'),
    'below an open directory, by opening': () => open(open(directory, 'dir'), 'file.txt', WRITE),
  };
  const before = statSync(join(root, 'secret.txt'));
  for (const [name, change] of Object.entries(changes)) refused('read-only', change, name);
  assert.equal(statSync(join(root, 'secret.txt')).mtimeMs, before.mtimeMs);
  assert.deepEqual(readdirSync(root).sort(), ['dir', 'link', 'secret.txt']);
  assert.equal(readFile(directory, 'link'), 'inside');
  assert.deepEqual(told.denials, [
    ['write in /data', `capabilities.directories: [{host: ${root}, guest: /data, access: write}]`],
  ]);
});

test('a hard link from a directory that is read-only to one that is not is refused', t => {
  const { root } = tree(t);
  const { directory: readOnly } = grant(t, join(root, 'dir'), 'read');
  const { directory: writable } = grant(t, root, 'write');
  refused('read-only', () => readOnly.linkAt({}, 'file.txt', writable, 'new'));
  refused('read-only', () => readOnly.renameAt('file.txt', writable, 'new'));
  refused('read-only', () => writable.renameAt('secret.txt', readOnly, 'new'));
});

test('a directory opened without mutate-directory changes nothing, even below a writable one', t => {
  const { root } = tree(t);
  const { directory, told } = grant(t, root);
  const dir = open(directory, 'dir');
  assert.equal(dir.getFlags().mutateDirectory, false);
  refused('read-only', () => dir.unlinkFileAt('file.txt'));
  assert.deepEqual(told.denials, []);
  open(directory, 'dir', { read: true, mutateDirectory: true }).unlinkFileAt('file.txt');
  assert.equal(existsSync(join(root, 'dir/file.txt')), false);
});

test('files are created, written, read, cut and removed in a writable directory', t => {
  const { root } = tree(t);
  const { directory } = grant(t, root);
  const file = open(directory, 'new.txt', WRITE, { create: true, exclusive: true });
  assert.equal(file.write(Buffer.from('hello world'), 0n), 11n);
  assert.equal(file.write(Buffer.from('W'), 6n), 1n);
  assert.deepEqual([text(file.read(5n, 6n)[0]), file.read(5n, 6n)[1]], ['World', false]);
  assert.deepEqual([text(file.read(5n, 11n)[0]), file.read(5n, 11n)[1]], ['', true]);
  assert.deepEqual(file.read(0n, 0n)[1], false);
  file.setSize(5n);
  assert.equal(file.stat().size, 5n);
  refused('exist', () => open(directory, 'new.txt', WRITE, { create: true, exclusive: true }));
  open(directory, 'new.txt', WRITE, { truncate: true });
  assert.equal(readFileSync(join(root, 'new.txt'), 'utf8'), '');
  directory.renameAt('new.txt', directory, 'dir/moved.txt');
  directory.linkAt({}, 'dir/moved.txt', directory, 'second.txt');
  assert.equal(directory.statAt({}, 'second.txt').linkCount, 2n);
  directory.unlinkFileAt('second.txt');
  directory.unlinkFileAt('dir/moved.txt');
  assert.equal(existsSync(join(root, 'dir/moved.txt')), false);
});

test('what was not asked for when opening is a bad descriptor', t => {
  const { root } = tree(t);
  const { directory } = grant(t, root);
  const readable = open(directory, 'secret.txt', READ);
  const writable = open(directory, 'secret.txt', { write: true });
  const neither = open(directory, 'secret.txt', {});
  for (const call of [
    () => readable.write(Buffer.from('x'), 0n),
    () => readable.setSize(0n),
    () => writable.read(1n, 0n),
    () => neither.readViaStream(0n),
    () => neither.writeViaStream(0n),
  ]) {
    refused('bad-descriptor', call);
  }
  assert.equal(neither.stat().size, 6n);
});

test('directories are made, listed and removed', t => {
  const { root } = tree(t);
  const { directory } = grant(t, root);
  directory.createDirectoryAt('made/');
  refused('exist', () => directory.createDirectoryAt('made'));
  refused('exist', () => directory.createDirectoryAt('.'));
  writeFileSync(Buffer.concat([Buffer.from(`${root}/made/`), Buffer.from([0xff, 0xfe])]), '');
  symlinkSync('/etc', join(root, 'made/link'));
  mkdirSync(join(root, 'made/sub'));
  const entries = open(directory, 'made').readDirectory();
  const found = [];
  for (let e = entries.readDirectoryEntry(); e !== undefined; e = entries.readDirectoryEntry()) found.push(e);
  assert.deepEqual(
    found.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    [
      { type: 'symbolic-link', name: 'link' },
      { type: 'directory', name: 'sub' },
    ],
  );
  assert.equal(entries.readDirectoryEntry(), undefined);
  refused('not-empty', () => directory.removeDirectoryAt('made'));
  directory.removeDirectoryAt('made/sub/');
  refused('not-directory', () => directory.removeDirectoryAt('secret.txt'));
  refused('invalid', () => directory.removeDirectoryAt('.'));
  refused('is-directory', () => directory.unlinkFileAt('dir'));
  refused('not-directory', () => directory.unlinkFileAt('secret.txt/'));
  refused('not-directory', () => open(directory, 'secret.txt').readDirectory());
  refused('not-directory', () => open(directory, 'secret.txt').openAt({}, 'x', {}, READ));
  refused('is-directory', () => open(directory, 'dir').read(1n, 0n));
  refused('is-directory', () => open(directory, 'dir', WRITE));
  refused('not-directory', () => open(directory, 'secret.txt', READ, { directory: true }));
});

test('rename keeps to what files and directories can be', t => {
  const { root } = tree(t);
  const { directory } = grant(t, root);
  const rename = (from: string, to: string) => code(() => directory.renameAt(from, directory, to));
  assert.equal(rename('nothing', 'x'), 'no-entry');
  assert.equal(rename('secret.txt', 'x/'), 'not-directory');
  assert.equal(rename('secret.txt/', 'x'), 'not-directory');
  assert.equal(rename('.', 'x'), 'busy');
  assert.equal(rename('secret.txt', 'dir'), 'is-directory');
  assert.equal(rename('dir', 'dir/sub/x'), 'invalid');
  assert.equal(rename('dir/', 'x/'), 'nothing was thrown');
  assert.equal(readFile(directory, 'x/file.txt'), 'file');
});

test('links can be made to what is below them only', t => {
  const { root } = tree(t);
  const { directory } = grant(t, root);
  directory.symlinkAt('sub/deep.txt', 'dir/link');
  assert.equal(readFile(directory, 'dir/link'), 'deep');
  for (const target of ['..', '../outside', '/etc/passwd', 'dir/../..', 'a/..']) {
    refused('not-permitted', () => directory.symlinkAt(target, 'link'), target);
  }
  refused('no-entry', () => directory.symlinkAt('', 'link'));
  refused('invalid', () => directory.symlinkAt('a\0b', 'link'));
  refused('not-permitted', () => directory.linkAt({}, 'dir/link', directory, 'x'));
  refused('invalid', () => directory.linkAt(FOLLOW, 'secret.txt', directory, 'x'));
  refused('not-permitted', () => directory.linkAt({}, 'dir', directory, 'x'));
  symlinkSync('/etc', join(root, 'out'));
  refused('not-permitted', () => directory.readlinkAt('out'));
  refused('invalid', () => directory.readlinkAt('secret.txt'));
});

test('streams of files: from an offset, to an offset, at the end', t => {
  const { root } = tree(t);
  const { directory } = grant(t, root);
  const file = open(directory, 'secret.txt', WRITE);
  const input = file.readViaStream(2n);
  assert.equal(text(input.read(3n)), 'sid');
  const output = file.writeViaStream(0n);
  output.blockingWriteAndFlush(Buffer.from('IN'));
  const end = file.appendViaStream();
  end.blockingWriteAndFlush(Buffer.from('!'));
  end.blockingWriteAndFlush(Buffer.from('?'));
  // The streams hold the file.
  file[Symbol.dispose]();
  assert.equal(text(input.blockingRead(100n) as Uint8Array), 'e!?');
  assert.throws(() => input.read(1n), { tag: 'closed' });
  output.blockingWriteAndFlush(Buffer.from('S'));
  assert.equal(readFileSync(join(root, 'secret.txt'), 'utf8'), 'INSide!?');
  assert.equal(
    text(
      open(directory, 'secret.txt')
        .readViaStream(2n ** 50n)
        .read(0n),
    ),
    '',
  );
});

test('a stream that fails tells why', t => {
  const { root } = tree(t);
  const { directory, types } = grant(t, root);
  const file = open(directory, 'secret.txt', WRITE);
  const input = file.readViaStream(2n ** 64n - 1n);
  const failed = code(() => input.read(1n)) as { tag: string; val: unknown };
  assert.equal(failed.tag, 'last-operation-failed');
  assert.equal(types.filesystemErrorCode(failed.val), 'invalid');
  const output = file.writeViaStream(BigInt(FILE_MAX_BYTES));
  const full = code(() => output.blockingWriteAndFlush(Buffer.from('x'))) as { val: unknown };
  assert.equal(types.filesystemErrorCode(full.val), 'file-too-large');
});

test('offsets, lengths and sizes of any u64 are answered', t => {
  const { root } = tree(t);
  writeFileSync(join(root, 'big'), Buffer.alloc(FILE_CALL_MAX_BYTES + 1));
  const { directory } = grant(t, root);
  const file = open(directory, 'big', WRITE);
  const most = 2n ** 64n - 1n;
  assert.equal(file.read(most, 0n)[0].length, FILE_CALL_MAX_BYTES);
  assert.equal(file.read(most, 2n ** 53n - 1n)[0].length, 0);
  refused('invalid', () => file.read(1n, most));
  refused('file-too-large', () => file.write(Buffer.from('x'), most));
  refused('file-too-large', () => file.setSize(most));
  assert.equal(file.write(Buffer.alloc(FILE_CALL_MAX_BYTES + 5), 0n), BigInt(FILE_CALL_MAX_BYTES));
  file.advise();
  refused('unsupported', () => file.sync());
});

test('times are told and set', t => {
  const { root } = tree(t);
  const { directory } = grant(t, root);
  const at = { tag: 'timestamp', val: { seconds: 1000n, nanoseconds: 5000 } } as const;
  directory.setTimesAt({}, 'secret.txt', at, { tag: 'no-change' });
  const stat = directory.statAt({}, 'secret.txt');
  assert.equal(stat.dataAccessTimestamp!.seconds, 1000n);
  // node:fs takes seconds as a double.
  assert.ok(Math.abs(stat.dataAccessTimestamp!.nanoseconds - 5000) < 1000);
  assert.ok(stat.dataModificationTimestamp!.seconds > 1_600_000_000n);
  open(directory, 'secret.txt').setTimes({ tag: 'no-change' }, at);
  assert.equal(directory.statAt({}, 'secret.txt').dataModificationTimestamp!.seconds, 1000n);
  directory.setTimesAt({}, '.', at, at);
  assert.equal(directory.stat().dataModificationTimestamp!.seconds, 1000n);
  const never = { tag: 'timestamp', val: { seconds: 2n ** 64n - 1n, nanoseconds: 0 } } as const;
  refused('invalid', () => directory.setTimesAt({}, 'secret.txt', never, never));
});

test('hashes tell objects apart, and not where they are', t => {
  const { root } = tree(t);
  const { directory } = grant(t, root);
  const hash = directory.metadataHashAt({}, 'secret.txt');
  assert.deepEqual(open(directory, 'secret.txt').metadataHash(), hash);
  assert.notDeepEqual(directory.metadataHash(), hash);
  assert.notEqual(hash.lower, statSync(join(root, 'secret.txt'), { bigint: true }).ino);
});

test('at most OPEN_MAX descriptors, given back by dropping', t => {
  const { root } = tree(t);
  const { directory, told } = grant(t, root);
  const before = openFiles();
  const files = Array.from({ length: OPEN_MAX - 1 }, () => open(directory, 'secret.txt'));
  const entries = directory.readDirectory();
  refused('insufficient-memory', () => open(directory, 'secret.txt'));
  refused('insufficient-memory', () => directory.readDirectory());
  assert.deepEqual(told.denials, [[`have more than ${OPEN_MAX} files and directories open`, '']]);
  const stream = files[0]!.readViaStream(0n);
  files[0]![Symbol.dispose]();
  refused('insufficient-memory', () => open(directory, 'secret.txt'), 'the stream holds it');
  stream[Symbol.dispose]();
  for (const file of files) file[Symbol.dispose]();
  entries[Symbol.dispose]();
  assert.equal(openFiles(), before);
  for (let i = 0; i < 1000; i++) {
    refused('no-entry', () => open(directory, 'nothing'));
    refused('not-permitted', () => open(directory, 'dir/../dir/sub/../../..'));
  }
  assert.equal(openFiles(), before);
});

test('the end of the instance closes everything, once', t => {
  const { root } = tree(t);
  const before = openFiles();
  const { directory, wasi, preopens } = grant(t, root);
  const file = open(directory, 'secret.txt', WRITE);
  const [input, output] = [file.readViaStream(0n), file.writeViaStream(0n)];
  const entries = directory.readDirectory();
  assert.ok(openFiles() > before);
  wasi.close();
  assert.equal(openFiles(), before);
  assert.throws(() => input.read(1n), InstanceClosed);
  refused('bad-descriptor', () => file.stat());
  refused('bad-descriptor', () => file.readViaStream(0n));
  refused('bad-descriptor', () => open(directory, 'secret.txt'));
  assert.equal(entries.readDirectoryEntry(), undefined);
  for (const each of [input, output, file, entries, directory]) each[Symbol.dispose]();
  wasi.close();
  assert.throws(() => preopens.getDirectories(), InstanceClosed);
  assert.equal(openFiles(), before);
  assert.ok(input instanceof InputStream);
});

test('what the system refuses is told by its code', t => {
  const { root } = tree(t);
  const { directory } = grant(t, root);
  refused('no-entry', () => directory.createDirectoryAt('a/b'));
  // A superuser may read everything.
  if (process.getuid!() === 0) return;
  chmodSync(join(root, 'secret.txt'), 0);
  refused('access', () => readFile(directory, 'secret.txt'));
});
