import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { around, directory, faultsOf, filter, load } from './faults.ts';

/** A filter's capabilities, in flow style: their keys begin at 1:52. */
const granted = (keys: string): string => filter(`capabilities: {${keys}}`);

/** One directory, in flow style: its keys begin at 1:67. */
const mounted = (keys: string): string => granted(`directories: [{${keys}}]`);

const nothing = {
  upstreams: [],
  sharedData: false,
  hostcalls: { deny: [] },
  callbacks: { deny: [] },
  env: [],
  directories: [],
  tcp: [],
  clocks: [],
  random: false,
};

const accepted: readonly [string, string, object][] = [
  ['nothing at all', '', {}],
  ['upstreams', 'upstreams: [app]', { upstreams: ['app'] }],
  ['env', 'env: [HOME, _x1]', { env: ['HOME', '_x1'] }],
  [
    'a directory, read only unless it says so',
    'directories: [{host: ./src, guest: /}]',
    { directories: [{ host: `${directory}src`, guest: '/', access: 'read' }] },
  ],
  [
    'directories within each other, in file order',
    'directories: [{host: /tmp, guest: /a b/..c/d.e, access: write}, {host: test/../src, guest: /a b}]',
    {
      directories: [
        { host: '/tmp', guest: '/a b/..c/d.e', access: 'write' },
        { host: `${directory}src`, guest: '/a b', access: 'read' },
      ],
    },
  ],
  [
    'tcp, in the form that places are compared in',
    'tcp: ["db.internal:5432", DB.example.:65535, 10.0.0.1:1, "[::1]:80", "[2001:DB8:0:0::1]:80"]',
    {
      tcp: [
        { host: 'db.internal', port: 5432 },
        { host: 'db.example', port: 65535 },
        { host: '10.0.0.1', port: 1 },
        { host: '::1', port: 80 },
        { host: '2001:db8::1', port: 80 },
      ],
    },
  ],
  ['clocks', 'clocks: [wall, monotonic]', { clocks: ['wall', 'monotonic'] }],
  ['one clock', 'clocks: [monotonic]', { clocks: ['monotonic'] }],
  ['random', 'random: true', { random: true }],
  ['shared data', 'sharedData: true', { sharedData: true }],
  ['hostcalls', 'hostcalls: {deny: [proxy_log]}', { hostcalls: { deny: ['proxy_log'] } }],
  ['callbacks', 'callbacks: {deny: [proxy_on_tick]}', { callbacks: { deny: ['proxy_on_tick'] } }],
];

for (const [name, keys, expected] of accepted) {
  test(`capabilities: ${name}`, () => {
    assert.deepEqual(load(granted(keys)).filters.get('f')?.capabilities, { ...nothing, ...expected });
  });
}

test('plugs', () => {
  assert.deepEqual(load(filter('plugs: [./package.json, src/main.ts]')).filters.get('f')?.plugs, [
    { module: `${directory}package.json`, moduleText: './package.json' },
    { module: `${directory}src/main.ts`, moduleText: 'src/main.ts' },
  ]);
});

test('paths are found from the file, wherever the process runs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-capabilities-'));
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'plug.wasm'), '');
  const capabilities = 'capabilities: {directories: [{host: ./data, guest: /data}]}';
  const keys = `module: plug.wasm, plugs: [plug.wasm], ${capabilities}`;
  writeFileSync(join(folder, 'weir.yaml'), around(`filters: {f: {${keys}}}`));
  const loaded = loadConfig(join(folder, 'weir.yaml')).filters.get('f');
  assert.deepEqual(
    [loaded?.capabilities.directories[0]?.host, loaded?.plugs[0]?.module],
    [join(folder, 'data'), join(folder, 'plug.wasm')],
  );
  rmSync(folder, { recursive: true });
});

const isRoot = process.getuid?.() === 0 && 'root may write everywhere';

test('a directory that can not be written', { skip: isRoot }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-capabilities-'));
  chmodSync(folder, 0o500);
  assert.deepEqual(faultsOf(mounted(`host: ${folder}, guest: /d`)), []);
  assert.deepEqual(faultsOf(mounted(`host: ${folder}, guest: /d, access: write`)), [
    `1:73: filters.f.capabilities.directories[0].host: ${folder} can not be read and written: permission denied (a path to a directory, relative to this file)`,
  ]);
  rmSync(folder, { recursive: true });
});

const mapping = '(a mapping, for example {upstreams: [auth-service], clocks: [monotonic]})';
const upstreamList = '(list names from upstreams, for example [auth-service])';
const envName = '(letters, digits and _, not starting with a digit, for example API_TOKEN)';
const envList = "(list names of Weir's own variables, for example [HOME]; values of one's own go in env)";
const hostPath = '(a path to a directory, relative to this file)';
const guestPath = '(an absolute path without //, dot segments and a / at its end, for example /data)';
const place =
  '(host:port with a port from 1 to 65535, for example db.internal:5432 or "[::1]:5432" in quotes)';
const modulePath = '(a path to a .wasm file, relative to this file)';

/** Name, text, every fault: its place, what of the filter it is about, message and remedy. */
const refused: readonly [string, string, string[]][] = [
  ['a list', filter('capabilities: [a]'), [`1:51: capabilities: expected a mapping, got a list ${mapping}`]],
  ['no value', filter('capabilities: '), [`1:37: capabilities: expected a mapping, got nothing ${mapping}`]],
  [
    'an unknown key',
    granted('directory: []'),
    ['1:52: capabilities.directory: unknown key (did you mean directories?)'],
  ],
  [
    'upstreams as a string',
    granted('upstreams: app'),
    [`1:63: capabilities.upstreams: expected a list, got "app" ${upstreamList}`],
  ],
  [
    'an upstream that is a number',
    granted('upstreams: [1]'),
    ['1:64: capabilities.upstreams[0]: expected a string, got the number 1 (a name from upstreams)'],
  ],
  [
    'an empty upstream',
    granted('upstreams: [""]'),
    ['1:64: capabilities.upstreams[0]: "" is not a name (a name from upstreams)'],
  ],
  [
    'an upstream like another',
    granted('upstreams: [ap]'),
    ['1:64: capabilities.upstreams[0]: unknown upstream "ap" (did you mean app?)'],
  ],
  [
    'an upstream like none',
    granted('upstreams: [app, zzz]'),
    [
      '1:69: capabilities.upstreams[1]: unknown upstream "zzz" (define it under upstreams, or use one of: app)',
    ],
  ],
  [
    'an upstream twice',
    granted('upstreams: [app, app]'),
    ['1:69: capabilities.upstreams[1]: is listed on line 1 already (remove one)'],
  ],
  [
    'values in env',
    granted('env: {MODE: prod}'),
    [`1:57: capabilities.env: expected a list, got a mapping ${envList}`],
  ],
  [
    'names that no variable has',
    granted('env: [A-B, 1A, ""]'),
    [
      `1:58: capabilities.env[0]: "A-B" is not a name of an environment variable ${envName}`,
      `1:63: capabilities.env[1]: "1A" is not a name of an environment variable ${envName}`,
      `1:67: capabilities.env[2]: "" is not a name of an environment variable ${envName}`,
    ],
  ],
  [
    'a number in env',
    granted('env: [1]'),
    [`1:58: capabilities.env[0]: expected a string, got the number 1 ${envName}`],
  ],
  [
    'a variable twice',
    granted('env: [A, A]'),
    ['1:61: capabilities.env[1]: is listed on line 1 already (remove one)'],
  ],
  [
    'a variable in env, too',
    filter('env: {A: x}, capabilities: {env: [A]}'),
    [
      "1:71: capabilities.env[0]: A has a value in env on line 1 (remove one: this list passes Weir's own value on)",
    ],
  ],
  [
    'directories as a string',
    granted('directories: ./src'),
    [
      '1:65: capabilities.directories: expected a list, got "./src" (list directories, for example [{host: ./data, guest: /data, access: read}])',
    ],
  ],
  [
    'a directory as a string',
    granted('directories: [./src]'),
    [
      '1:66: capabilities.directories[0]: expected a mapping, got "./src" (a mapping, for example {host: ./data, guest: /data})',
    ],
  ],
  [
    'a directory without its paths',
    mounted(''),
    [
      `1:66: capabilities.directories[0].host: is missing ${hostPath}`,
      `1:66: capabilities.directories[0].guest: is missing ${guestPath}`,
    ],
  ],
  [
    'an unknown key of a directory',
    mounted('host: src, guest: /d, mode: read'),
    ['1:89: capabilities.directories[0].mode: unknown key (known here: host, guest, access)'],
  ],
  [
    'an empty host path',
    mounted('host: "", guest: /d'),
    [`1:73: capabilities.directories[0].host: is empty ${hostPath}`],
  ],
  [
    'a host path that is a number',
    mounted('host: 1, guest: /d'),
    [`1:73: capabilities.directories[0].host: expected a string, got the number 1 ${hostPath}`],
  ],
  [
    'a directory that does not exist',
    mounted('host: none/there, guest: /d'),
    [`1:73: capabilities.directories[0].host: ${directory}none/there does not exist ${hostPath}`],
  ],
  [
    'a file as directory',
    mounted('host: package.json, guest: /d'),
    [`1:73: capabilities.directories[0].host: ${directory}package.json is not a directory ${hostPath}`],
  ],
  ...['d', '/d/', '//d', '/d//e', '/d/../e', '/..', '/./d', '/d/.', '', '/a\\b', '/a\0b', '../d'].map(
    (guest): [string, string, string[]] => [
      `guest path ${JSON.stringify(guest)}`,
      mounted(`host: src, guest: ${JSON.stringify(guest)}`),
      [
        `1:85: capabilities.directories[0].guest: ${JSON.stringify(guest)} is not a path in the guest ${guestPath}`,
      ],
    ],
  ),
  [
    'two directories with one guest path',
    mounted('host: src, guest: /d}, {host: test, guest: /d'),
    [
      '1:110: capabilities.directories[1].guest: "/d" is taken on line 1 (give each directory a path of its own)',
    ],
  ],
  [
    'access',
    mounted('host: src, guest: /d, access: wirte'),
    ['1:97: capabilities.directories[0].access: "wirte" is not a choice (did you mean write? read or write)'],
  ],
  ...[
    ...['db', 'db:0', 'db:65536', 'db:', ':80', '::1:80', '[]:80', '[::g]:80', '[fe80::1%eth0]:80'],
    ...['a b:80', '300.0.0.1:80', 'http://db:80', 'db:80/x', '*.db:80', ''],
  ].map((tcp): [string, string, string[]] => [
    `tcp ${JSON.stringify(tcp)}`,
    granted(`tcp: [${JSON.stringify(tcp)}]`),
    [`1:58: capabilities.tcp[0]: ${JSON.stringify(tcp)} is not a host and port ${place}`],
  ]),
  [
    'tcp as a string',
    granted('tcp: "db:80"'),
    [
      '1:57: capabilities.tcp: expected a list, got "db:80" (list hosts with their ports, for example [db.internal:5432])',
    ],
  ],
  [
    'tcp with a port alone',
    granted('tcp: [80]'),
    [`1:58: capabilities.tcp[0]: expected a string, got the number 80 ${place}`],
  ],
  [
    'one place written in two ways',
    granted('tcp: ["[::1]:80", "[0:0::1]:80", DB:80, db.:80, db:81]'),
    [
      '1:70: capabilities.tcp[1]: is listed on line 1 already (remove one)',
      '1:92: capabilities.tcp[3]: is listed on line 1 already (remove one)',
    ],
  ],
  [
    'a clock',
    granted('clocks: [wal]'),
    ['1:61: capabilities.clocks[0]: "wal" is not a choice (did you mean wall? monotonic or wall)'],
  ],
  [
    'clocks as a string',
    granted('clocks: wall'),
    ['1:60: capabilities.clocks: expected a list, got "wall" (list clocks, for example [monotonic, wall])'],
  ],
  [
    'a clock twice',
    granted('clocks: [wall, wall]'),
    ['1:67: capabilities.clocks[1]: is listed on line 1 already (remove one)'],
  ],
  [
    'random',
    granted('random: yes'),
    ['1:60: capabilities.random: expected true or false, got "yes" (true or false)'],
  ],
  [
    'plugs as a string',
    filter('plugs: a.wasm'),
    [
      '1:44: plugs: expected a list, got "a.wasm" (list paths to .wasm files of components, for example [./verifier.wasm])',
    ],
  ],
  [
    'a plug that is a number',
    filter('plugs: [1]'),
    [`1:45: plugs[0]: expected a string, got the number 1 ${modulePath}`],
  ],
  ['an empty plug', filter('plugs: [""]'), [`1:45: plugs[0]: is empty ${modulePath}`]],
  [
    'a plug that is not there',
    filter('plugs: [none.wasm]'),
    [`1:45: plugs[0]: ${directory}none.wasm does not exist ${modulePath}`],
  ],
  [
    'a plug that is a directory',
    filter('plugs: [src]'),
    [`1:45: plugs[0]: ${directory}src is a directory ${modulePath}`],
  ],
  [
    'a plug from elsewhere',
    filter('plugs: ["https://example.com/a.wasm"]'),
    [`1:45: plugs[0]: https:// modules are not implemented yet ${modulePath}`],
  ],
  [
    'a plug twice',
    filter('plugs: [package.json, ./package.json]'),
    ['1:59: plugs[1]: is listed on line 1 already (remove one)'],
  ],
  [
    'many plugs',
    filter(`plugs: [${'src/main.ts,'.repeat(101)}]`),
    [
      '1:44: plugs: has more than 100 plugs (list paths to .wasm files of components, for example [./verifier.wasm])',
    ],
  ],
];

for (const [name, text, expected] of refused) {
  test(`refused: ${name}`, () => {
    const faults = faultsOf(text);
    // Of a list that is too long each entry may be a fault of its own.
    const told = name.startsWith('many') ? faults.slice(0, 1) : faults;
    assert.deepEqual(
      told.map(fault => fault.replace(/ filters\.f\./, ' ')),
      expected,
    );
  });
}
