import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointConfig, PathMatch, RouteMatch } from '../../src/config/types.ts';
import { around, directory, faultsOf, filter, load, route } from './faults.ts';

test('a minimal configuration has every default', () => {
  const config = load(around(''));
  assert.equal(config.file, `${directory}test.yaml`);
  assert.deepEqual(config.listeners, [
    {
      name: 'listener-1',
      host: '127.0.0.1',
      port: 8080,
      protocol: 'http',
      routes: [{ name: 'listener-1/route-1', match: {}, upstream: 'app', filters: [] }],
    },
  ]);
  assert.deepEqual(config.upstreams.get('app'), {
    name: 'app',
    endpoints: [{ url: 'builtin:echo', kind: 'builtin', host: 'echo', port: 0 }],
    transport: 'undici',
    timeouts: { connect: 5000, response: 15_000, idle: 300_000 },
    connections: 256,
  });
  assert.equal(config.filters.size, 0);
  assert.equal(config.workers, 'auto');
  assert.deepEqual(config.modules, {
    cache: { maxModules: 64, maxBytes: 256 * 1024 * 1024, maxVms: 256 },
    directory: undefined,
  });
  assert.deepEqual(config.server, {
    headersTimeout: 60_000,
    requestTimeout: 300_000,
    keepAliveTimeout: 60_000,
    maxHeaderSize: 65_536,
  });
  assert.deepEqual(config.log, { level: 'info', format: 'auto' });
  assert.deepEqual(config.shutdown, { drain: 10_000 });
});

test('a filter has every default', () => {
  const config = load(around('filters:\n  f:\n    module: package.json'));
  assert.deepEqual(config.filters.get('f'), {
    name: 'f',
    module: `${directory}package.json`,
    moduleText: 'package.json',
    sha256: '',
    config: Buffer.alloc(0),
    vmConfig: Buffer.alloc(0),
    vmId: '',
    rootId: '',
    env: {},
    allowOnHeadersStopIteration: false,
    limits: {
      memory: 16 * 1024 * 1024,
      tableElements: 32_768,
      moduleSize: 32 * 1024 * 1024,
      functionSize: 256 * 1024,
      callTime: 10,
      startTime: 1000,
      bufferedBody: 1024 * 1024,
      pauseTime: 30_000,
      headerCount: 1000,
      headerBytes: 128 * 1024,
      localResponseBody: 1024 * 1024,
      propertyBytes: 64 * 1024,
      logLines: 1000,
      contexts: 10_000,
      calls: 1000,
      sharedDataBytes: 1024 * 1024,
      queueLength: 10_000,
      queueBytes: 4 * 1024 * 1024,
      callBytes: 16 * 1024 * 1024,
      metrics: 1000,
      tickPeriod: 10,
    },
    onFailure: 'reload',
    restart: { firstDelay: 100, maxDelay: 30_000, crashesPerMinute: 30 },
    isolation: 'shared',
    pool: 8,
    preload: true,
    capabilities: {
      upstreams: [],
      sharedData: false,
      hostcalls: { deny: [] },
      callbacks: { deny: [] },
      env: [],
      directories: [],
      tcp: [],
      clocks: [],
      random: false,
    },
    plugs: [],
    place: { file: `${directory}test.yaml`, line: 2, column: 3 },
  });
});

test('the keys of a filter', () => {
  const text = filter(
    `sha256: ${'AB'.repeat(32)}, vmId: v, rootId: r, env: {A_1: "1"}, allowOnHeadersStopIteration: true, limits: {bufferedBody: 64KiB, pauseTime: 1.5s}`,
  );
  const defaults = load(filter('')).filters.get('f')!.limits;
  const { sha256, vmId, rootId, env, allowOnHeadersStopIteration, limits } = load(text).filters.get('f')!;
  assert.deepEqual(
    { sha256, vmId, rootId, env, allowOnHeadersStopIteration, limits },
    {
      sha256: 'ab'.repeat(32),
      vmId: 'v',
      rootId: 'r',
      env: { A_1: '1' },
      allowOnHeadersStopIteration: true,
      limits: { ...defaults, bufferedBody: 65_536, pauseTime: 1500 },
    },
  );
});

const payloads: readonly [string, string, string][] = [
  ['a string goes as it is', 'hello', 'hello'],
  ['in UTF-8', '"süß \\u20ac"', 'süß €'],
  ['a quoted number is a string', '"5"', '5'],
  ['a string of JSON is not encoded again', `'{"a": 1}'`, '{"a": 1}'],
  ['an empty string', '""', ''],
  ['a mapping goes as JSON', '{b: 1, a: [x, true, null, 1.5]}', '{"b":1,"a":["x",true,null,1.5]}'],
  ['a number', '7', '7'],
  ['a boolean', 'false', 'false'],
  ['a list', '[]', '[]'],
  ['nothing', '', ''],
];

for (const [name, written, expected] of payloads) {
  test(`config and vmConfig: ${name}`, () => {
    const { config, vmConfig } = load(filter(`config: ${written}, vmConfig: ${written}`)).filters.get('f')!;
    assert.equal(config.toString(), expected);
    assert.equal(vmConfig.toString(), expected);
  });
}

test('a block string keeps its lines', () => {
  const text = around('filters:\n  f:\n    module: package.json\n    config: |\n      a: 1\n      b: 2');
  assert.equal(load(text).filters.get('f')?.config.toString(), 'a: 1\nb: 2\n');
});

test('a JSON configuration keeps its keys in order, numeric ones apart', () => {
  const { config } = load(filter('config: {z: 1, a: 2, "m n": 3}')).filters.get('f')!;
  assert.equal(config.toString(), '{"z":1,"a":2,"m n":3}');
});

const matches: readonly [string, RouteMatch][] = [
  ['{}', {}],
  ['{host: API.Example.com}', { host: 'api.example.com' }],
  ['{host: "*.Example.com"}', { host: '*.example.com' }],
  ['{host: 127.0.0.1}', { host: '127.0.0.1' }],
  ['{methods: [get, POST, GET]}', { methods: ['GET', 'POST'] }],
  ['{headers: {X-Env: Canary, x-any: true}}', { headers: { 'x-env': 'Canary', 'x-any': true } }],
];

function firstRoute(text: string) {
  const [listener] = load(text).listeners;
  return listener?.protocol === 'http' ? listener.routes[0] : undefined;
}

for (const [written, expected] of matches) {
  test(`match ${written}`, () => {
    assert.deepEqual(firstRoute(route(`match: ${written}`))?.match, expected);
  });
}

const paths: readonly [string, PathMatch][] = [
  ['/api/', { kind: 'prefix', value: '/api/' }],
  ['{prefix: /api}', { kind: 'prefix', value: '/api' }],
  ['{exact: /x}', { kind: 'exact', value: '/x' }],
  ["{regex: '^/v[0-9]+/'}", { kind: 'regex', value: '^/v[0-9]+/' }],
];

for (const [written, expected] of paths) {
  test(`path ${written}`, () => {
    assert.deepEqual(firstRoute(route(`match: {path: ${written}}`))?.match.path, expected);
  });
}

const addresses: readonly [string, string, number][] = [
  ['127.0.0.1:8080', '127.0.0.1', 8080],
  [':8080', '::', 8080],
  ['"[::1]:80"', '::1', 80],
  ['localhost:0', 'localhost', 0],
];

for (const [written, host, port] of addresses) {
  test(`address ${written}`, () => {
    const config = load(around(`listeners:\n  - address: ${written}\n    routes: [{upstream: app}]`));
    assert.deepEqual([config.listeners[0]?.host, config.listeners[0]?.port], [host, port]);
  });
}

const endpoints: readonly [string, EndpointConfig][] = [
  ['http://127.0.0.1:9000', { url: 'http://127.0.0.1:9000', kind: 'http', host: '127.0.0.1', port: 9000 }],
  ['http://App.local/', { url: 'http://app.local:80', kind: 'http', host: 'app.local', port: 80 }],
  ['http://[::1]:9000', { url: 'http://[::1]:9000', kind: 'http', host: '::1', port: 9000 }],
  ['builtin:echo', { url: 'builtin:echo', kind: 'builtin', host: 'echo', port: 0 }],
];

for (const [written, expected] of endpoints) {
  test(`endpoint ${written}`, () => {
    const config = load(around(`upstreams: {app: {endpoints: ["${written}"]}}`));
    assert.deepEqual(config.upstreams.get('app')?.endpoints, [expected]);
  });
}

test('anchors, aliases and merge keys', () => {
  const config = load(
    around(`filters:
  a: &base
    module: package.json
    limits: &limits {pauseTime: 1s}
    config: one
  b: {<<: *base, config: two}
  c: {<<: [{vmId: x}, *base], limits: {<<: *limits, bufferedBody: 1KiB}}`),
  );
  assert.equal(config.filters.get('b')?.config.toString(), 'two');
  assert.equal(config.filters.get('b')?.limits.pauseTime, 1000);
  assert.equal(config.filters.get('c')?.vmId, 'x');
  const { bufferedBody, pauseTime } = config.filters.get('c')!.limits;
  assert.deepEqual([bufferedBody, pauseTime], [1024, 1000]);
  assert.deepEqual(
    [...config.filters.values()].map(({ place }) => place.line),
    [2, 6, 7],
  );
});

test('a byte order mark and CRLF line ends', () => {
  assert.deepEqual(faultsOf(`\uFEFF${around('').replaceAll('\n', '\r\n')}`), []);
  assert.deepEqual(
    faultsOf(`\uFEFF${around('x: 1').replaceAll('\n', '\r\n')}`)[0]?.slice(0, 19),
    '1:1: x: unknown key',
  );
});

test('names that objects inherit are names like any other', () => {
  const config = load(
    around(`listeners: [{address: ":1", routes: [{upstream: constructor, filters: [toString]}]}]
upstreams: {constructor: {endpoints: ["builtin:echo"]}}
filters: {toString: {module: package.json, config: {hasOwnProperty: 1}}}`),
  );
  assert.equal(config.upstreams.get('constructor')?.name, 'constructor');
  assert.equal(config.filters.get('toString')?.config.toString(), '{"hasOwnProperty":1}');
  const [first] = faultsOf(route('filters: [toString]'));
  assert.match(first ?? '', /unknown filter "toString"/);
});

test('everything is frozen, maps too', () => {
  const config = load(filter('config: {a: 1}, env: {A: b}'));
  const unfrozen: string[] = [];
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
    if (!Object.isFrozen(value)) unfrozen.push(path);
    const entries = value instanceof Map ? [...value.entries()] : Object.entries(value);
    for (const [key, child] of entries) walk(child, `${path}.${key}`);
  };
  walk(config, 'config');
  assert.deepEqual(unfrozen, []);
  const filters = config.filters as Map<string, unknown>;
  assert.throws(() => filters.set('x', 1), TypeError);
  assert.throws(() => filters.delete('f'), TypeError);
  assert.throws(() => filters.clear(), TypeError);
  assert.equal(filters.size, 1);
});
