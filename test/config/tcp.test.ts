import assert from 'node:assert/strict';
import { test } from 'node:test';
import { around, faultsOf, load } from './faults.ts';

const UPSTREAMS =
  'upstreams: {db: {endpoints: ["tcp://127.0.0.1:5432"]}, app: {endpoints: ["builtin:echo"]}}';
const tcp = (keys: string, more = '') =>
  `listeners: [{address: ":5000", protocol: tcp, ${keys}}]\n${UPSTREAMS}\n${more}`;

test('a tcp listener', () => {
  const config = load(tcp('upstream: db, filters: [f]', 'filters: {f: {module: package.json}}'));
  assert.deepEqual(config.listeners, [
    { name: 'listener-1', host: '::', port: 5000, protocol: 'tcp', upstream: 'db', filters: ['f'] },
  ]);
  assert.deepEqual(config.upstreams.get('db')?.endpoints, [
    { url: 'tcp://127.0.0.1:5432', kind: 'tcp', host: '127.0.0.1', port: 5432 },
  ]);
});

test('a filter may be granted an upstream that takes no HTTP: it may send connections there', () => {
  const granted = 'filters: {f: {module: package.json, capabilities: {upstreams: [db]}}}';
  assert.deepEqual(faultsOf(tcp('upstream: app, filters: [f]', granted)), []);
});

test('it needs no filters, and may lead to any upstream', () => {
  assert.deepEqual(load(tcp('upstream: app')).listeners[0], {
    name: 'listener-1',
    host: '::',
    port: 5000,
    protocol: 'tcp',
    upstream: 'app',
    filters: [],
  });
  assert.deepEqual(faultsOf(tcp('upstream: app')), []);
});

const cases: readonly [string, string, string[]][] = [
  [
    'routes in a tcp listener',
    tcp('routes: [{upstream: app}]'),
    [
      '1:47: listeners[0].routes: a tcp listener has no routes (write upstream and filters, or protocol: http)',
    ],
  ],
  [
    'upstream and filters in an http listener',
    around('listeners: [{address: ":1", upstream: app, filters: []}]'),
    [
      '1:29: listeners[0].upstream: an http listener has its upstream in its routes (move it into a route, or write protocol: tcp)',
      '1:44: listeners[0].filters: an http listener has its filters in its routes (move it into a route, or write protocol: tcp)',
    ],
  ],
  ['no upstream', tcp('filters: []'), ['1:13: listeners[0].upstream: is missing (a name from upstreams)']],
  [
    'names that are not there',
    tcp('upstream: dbb, filters: [x]'),
    [
      '1:57: listeners[0].upstream: unknown upstream "dbb" (did you mean db?)',
      '1:72: listeners[0].filters[0]: unknown filter "x" (define it under filters)',
    ],
  ],
  [
    'an unknown protocol',
    around('listeners: [{address: ":1", protocol: udp, routes: [{upstream: app}]}]'),
    ['1:39: listeners[0].protocol: "udp" is not a choice (http or tcp)'],
  ],
  [
    'an http route to an upstream without HTTP',
    `listeners: [{address: ":1", routes: [{upstream: db}]}]\n${UPSTREAMS}`,
    [
      '1:49: listeners[0].routes[0].upstream: upstream "db" has the endpoint tcp://127.0.0.1:5432, which takes no HTTP (an upstream with http:// endpoints, or a listener with protocol: tcp)',
    ],
  ],
  [
    'an http route to the TCP echo',
    'listeners: [{address: ":1", routes: [{upstream: e}]}]\nupstreams: {e: {endpoints: ["builtin:tcp-echo"]}}',
    [
      '1:49: listeners[0].routes[0].upstream: upstream "e" has the endpoint builtin:tcp-echo, which takes no HTTP (an upstream with http:// endpoints, or a listener with protocol: tcp)',
    ],
  ],
  [
    'an endpoint without port',
    `listeners: [{address: ":1", protocol: tcp, upstream: db}]\nupstreams: {db: {endpoints: ["tcp://a"]}}`,
    [
      '2:30: upstreams.db.endpoints[0]: "tcp://a" is not an endpoint (http://host:port without a path, tcp://host:port, builtin:echo or builtin:tcp-echo)',
    ],
  ],
];

for (const [name, text, faults] of cases) {
  test(name, () => assert.deepEqual(faultsOf(text), faults));
}
