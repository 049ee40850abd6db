import assert from 'node:assert/strict';
import { test } from 'node:test';
import { around, directory, faultsOf, route } from './faults.ts';

/** Names, addresses, routes and files that do not fit together: name, text, every fault with line, column, path and remedy. */
const cases: readonly [string, string, string[]][] = [
  [
    'an upstream like another',
    around('listeners: [{address: ":1", routes: [{upstream: ap}]}]'),
    ['1:49: listeners[0].routes[0].upstream: unknown upstream "ap" (did you mean app?)'],
  ],
  [
    'an upstream like none',
    around('listeners: [{address: ":1", routes: [{upstream: payments}]}]'),
    [
      '1:49: listeners[0].routes[0].upstream: unknown upstream "payments" (define it under upstreams, or use one of: app)',
    ],
  ],
  [
    'filters',
    `${route('filters: [auht, "", zzz]')}\nfilters: {auth: {module: package.json}}`,
    [
      '1:76: listeners[0].routes[0].filters[0]: unknown filter "auht" (did you mean auth?)',
      '1:82: listeners[0].routes[0].filters[1]: "" is not a name (a name from filters)',
      '1:86: listeners[0].routes[0].filters[2]: unknown filter "zzz" (define it under filters, or use one of: auth)',
    ],
  ],
  [
    'no filters at all',
    route('filters: [auth]'),
    ['1:76: listeners[0].routes[0].filters[0]: unknown filter "auth" (define it under filters)'],
  ],
  [
    'the same address',
    around(
      'listeners:\n  - {address: 127.0.0.1:80, routes: [{upstream: app}]}\n  - {address: 127.0.0.1:80, routes: [{upstream: app}]}',
    ),
    [
      '3:15: listeners[1].address: the port of 127.0.0.1:80 is taken by 127.0.0.1:80 on line 2 (use another port, or merge the listeners)',
    ],
  ],
  [
    'the address of the admin listener',
    around('admin: {address: ":80"}\nlisteners:\n  - {address: 127.0.0.1:80, routes: [{upstream: app}]}'),
    [
      '1:18: admin.address: the port of :80 is taken by 127.0.0.1:80 on line 3 (use another port: 127.0.0.1:9901, for example)',
    ],
  ],
  [
    'an address and every address',
    around(
      'listeners:\n  - {address: :80, routes: [{upstream: app}]}\n  - {address: 127.0.0.1:80, routes: [{upstream: app}]}',
    ),
    [
      '3:15: listeners[1].address: the port of 127.0.0.1:80 is taken by :80 on line 2 (use another port, or merge the listeners)',
    ],
  ],
  [
    'names of listeners and routes',
    around(
      'listeners:\n  - {name: a, address: :0, routes: [{upstream: app}]}\n  - {name: a, address: :0, routes: [{name: r, match: {path: /}, upstream: app}, {name: r, upstream: app}]}',
    ),
    [
      '3:12: listeners[1].name: the name is taken on line 2 (choose another name)',
      '3:88: listeners[1].routes[1].name: the name is taken on line 3 (choose another name)',
    ],
  ],
  [
    'a route behind one that takes everything',
    around(
      'listeners:\n  - address: :0\n    routes:\n      - upstream: app\n      - match: {path: /a}\n        upstream: app',
    ),
    [
      '5:9: listeners[0].routes[1]: never matches: routes[0] on line 4 takes every such request (put the narrower route first: the first match wins)',
    ],
  ],
  [
    'a missing module',
    around('filters: {f: {module: nothing/there.wasm}}'),
    [
      `1:23: filters.f.module: ${directory}nothing/there.wasm does not exist (a path to a .wasm file, relative to this file)`,
    ],
  ],
  [
    'a directory',
    around('filters: {f: {module: src}}'),
    [
      `1:23: filters.f.module: ${directory}src is a directory (a path to a .wasm file, relative to this file)`,
    ],
  ],
];

for (const [name, text, expected] of cases) {
  test(`reference: ${name}`, () => assert.deepEqual(faultsOf(text), expected));
}
