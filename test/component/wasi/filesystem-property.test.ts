import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { metadataHash } from '../../../src/component/wasi/filesystem/stat.ts';
import { FOLLOW, grant, readFile, tree } from './filesystem-rig.ts';

const name = fc.constantFrom(
  'a',
  'b',
  'c',
  'dir',
  'dir',
  'sub',
  'sub',
  '..',
  '.',
  'secret.txt',
  'outside',
  'root',
);
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map(names => names.join('/'));
/** Links `a`, `b`, `c` in the root and two directories, to anywhere. */
const links = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'dir/a', 'dir/b', 'dir/sub/c'), path), {
  maxLength: 6,
});

const real = (call: () => unknown): unknown => {
  try {
    return call();
  } catch {
    return undefined;
  }
};

test('whatever the links and the path are: what is reached is inside, and what the system reaches by it', t => {
  const { outside, root } = tree(t);
  // What the path would reach if it led out, by the names it may take.
  mkdirSync(join(outside, 'sub'));
  writeFileSync(join(outside, 'sub/secret.txt'), 'outside');
  writeFileSync(join(root, 'dir/secret.txt'), 'dir');
  writeFileSync(join(root, 'dir/sub/secret.txt'), 'sub');
  const { directory } = grant(t, root);
  let reached = 0;
  let refused = 0;
  fc.assert(
    fc.property(links, fc.array(path, { minLength: 5, maxLength: 5 }), (made, paths) => {
      const placed: string[] = [];
      try {
        for (const [place, target] of made) {
          if (placed.includes(place) || target === '') continue;
          symlinkSync(target, join(root, place));
          placed.push(place);
        }
        for (const each of paths) {
          const there = `${root}/${each}`;
          let text: string | undefined;
          try {
            directory.statAt(FOLLOW, each);
            text = real(() => readFile(directory, each)) as string | undefined;
          } catch (error) {
            assert.equal(typeof error, 'string');
            refused++;
            continue;
          }
          reached++;
          const known = metadataHash(statSync(there, { bigint: true }));
          assert.deepEqual(directory.metadataHashAt(FOLLOW, each), known);
          // Node's own takes `x/..` away before it looks whether x is a link; the system doesn't.
          assert.ok(`${realpathSync.native(there)}/`.startsWith(`${root}/`));
          assert.notEqual(text, 'outside');
          assert.equal(
            text,
            real(() => readFileSync(there, 'utf8')),
          );
        }
      } finally {
        for (const place of placed) rmSync(join(root, place));
      }
    }),
    { numRuns: 1000 },
  );
  assert.ok(reached > 200 && refused > 300, `${reached} reached, ${refused} refused`);
});
