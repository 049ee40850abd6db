import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { SHIPPED } from '../support/shipped.ts';
import { ROOT } from '../support/weir.ts';

describe('binaries of the shipped filters', () => {
  it('`filters:check`: every binary belongs to its sources', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['filters/build.ts', '--check'], {
      cwd: ROOT,
    });
    assert.match(stdout, /^15 filters: every binary belongs to its sources\.$/m);
  });

  it('none is over 3 MB; security-headers is under 10 KB', () => {
    for (const [name, path] of Object.entries(SHIPPED)) {
      assert.ok(statSync(ROOT + path).size < 3_000_000, name);
    }
    assert.ok(statSync(ROOT + SHIPPED['security-headers']).size < 10_000);
  });
});
