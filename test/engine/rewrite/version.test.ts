import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { REWRITER } from '../../../src/engine/compile.ts';
import { rewrite } from '../../../src/engine/rewrite/index.ts';
import { LIMITS } from './run.ts';

const FILTERS = new URL('../../../filters/', import.meta.url);
const MODULES = ['assemblyscript/ab-test', 'c/security-headers', 'cpp/basic-auth', 'rust/add-header'];

/** What the version in the names of artefacts on disk stands for: this rewriter's output for these modules. */
const OUTPUT: Readonly<Record<number, string>> = {
  1: '30c3974b3f66646923f83084c4d1803b95560ac6b50ae09cc2409904c62e2541',
};

test('a rewriter that gives other bytes has another version, or caches on disk would hold the old ones', () => {
  const hash = createHash('sha256');
  for (const name of MODULES) {
    const file = new URL(`${name}/${name.split('/')[1]}.wasm`, FILTERS);
    const { bytes, facts } = rewrite(readFileSync(file), LIMITS);
    hash.update(bytes).update(JSON.stringify(facts));
  }
  assert.equal(
    hash.digest('hex'),
    OUTPUT[REWRITER],
    'raise REWRITER in compile.ts (or the filters were built anew)',
  );
});
