import assert from 'node:assert/strict';
import { test } from 'node:test';
import { around, faultsOf } from './faults.ts';

/** Text that is no YAML, or YAML that goes round in circles: name, text, every fault with line, column, path and remedy. */
const cases: readonly [string, string, string[]][] = [
  [
    'an empty file',
    '',
    ['1:1: the file is empty (it needs at least listeners and upstreams; see config/minimal.yaml)'],
  ],
  [
    'comments only',
    '# nothing\n',
    ['1:1: the file is empty (it needs at least listeners and upstreams; see config/minimal.yaml)'],
  ],
  [
    'null',
    '~',
    [
      '1:1: expected a mapping, got nothing (write a mapping with at least listeners and upstreams; see config/minimal.yaml)',
    ],
  ],
  [
    'an open list',
    'listeners: [a\nlog: {}',
    ['2:1: YAML: flow sequence in block collection must be sufficiently indented and end with a ]'],
  ],
  [
    'an open string',
    'log: {level: "info}',
    [
      '1:20: a quote is never closed (close it, or double it if it belongs to the text)',
      '1:20: YAML: flow map in block collection must be sufficiently indented and end with a }',
    ],
  ],
  ['a tab', 'log:\n\tlevel: info', ['2:1: a tab can not indent (use blanks)']],
  [
    'indentation',
    'listeners:\n  - address: :1\n routes: []',
    ['3:1: YAML: all mapping items must start at the same column'],
  ],
  [
    'two colons',
    'listeners: address: 1',
    ['1:12: a second ": " in one line (quote the value, or put it on a line of its own)'],
  ],
  [
    'a reserved character',
    around('log: {level: @info}'),
    ['1:14: a plain value can not start with this character (quote the value)'],
  ],
  [
    'two documents',
    'a: 1\n---\nb: 1',
    ['2:1: the file holds several YAML documents (keep one; remove the --- line)'],
  ],
  ['a tag', around('log: !env LOG'), ['1:6: unknown tag !env (remove the tag)']],
  [
    'IPv6 without quotes',
    'listeners:\n  - address: [::1]:8080',
    ['2:19: text after a closing ] (quote an IPv6 address: "[::1]:8080")'],
  ],
  [
    'a wildcard without quotes',
    around('listeners: [{address: ":1", routes: [{match: {host: *.example.com}, upstream: app}]}]'),
    [
      '1:53: listeners[0].routes[0].match.host: unknown anchor *.example.com (define it before with &.example.com, or quote the value if it is meant to start with *)',
    ],
  ],
  [
    'an unknown anchor',
    around('log: *none'),
    [
      '1:6: log: unknown anchor *none (define it before with &none, or quote the value if it is meant to start with *)',
    ],
  ],
  [
    'a cycle',
    around('filters: &f {f: *f}'),
    ['1:17: filters.f: cyclic anchor: *f stands inside &f (write it out)'],
  ],
  [
    'a cycle through a list',
    around('log: &l [1, [*l]]'),
    [
      '1:9: log: expected a mapping, got a list (a mapping, for example {level: debug})',
      '1:14: log[1][0]: cyclic anchor: *l stands inside &l (write it out)',
    ],
  ],
  [
    'a cycle through a merge key',
    around('filters: &f {<<: *f}'),
    ['1:18: filters.<<: cyclic anchor: *f stands inside &f (write it out)'],
  ],
  [
    'merging a string',
    around('filters: {<<: text}'),
    ['1:15: filters.<<: only a mapping can be merged (for example <<: *anchor)'],
  ],
];

for (const [name, text, expected] of cases) {
  test(`yaml: ${name}`, () => assert.deepEqual(faultsOf(text), expected));
}
