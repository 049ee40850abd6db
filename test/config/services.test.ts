import assert from 'node:assert/strict';
import { test } from 'node:test';
import { around, directory, faultsOf, load, route } from './faults.ts';

const filters = 'filters: {a: {module: package.json}, b: {module: package.json}}';

test('services: on one worker unless they say otherwise', () => {
  const { services } = load(around(`${filters}\nservices: [{filter: a}, {filter: b, singleton: false}]`));
  assert.deepEqual(services, [
    { filter: 'a', singleton: true },
    { filter: 'b', singleton: false },
  ]);
});

test('shared data: in memory, 64 MiB, unless redis says otherwise', () => {
  assert.deepEqual(load(around('')).sharedData, { maxBytes: 64 * 1024 * 1024, redis: undefined });
  const text =
    'sharedData: {redis: {url: "redis://cache:6380/2", passwordEnv: PW, prefix: "a:", timeout: 20ms}}';
  assert.deepEqual(load(around(text)).sharedData.redis, {
    url: 'redis://cache:6380/2',
    passwordEnv: 'PW',
    prefix: 'a:',
    timeout: 20,
  });
  assert.deepEqual(load(around('sharedData: {redis: {url: "rediss://cache"}}')).sharedData.redis, {
    url: 'rediss://cache',
    passwordEnv: '',
    prefix: 'weir:',
    timeout: 50,
  });
});

test('foreign functions: a file, relative to the configuration', () => {
  assert.equal(load(around('')).foreignFunctions, '');
  assert.equal(load(around('foreignFunctions: package.json')).foreignFunctions, `${directory}package.json`);
});

const faults: readonly [string, string, string[]][] = [
  [
    'an unknown filter',
    around(`${filters}\nservices: [{filter: aa}]`),
    ['2:21: services[0].filter: unknown filter "aa" (did you mean a?)'],
  ],
  [
    'a filter twice',
    around(`${filters}\nservices: [{filter: a}, {filter: a}]`),
    ['2:34: services[1].filter: is a service on line 2 already (list each filter once)'],
  ],
  [
    'a singleton that every worker has',
    `${route('filters: [a]')}\n${filters}\nservices: [{filter: a}]`,
    [
      '5:21: services[0].filter: is in the route on line 1, which every worker serves (write singleton: false, or a filter of its own)',
    ],
  ],
  [
    'another store',
    around('sharedData: {redis: {url: "http://cache"}}'),
    [
      '1:27: sharedData.redis.url: "http://cache" is not a URL of a Redis server (redis://host:port, or rediss://host:port (TLS))',
    ],
  ],
  [
    'functions that are not there',
    around('foreignFunctions: ./none.js'),
    [`1:19: foreignFunctions: ${directory}none.js does not exist (a path to a file, relative to this file)`],
  ],
  [
    'no store',
    around('sharedData: {redis: {}}'),
    ['1:14: sharedData.redis.url: is missing (redis://host:port, or rediss://host:port (TLS))'],
  ],
];

for (const [name, text, expected] of faults) {
  test(`services and shared data: ${name}`, () => assert.deepEqual(faultsOf(text), expected));
}
