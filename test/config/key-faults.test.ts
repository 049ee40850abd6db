import assert from 'node:assert/strict';
import { test } from 'node:test';
import { around, faultsOf, filter, route } from './faults.ts';

/** Keys the schema refuses or misses: name, text, every fault with line, column, path and remedy. */
const keys: readonly [string, string, string[]][] = [
  ['unknown at the top', around('listener: []'), ['1:1: listener: unknown key (did you mean listeners?)']],
  [
    'unknown in a route',
    route('filter: [a]'),
    ['1:66: listeners[0].routes[0].filter: unknown key (did you mean filters?)'],
  ],
  [
    'unknown and like nothing',
    around('log: {colour: red}'),
    ['1:7: log.colour: unknown key (known here: level, format)'],
  ],
  ['case and hyphens', filter('VM-ID: x'), ['1:37: filters.f.VM-ID: unknown key (did you mean vmId?)']],
  [
    'an inherited name',
    route('match: {constructor: 1}'),
    [
      '1:74: listeners[0].routes[0].match.constructor: unknown key (known here: host, path, methods, headers)',
    ],
  ],
  ['__proto__', around('"__proto__": 1'), ['1:1: __proto__: this key is not allowed (rename it)']],
  ['a key that is a list', around('? [a]\n: 1'), ['1:3: a key has to be a word']],
  [
    'an empty key',
    around('"": 1'),
    [
      '1:1: [""]: unknown key (known here: listeners, upstreams, filters, services, sharedData, foreignFunctions, workers, modules, admin, server, log, shutdown)',
    ],
  ],
  [
    'duplicate',
    around('log: {level: info}\nlog: {level: debug}'),
    ['2:1: log: duplicate key (first on line 1; remove one)'],
  ],
  [
    'duplicate, quoted',
    filter('vmId: a, "vmId": b'),
    ['1:46: filters.f.vmId: duplicate key (first on line 1; remove one)'],
  ],
  [
    'several faults, in file order',
    around('log: {level: loud}\nworkers: 0\nshutdown: {drain: soon}'),
    [
      '1:14: log.level: "loud" is not a choice (trace, debug, info, warn, error or fatal)',
      '2:10: workers: the number 0 is out of range (auto, or a whole number from 1 to 255)',
      '3:19: shutdown.drain: "soon" is not a duration (a number from 0s to 24h with its unit (ms, s, m or h), for example "10s")',
    ],
  ],
  [
    'faults show once, however often an anchor is used',
    around('filters:\n  a: &a {module: package.json, limits: {pauseTime: 5}}\n  b: *a\n  c: {<<: *a}'),
    [
      '2:52: filters.a.limits.pauseTime: expected a string, got the number 5 (a number from 1ms to 24h with its unit (ms, s, m or h), for example "10s")',
    ],
  ],
];

for (const [name, text, expected] of keys) {
  test(`keys: ${name}`, () => assert.deepEqual(faultsOf(text), expected));
}

const notImplemented: readonly [string, string, string[]][] = [
  [
    'tls',
    around('listeners: [{address: ":1", tls: {}, routes: [{upstream: app}]}]'),
    ['1:29: listeners[0].tls: TLS on listeners: not implemented yet (remove this key)'],
  ],
  [
    'https module',
    around('filters: {f: {module: "https://example.com/f.wasm"}}'),
    [
      '1:23: filters.f.module: https:// modules are not implemented yet (a path to a .wasm file, relative to this file)',
    ],
  ],
  [
    'oci module',
    around('filters: {f: {module: "oci://example.com/f"}}'),
    [
      '1:23: filters.f.module: oci:// modules are not implemented yet (a path to a .wasm file, relative to this file)',
    ],
  ],
];

for (const [name, text, expected] of notImplemented) {
  test(`not implemented: ${name}`, () => assert.deepEqual(faultsOf(text), expected));
}

const missing: readonly [string, string, string[]][] = [
  [
    'listeners and upstreams',
    'log: {}',
    [
      '1:1: listeners: is missing (list at least one, for example [{address: "127.0.0.1:8080", routes: [{upstream: app}]}])',
      '1:1: upstreams: is missing (map names to upstreams, for example {app: {endpoints: [http://127.0.0.1:9000]}})',
    ],
  ],
  [
    'empty value',
    around('log:'),
    ['1:1: log: expected a mapping, got nothing (a mapping, for example {level: debug})'],
  ],
  [
    'match without a value',
    route('match: '),
    [
      '1:66: listeners[0].routes[0].match: expected a mapping, got nothing (give at least one of host, path, methods, headers, or leave match out)',
    ],
  ],
  [
    'no listeners',
    around('listeners: []'),
    [
      '1:12: listeners: is empty (list at least one, for example [{address: "127.0.0.1:8080", routes: [{upstream: app}]}])',
    ],
  ],
  [
    'no routes',
    around('listeners: [{address: ":1", routes: []}]'),
    ['1:37: listeners[0].routes: is empty (list at least one route, for example [{upstream: app}])'],
  ],
  [
    'address and routes',
    around('listeners:\n  - name: a'),
    [
      '2:5: listeners[0].address: is missing (host:port, for example 127.0.0.1:8080, :8080 (every address) or "[::1]:8080" in quotes)',
      '2:5: listeners[0].routes: is missing (list at least one route, for example [{upstream: app}])',
    ],
  ],
  [
    'upstream',
    around('listeners:\n  - address: :1\n    routes:\n      - match: {path: /}'),
    ['4:9: listeners[0].routes[0].upstream: is missing (a name from upstreams)'],
  ],
  [
    'endpoints',
    around('upstreams: {app: {transport: undici}}'),
    ['1:13: upstreams.app.endpoints: is missing (list at least one, for example [http://127.0.0.1:9000])'],
  ],
  [
    'no endpoints',
    around('upstreams: {app: {endpoints: []}}'),
    ['1:30: upstreams.app.endpoints: is empty (list at least one, for example [http://127.0.0.1:9000])'],
  ],
  [
    'module',
    around('filters:\n  f:\n    config: x'),
    ['2:3: filters.f.module: is missing (a path to a .wasm file, relative to this file)'],
  ],
  [
    'a filter without a value',
    around('filters:\n  f:'),
    [
      '2:3: filters.f: expected a mapping, got nothing (write a mapping with module, for example {module: add-header.wasm})',
    ],
  ],
  [
    'methods',
    route('match: {methods: []}'),
    [
      '1:83: listeners[0].routes[0].match.methods: is empty: no method would match (list methods, for example [GET, POST], or leave the key out for all)',
    ],
  ],
];

for (const [name, text, expected] of missing) {
  test(`missing: ${name}`, () => assert.deepEqual(faultsOf(text), expected));
}
