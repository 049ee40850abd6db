import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setThroughDescriptors } from '../../../src/component/wasi/filesystem/handles.ts';
import type { Descriptor } from '../../../src/component/wasi/filesystem/index.ts';
import {
  code,
  FOLLOW,
  grant,
  linkOut,
  open,
  READ,
  readFile,
  refused,
  tree,
  WAYS_OUT,
  WRITE,
} from './filesystem-rig.ts';

/** Every way to do something to a path, each of which must refuse a path that leads out. */
const OPERATIONS: Readonly<Record<string, (directory: Descriptor, path: string) => unknown>> = {
  open: (d, path) => d.openAt(FOLLOW, path, {}, READ),
  'open nofollow': (d, path) => d.openAt({}, path, {}, READ),
  'open directory': (d, path) => d.openAt(FOLLOW, path, { directory: true }, READ),
  'open write': (d, path) => d.openAt(FOLLOW, path, {}, WRITE),
  create: (d, path) => d.openAt(FOLLOW, path, { create: true }, WRITE),
  'create exclusive': (d, path) => d.openAt(FOLLOW, path, { create: true, exclusive: true }, WRITE),
  truncate: (d, path) => d.openAt(FOLLOW, path, { truncate: true }, WRITE),
  stat: (d, path) => d.statAt(FOLLOW, path),
  hash: (d, path) => d.metadataHashAt(FOLLOW, path),
  'set-times': (d, path) => d.setTimesAt(FOLLOW, path, { tag: 'now' }, { tag: 'now' }),
  mkdir: (d, path) => d.createDirectoryAt(path),
  rmdir: (d, path) => d.removeDirectoryAt(path),
  unlink: (d, path) => d.unlinkFileAt(path),
  readlink: (d, path) => d.readlinkAt(path),
  symlink: (d, path) => d.symlinkAt('dir', path),
  'rename from': (d, path) => d.renameAt(path, d, 'stolen'),
  'rename to': (d, path) => d.renameAt('secret.txt', d, path),
  'link from': (d, path) => d.linkAt({}, path, d, 'stolen'),
  'link to': (d, path) => d.linkAt({}, 'secret.txt', d, path),
};

const DIRECT = [
  '..',
  '../',
  '../.',
  './..',
  '../outside',
  '../outside/secret.txt',
  '../root/secret.txt',
  'dir/../..',
  'dir/../../outside/secret.txt',
  'dir/sub/../../../outside/secret.txt',
  './/..//outside///secret.txt',
  '/',
  '//',
  '/etc/passwd',
  '//etc/passwd',
];

/** Nothing outside changed, and nothing of it came in. */
function untouched(outside: string, root: string): void {
  assert.deepEqual(readdirSync(outside), ['secret.txt']);
  assert.equal(readFileSync(join(outside, 'secret.txt'), 'utf8'), 'outside');
  assert.equal(existsSync(join(root, 'stolen')), false);
  assert.equal(readFileSync(join(root, 'secret.txt'), 'utf8'), 'inside');
  assert.deepEqual(readdirSync(join(root, '..')).sort(), ['outside', 'root']);
}

// `false`: as where paths can't go through descriptors.
for (const through of [undefined, false]) {
  const how = through === undefined ? '' : ' (without /proc)';

  test(`paths out of the directory are not permitted, whatever is done to them${how}`, t => {
    setThroughDescriptors(through);
    t.after(() => setThroughDescriptors(undefined));
    const { outside, root } = tree(t);
    const { directory } = grant(t, root);
    for (const [name, operation] of Object.entries(OPERATIONS)) {
      for (const path of DIRECT) {
        refused('not-permitted', () => operation(directory, path), `${name} ${path}`);
      }
      untouched(outside, root);
    }
  });

  test(`links that lead out are not followed, in any position${how}`, t => {
    setThroughDescriptors(through);
    t.after(() => setThroughDescriptors(undefined));
    const { outside, root } = tree(t);
    linkOut(root);
    linkOut(join(root, 'dir'));
    const { directory } = grant(t, root);
    for (const [name, operation] of Object.entries(OPERATIONS)) {
      for (const link of Object.keys(WAYS_OUT)) {
        for (const path of [`${link}/secret.txt`, `${link}/root/secret.txt`, `./${link}//x`, `${link}/.`]) {
          refused('not-permitted', () => operation(directory, path), `${name} ${path}`);
        }
        refused('not-permitted', () => operation(directory, `${link}/`), `${name} ${link}/`);
      }
      untouched(outside, root);
    }
    const following = [
      'open',
      'open directory',
      'open write',
      'create',
      'truncate',
      'stat',
      'hash',
      'set-times',
    ];
    for (const name of following) {
      for (const link of Object.keys(WAYS_OUT)) {
        refused('not-permitted', () => OPERATIONS[name]!(directory, link), `${name} ${link}`);
      }
      untouched(outside, root);
    }
    for (const link of Object.keys(WAYS_OUT)) {
      refused('loop', () => OPERATIONS['open nofollow']!(directory, link), link);
      refused('exist', () => OPERATIONS['create exclusive']!(directory, link), link);
    }
  });

  test(`links that stay inside are followed when asked${how}`, t => {
    setThroughDescriptors(through);
    t.after(() => setThroughDescriptors(undefined));
    const { root } = tree(t);
    symlinkSync('dir/file.txt', join(root, 'to-file'));
    symlinkSync('dir', join(root, 'to-dir'));
    symlinkSync('../secret.txt', join(root, 'dir/up'));
    symlinkSync('./sub/../../dir//sub/', join(root, 'dir/round'));
    symlinkSync('to-file', join(root, 'to-link'));
    symlinkSync('later', join(root, 'to-later'));
    symlinkSync('.', join(root, 'here'));
    const { directory } = grant(t, root);
    assert.equal(readFile(directory, 'to-file'), 'file');
    assert.equal(readFile(directory, 'to-link'), 'file');
    assert.equal(readFile(directory, 'to-dir/file.txt'), 'file');
    assert.equal(readFile(directory, 'dir/up'), 'inside');
    assert.equal(readFile(directory, 'dir/round/deep.txt'), 'deep');
    assert.equal(readFile(directory, 'to-dir/../secret.txt'), 'inside');
    assert.equal(readFile(directory, 'here/here/./here/secret.txt'), 'inside');
    assert.equal(directory.statAt({}, 'to-dir').type, 'symbolic-link');
    assert.equal(directory.statAt({}, 'to-dir/').type, 'directory');
    assert.equal(directory.statAt(FOLLOW, 'here').type, 'directory');
    assert.equal(directory.readlinkAt('to-link'), 'to-file');
    // A link in the middle is followed also without the flag: it speaks of the last component.
    assert.equal(directory.statAt({}, 'to-dir/file.txt').type, 'regular-file');
    refused('loop', () => directory.openAt({}, 'to-file', {}, READ));
    open(directory, 'to-later', WRITE, { create: true })[Symbol.dispose]();
    assert.ok(existsSync(join(root, 'later')));
  });

  test(`a descriptor of a directory is a sandbox of its own${how}`, t => {
    setThroughDescriptors(through);
    t.after(() => setThroughDescriptors(undefined));
    const { root } = tree(t);
    symlinkSync('../secret.txt', join(root, 'dir/up'));
    const { directory } = grant(t, root);
    const sub = open(directory, 'dir', READ, { directory: true });
    assert.equal(readFile(sub, 'file.txt'), 'file');
    for (const path of ['..', '../secret.txt', 'up', 'sub/../../secret.txt']) {
      refused('not-permitted', () => readFile(sub, path), path);
    }
  });

  test(`odd paths${how}`, t => {
    setThroughDescriptors(through);
    t.after(() => setThroughDescriptors(undefined));
    const { root } = tree(t);
    symlinkSync('loop-b', join(root, 'loop-a'));
    symlinkSync('loop-a', join(root, 'loop-b'));
    symlinkSync('self/x', join(root, 'self'));
    symlinkSync('nothing', join(root, 'dangling'));
    const { directory } = grant(t, root);
    const read = (path: string) => code(() => readFile(directory, path));
    assert.equal(read(''), 'no-entry');
    assert.equal(read('secret.txt\0'), 'invalid');
    assert.equal(read('secret.txt\0/../../outside'), 'invalid');
    assert.equal(read('dangling'), 'no-entry');
    assert.equal(read('dangling/x'), 'no-entry');
    assert.equal(read('nothing/../secret.txt'), 'no-entry');
    assert.equal(read('secret.txt/'), 'not-directory');
    assert.equal(read('secret.txt/.'), 'not-directory');
    assert.equal(read('secret.txt/..'), 'not-directory');
    assert.equal(read('secret.txt/x'), 'not-directory');
    assert.equal(read('loop-a'), 'loop');
    assert.equal(read('loop-a/x'), 'loop');
    assert.equal(read('self'), 'loop');
    assert.equal(read('x'.repeat(256)), 'name-too-long');
    assert.equal(read('x/'.repeat(2049)), 'name-too-long');
    assert.equal(read('ä'.repeat(2049)), 'name-too-long');
    assert.equal(read('dir/../'.repeat(300)), 'name-too-long');
    assert.equal(read('./'.repeat(1000)), 'is-directory');
    assert.equal(read('SECRET.TXT'), 'no-entry');
    assert.equal(read('dir\\file.txt'), 'no-entry');
    assert.equal(read('...'), 'no-entry');
    assert.equal(read('.. '), 'no-entry');
    assert.equal(read('~/secret.txt'), 'no-entry');
    assert.equal(read('proc/self/fd'), 'no-entry');
    assert.equal(readFile(directory, './/dir/.///file.txt'), 'file');
    assert.equal(readFile(directory, 'dir/sub/../../secret.txt'), 'inside');
    refused('is-directory', () => open(directory, 'new/', WRITE, { create: true }));
  });

  test(`what isn't a file or directory isn't opened, nor waited for${how}`, async t => {
    setThroughDescriptors(through);
    t.after(() => setThroughDescriptors(undefined));
    const { root } = tree(t);
    execFileSync('mkfifo', [join(root, 'fifo')]);
    symlinkSync('fifo', join(root, 'to-fifo'));
    const server = createServer();
    await new Promise<void>(resolve => server.listen(join(root, 'socket'), resolve));
    t.after(() => server.close());
    const { directory } = grant(t, root);
    for (const path of ['fifo', 'to-fifo', 'socket']) {
      for (const flags of [READ, WRITE, { write: true }, {}]) {
        refused('access', () => open(directory, path, flags), path);
      }
      refused('access', () => open(directory, path, WRITE, { create: true, truncate: true }));
    }
    assert.equal(directory.statAt({}, 'fifo').type, 'fifo');
    const { directory: dev } = grant(t, '/dev', 'read');
    for (const path of ['null', 'zero', 'tty']) {
      refused('access', () => open(dev, path));
    }
  });
}
