import assert from 'node:assert/strict';
import { test } from 'node:test';
import { covers } from '../../src/config/covers.ts';

type Match = Readonly<Record<string, unknown>>;

/** Earlier, later, and whether the later one is never reached. */
const cases: readonly [Match, Match, boolean][] = [
  [{}, {}, true],
  [{}, { path: '/a' }, true],
  [{ path: '/a' }, {}, false],
  // The target of OPTIONS * has no path that starts with a slash.
  [{ path: '/' }, {}, false],
  [{ path: '/' }, { path: '/a' }, true],
  [{ path: '/' }, { path: { exact: '/a' } }, true],
  [{ path: '/' }, { path: { regex: '^/a' } }, false],
  [{ path: '/a' }, { path: '/a' }, true],
  [{ path: '/a' }, { path: '/a/b' }, true],
  [{ path: '/a/' }, { path: '/a/b' }, true],
  [{ path: '/a/' }, { path: '/a' }, false],
  [{ path: '/a' }, { path: '/ab' }, false],
  [{ path: { prefix: '/a' } }, { path: { exact: '/a' } }, true],
  [{ path: { exact: '/a' } }, { path: '/a' }, false],
  [{ path: { exact: '/a' } }, { path: { exact: '/a' } }, true],
  [{ path: { exact: '/a' } }, { path: { exact: '/b' } }, false],
  [{ path: { regex: 'a' } }, { path: { regex: 'a' } }, true],
  [{ path: { regex: 'a' } }, { path: '/a' }, false],
  [{ host: 'a.example' }, { host: 'A.example' }, true],
  [{ host: 'a.example' }, {}, false],
  [{ host: '*.example' }, { host: 'a.example' }, true],
  [{ host: '*.example' }, { host: '*.a.example' }, true],
  [{ host: '*.example' }, { host: 'example' }, false],
  [{ host: '*.a.example' }, { host: '*.example' }, false],
  [{ methods: ['GET', 'post'] }, { methods: ['POST'] }, true],
  [{ methods: ['GET'] }, { methods: ['GET', 'POST'] }, false],
  [{ methods: ['GET'] }, {}, false],
  [{ headers: {} }, {}, true],
  [{ headers: { a: 'x' } }, { headers: { A: 'x', b: 'y' } }, true],
  [{ headers: { a: 'x' } }, { headers: { a: 'y' } }, false],
  [{ headers: { a: true } }, { headers: { a: 'y' } }, true],
  [{ headers: { a: 'y' } }, { headers: { a: true } }, false],
  [{ headers: { a: 'y' } }, {}, false],
  [{ path: '/a', methods: ['GET'] }, { path: '/a/b', methods: ['GET'], host: 'h' }, true],
  [{ path: '/a', methods: ['GET'] }, { path: '/a/b' }, false],
  // Shapes the schema refuses are never a reason to call a route unreachable.
  [{ path: 5 }, { path: '/a' }, false],
  [{ host: null }, { host: 'a' }, false],
  [{ methods: 'GET' }, { methods: ['GET'] }, false],
  [{ headers: [] }, {}, true],
  [{ headers: null }, {}, false],
];

for (const [earlier, later, expected] of cases) {
  test(`${JSON.stringify(earlier)} ${expected ? 'covers' : 'leaves'} ${JSON.stringify(later)}`, () => {
    assert.equal(covers(earlier, later), expected);
  });
}

test('a match of the wrong shape covers nothing', () => {
  assert.equal(covers(undefined, {}), false);
  assert.equal(covers({}, undefined), false);
});
