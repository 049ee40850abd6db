import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { setThroughDescriptors } from '../../../src/component/wasi/filesystem/handles.ts';
import { code, grant, open, readFile, refused, tree, WRITE } from './filesystem-rig.ts';

test('a directory that was moved away while it is open leads nowhere else (without /proc)', t => {
  setThroughDescriptors(false);
  t.after(() => setThroughDescriptors(undefined));
  const { outside, root } = tree(t);
  const { directory } = grant(t, root);
  const sub = open(directory, 'dir', { read: true, mutateDirectory: true });
  renameSync(join(root, 'dir'), join(root, 'moved'));
  symlinkSync(outside, join(root, 'dir'));
  refused('no-entry', () => readFile(sub, 'secret.txt'));
  refused('no-entry', () => sub.createDirectoryAt('new'));
});

test('a directory that was moved away while it is open is still itself', t => {
  const { outside, root } = tree(t);
  const { directory } = grant(t, root);
  const sub = open(directory, 'dir', { read: true, mutateDirectory: true });
  renameSync(join(root, 'dir'), join(root, 'moved'));
  symlinkSync(outside, join(root, 'dir'));
  assert.equal(readFile(sub, 'file.txt'), 'file');
  sub.createDirectoryAt('new');
  assert.ok(existsSync(join(root, 'moved/new')));
});

/** Swaps `first` and `second` in turn for `swap`, in another thread, until it is ended. */
function swapping(root: string, first: string, second: string): Worker {
  return new Worker(
    `const { renameSync } = require('node:fs');
     const { root, first, second } = require('node:worker_threads').workerData;
     const swap = root + '/swap';
     for (;;) for (const name of [first, second]) {
       renameSync(root + '/' + name, swap);
       renameSync(swap, root + '/' + name);
     }`,
    { eval: true, workerData: { root, first, second } },
  );
}

test('what is swapped between look and use never leads out', async t => {
  const { outside, root } = tree(t);
  mkdirSync(join(root, 'good'));
  writeFileSync(join(root, 'good/secret.txt'), 'inside');
  symlinkSync('../outside', join(root, 'evil'));
  const { directory } = grant(t, root);
  const worker = swapping(root, 'good', 'evil');
  t.after(() => worker.terminate());
  const seen = new Map<unknown, number>();
  const end = Date.now() + 1500;
  while (Date.now() < end && !(seen.has('inside') && seen.has('not-permitted') && Date.now() > end - 500)) {
    for (const path of ['swap/secret.txt', 'swap/../swap/secret.txt', 'dir/../swap/./secret.txt']) {
      let got: unknown;
      try {
        got = readFile(directory, path);
      } catch (error) {
        got = error;
      }
      seen.set(got, (seen.get(got) ?? 0) + 1);
      code(() => directory.createDirectoryAt('swap/made'));
      code(() => directory.symlinkAt('x', 'swap/link'));
      code(() => open(directory, 'swap/written', WRITE, { create: true })[Symbol.dispose]());
      code(() => directory.unlinkFileAt('swap/written'));
    }
  }
  await worker.terminate();
  assert.equal(seen.has('outside'), false);
  assert.ok(seen.has('inside'), JSON.stringify([...seen]));
  assert.deepEqual(readdirSync(outside), ['secret.txt']);
});
