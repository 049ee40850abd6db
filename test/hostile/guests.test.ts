import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildAll, GUESTS } from './build.ts';

test('every guest was built from its source as it is', () => {
  const names = new Set<string>();
  for (const [name, bytes] of buildAll()) {
    names.add(`${name}.wasm`);
    const built = readFileSync(join(GUESTS, `${name}.wasm`));
    assert.ok(built.equals(bytes), `${name}: build it: node_modules/.bin/node test/hostile/build.ts`);
  }
  assert.deepEqual(
    readdirSync(GUESTS).filter(file => file.endsWith('.wasm') && !names.has(file)),
    [],
    'binaries without a source',
  );
});
