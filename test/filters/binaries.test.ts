import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, readFileSync, statSync } from 'node:fs';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { witOf } from '../../src/component/wit.ts';
import { identify } from '../../src/engine/identify.ts';
import { SHIPPED } from '../support/shipped.ts';
import { ROOT } from '../support/weir.ts';

describe('binaries of the shipped filters', () => {
  it('`filters:check`: every binary belongs to its sources', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['filters/build.ts', '--check'], {
      cwd: ROOT,
    });
    assert.match(stdout, /^19 filters: every binary belongs to its sources\.$/m);
  });

  it('none is over 3 MB; security-headers is under 10 KB', () => {
    for (const [name, path] of Object.entries(SHIPPED)) {
      assert.ok(statSync(ROOT + path).size < 3_000_000, name);
    }
    assert.ok(statSync(ROOT + SHIPPED['security-headers']).size < 10_000);
  });

  it('components of the world weir:filter import nothing but it, what they plug in, and no WASI', () => {
    const filters: Record<string, string[]> = {};
    for (const path of globSync('filters/*/*/*.wasm', { cwd: ROOT })) {
      const bytes = readFileSync(ROOT + path);
      if (identify(bytes) !== 'component') continue;
      const { imports, exports } = witOf(bytes);
      if (!exports.some(({ name }) => name.startsWith('weir:filter/'))) continue;
      filters[path] = imports.map(({ name }) => name).filter(name => !name.startsWith('weir:filter/'));
    }
    assert.deepEqual(filters['filters/rust/verify-token/verify-token.wasm'], ['acme:auth/verifier@0.1.0']);
    const foreign = Object.entries(filters).filter(
      ([path, names]) => names.length > 0 && !path.includes('verify'),
    );
    assert.deepEqual(foreign, []);
    assert.ok(Object.keys(filters).length >= 6, Object.keys(filters).join(', '));
  });
});
