import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fits, versionOf, withoutVersion } from '../../src/component/interface-name.ts';

test('a name and its version', () => {
  assert.deepEqual(['a:b/c@1.2.3-rc', 'a:b/c', 'plain'].map(withoutVersion), ['a:b/c', 'a:b/c', 'plain']);
  assert.deepEqual(['a:b/c@1.2.3-rc', 'a:b/c', 'plain'].map(versionOf), ['1.2.3-rc', '', '']);
});

/** Version imported, version exported, whether it fits. */
const versions: readonly [string, string, boolean][] = [
  ['0.1.0', '0.1.0', true],
  ['0.1.0', '0.1.7', true],
  ['0.1.7', '0.1.0', false],
  ['0.1.0', '0.2.0', false],
  ['0.2.0', '0.1.9', false],
  ['0.1.0', '1.1.0', false],
  ['1.2.3', '1.2.3', true],
  ['1.2.3', '1.3.0', true],
  ['1.3.0', '1.2.9', false],
  ['1.2.3', '2.0.0', false],
  ['1.2.3', '1.2.2', false],
  ['0.0.1', '0.0.1', true],
  ['0.0.1', '0.0.2', false],
  ['0.0.0', '0.0.1', false],
  ['0.1.0', '0.1.10', true],
  ['0.1.0-rc.1', '0.1.0-rc.1', true],
  ['0.1.0-rc.1', '0.1.0', false],
  ['0.1.0', '0.1.1-rc.1', false],
  ['0.1.0+a', '0.1.0+b', true],
  ['', '0.1.0', false],
  ['0.1.0', '', false],
  ['', '', true],
];

for (const [wanted, given, expected] of versions) {
  test(`import ${wanted || 'unversioned'}, export ${given || 'unversioned'}`, () => {
    const name = (version: string): string => (version === '' ? 'a:b/c' : `a:b/c@${version}`);
    assert.equal(fits(name(wanted), name(given)), expected);
    assert.equal(fits(name(wanted), name(given).replace('/c', '/d')), false);
  });
}
