import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildComponents, COMPONENTS } from './component-build.ts';

test('every component was built from its source as it is', async () => {
  const names = new Set<string>();
  for await (const [name, bytes] of buildComponents()) {
    names.add(`${name}.wasm`);
    const built = readFileSync(join(COMPONENTS, `${name}.wasm`));
    const how = 'node_modules/.bin/node test/hostile/component-build.ts';
    assert.ok(built.equals(bytes), `${name}: build it: ${how}`);
  }
  assert.deepEqual(
    readdirSync(COMPONENTS).filter(file => file.endsWith('.wasm') && !names.has(file)),
    [],
    'binaries without a source',
  );
});
