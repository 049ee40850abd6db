import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { WEIR_FILTER, WEIR_FILTER_VERSION } from '../../src/component/weir-filter.ts';
import { refuseUnknownImports, unknownImports, worldOf } from '../../src/component/world.ts';
import { ModuleError } from '../../src/errors.ts';
import { witFrom } from './build.ts';

const own = readFileSync(new URL('../../filters/wit/filter.wit', import.meta.url), 'utf8');

for (const [world, name] of [
  ['http-filter', 'http'],
  ['header-filter', 'http-headers'],
  ['request-header-filter', 'http-request-headers'],
] as const) {
  test(`the world ${world}`, async () => {
    assert.deepEqual(worldOf(await witFrom(own, world)), {
      kind: 'filter',
      interface: name,
      version: '0.1.1',
      export: `weir:filter/${name}@0.1.1`,
      events: [],
    });
  });
}

test('weir-filter.ts has what filters/wit/filter.wit says', async () => {
  const found: Record<string, Record<string, { shape: string; text: string }>> = {};
  for (const world of ['http-service-filter', 'header-filter', 'request-header-filter']) {
    const { imports, exports } = await witFrom(own, world);
    for (const { name, items } of [...imports, ...exports]) {
      const [id = '', version] = name.split('@');
      assert.equal(version, WEIR_FILTER_VERSION);
      const functions = [...items].filter(([, { kind }]) => kind === 'func');
      found[id] = Object.fromEntries(functions.map(([label, { shape, text }]) => [label, { shape, text }]));
    }
  }
  assert.deepEqual(found, WEIR_FILTER);
});

const EVENTS = ['tick', 'http-call', 'grpc-call', 'queue', 'foreign-function'].map(
  name => `weir:filter/${name}-events@0.1.1`,
);

for (const name of ['http', 'header', 'request-header']) {
  test(`the world ${name}-service-filter`, async () => {
    const [plain, service] = await Promise.all([
      witFrom(own, `${name}-filter`),
      witFrom(own, `${name}-service-filter`),
    ]);
    const world = worldOf(service);
    assert.deepEqual(world, { ...worldOf(plain), events: EVENTS });
    assert.ok(service.imports.length > plain.imports.length);
  });
}

test('a world of its own hears of what it exports', async () => {
  const text = `${own}\nworld w { include header-filter; import timers; export tick-events; }`;
  const world = worldOf(await witFrom(text, 'w'));
  assert.deepEqual(world.kind === 'filter' && world.events, ['weir:filter/tick-events@0.1.1']);
});

test('0.1.1 adds to 0.1.0 and changes nothing of it', async () => {
  const first = readFileSync(new URL('../../filters/wit/0.1.0/filter.wit', import.meta.url), 'utf8');
  let functions = 0;
  for (const world of ['http-filter', 'header-filter', 'request-header-filter']) {
    const wit = await witFrom(first, world);
    assert.equal(worldOf(wit).version, '0.1.0');
    for (const { name, items } of [...wit.imports, ...wit.exports]) {
      for (const [label, { kind, shape }] of items) {
        if (kind !== 'func') continue;
        functions++;
        assert.equal(WEIR_FILTER[name.replace('@0.1.0', '')]?.[label]?.shape, shape, `${name} ${label}`);
      }
    }
  }
  assert.ok(functions > 50, String(functions));
});

const handler = `package test:w; world w { export wasi:http/incoming-handler@VERSION; }
package wasi:http@VERSION { interface incoming-handler { handle: func(); } }`;

test('a handler of WASI HTTP', async () => {
  assert.deepEqual(worldOf(await witFrom(handler.replaceAll('VERSION', '0.2.6'), 'w')), {
    kind: 'http',
    version: '0.2.6',
    export: 'wasi:http/incoming-handler@0.2.6',
  });
});

test('a filter of a later 0.1, as long as it asks for nothing that is not there', async () => {
  const later = own.replace('weir:filter@0.1.1', 'weir:filter@0.1.9');
  assert.deepEqual(worldOf(await witFrom(later, 'header-filter')), {
    kind: 'filter',
    interface: 'http-headers',
    version: '0.1.9',
    export: 'weir:filter/http-headers@0.1.9',
    events: [],
  });
});

async function refused(wit: string, world?: string): Promise<{ code: string; message: string }> {
  const read = await witFrom(wit, world);
  try {
    worldOf(read);
  } catch (error) {
    assert.ok(error instanceof ModuleError, error instanceof Error ? error.stack : '');
    assert.ok(!error.message.includes('\n'));
    return { code: error.code, message: error.message };
  }
  return { code: '', message: '' };
}

/** Without the worlds that include others. */
const plain = own.slice(0, own.indexOf('/// All imports beyond the stream'));
const worlds =
  '(a filter exports one of weir:filter/http@0.1.1, weir:filter/http-headers@0.1.1, weir:filter/http-request-headers@0.1.1, or wasi:http/incoming-handler@0.2)';
const plug = worlds.replace(/\)$/, '; what a filter imports is named in its plugs)');
const rebuild = '(build it with filters/wit of this Weir)';
const newer = '(a newer Weir may)';

/** WIT with a world `w`, and what is said of a component of it. */
const cases: readonly [string, string, string][] = [
  [
    'another world',
    'package a:b@1.0.0; interface i { f: func(); } world w { export i; export g: func(); }',
    `the component is of another world: it exports g, a:b/i@1.0.0 ${plug}`,
  ],
  [
    'no exports',
    'package a:b; world w { }',
    `the component is of another world: it exports nothing ${worlds}`,
  ],
  [
    'a command',
    'package a:b; world w { export wasi:cli/run@0.2.0; } package wasi:cli@0.2.0 { interface run { run: func() -> result; } }',
    `the component is a command, and of another world: it exports wasi:cli/run@0.2.0 ${worlds}`,
  ],
  [
    'another version of weir:filter',
    plain.replace('weir:filter@0.1.1', 'weir:filter@0.2.0').replace('world http-filter', 'world w'),
    'the component has weir:filter/types@0.2.0, Weir has weir:filter@0.1.1 (build it with filters/wit of this Weir)',
  ],
  [
    'two worlds at once',
    plain.replace('world http-filter {', 'world w { export http-headers;'),
    'the component exports weir:filter/http-headers@0.1.1 and weir:filter/http@0.1.1: Weir calls one (export only one of them)',
  ],
  [
    'a hostcall that is not there',
    plain.replace('level: func()', 'colour: func()').replace('world http-filter', 'world w'),
    `the component imports colour of weir:filter/logging@0.1.1, which weir:filter@0.1.1 does not have ${newer}`,
  ],
  [
    'an interface that is not there',
    plain.replace('world http-filter {', 'interface clouds { f: func(); } world w { import clouds;'),
    `the component imports weir:filter/clouds@0.1.1, which weir:filter@0.1.1 does not have ${newer}`,
  ],
  [
    'a hostcall of another type',
    plain
      .replace('level: func() -> log-level', 'level: func() -> u8')
      .replace('world http-filter', 'world w'),
    `the component imports level of weir:filter/logging@0.1.1 as func() -> u8; Weir has func() -> log-level ${rebuild}`,
  ],
  [
    'a callback that is missing',
    plain
      .replace('on-request-trailers: func(count: u32) -> action;', '')
      .replace('world http-filter', 'world w'),
    `the component exports weir:filter/http@0.1.1, in which http-context.on-request-trailers is missing; Weir calls func(count: u32) -> action ${rebuild}`,
  ],
  [
    'an event of another type',
    `${own.replace('on-tick: func(plugin: u32)', 'on-tick: func(plugin: u64)')} world w { include http-filter; export tick-events; }`,
    `the component exports weir:filter/tick-events@0.1.1, in which on-tick is func(plugin: u64); Weir calls func(plugin: u32) ${rebuild}`,
  ],
  [
    'a callback of another type',
    plain
      .replace('on-request-trailers: func(count: u32)', 'on-request-trailers: func(count: u64)')
      .replace('world http-filter', 'world w'),
    `the component exports weir:filter/http@0.1.1, in which http-context.on-request-trailers is func(count: u64) -> action; Weir calls func(count: u32) -> action ${rebuild}`,
  ],
  [
    'a handler of WASI 0.3',
    'package a:b; world w { import wasi:http/types@0.3.0; export wasi:http/handler@0.3.0; } package wasi:http@0.3.0 { interface types { f: func(); } interface handler { f: func(); } }',
    'the component exports wasi:http/handler@0.3.0 and 1 more of that version: WASI 0.3 is not run (build it for WASI 0.2)',
  ],
  [
    'an import of WASI 0.3',
    'package a:b; world w { import wasi:random/random@0.3.0-rc-2025-09-16; } package wasi:random@0.3.0-rc-2025-09-16 { interface random { f: func(); } }',
    'the component imports wasi:random/random@0.3.0-rc-2025-09-16: WASI 0.3 is not run (build it for WASI 0.2)',
  ],
  [
    'a handler of no release',
    handler.replaceAll('VERSION', '0.2.0-rc-2023-11-10'),
    'the component exports wasi:http/incoming-handler@0.2.0-rc-2023-11-10: Weir calls wasi:http/incoming-handler@0.2 (build it for WASI 0.2)',
  ],
];

for (const [name, wit, expected] of cases) {
  test(`refused: ${name}`, async () => {
    const { code, message } = await refused(wit, 'w');
    assert.equal(message, expected);
    const other = message.endsWith(worlds) || message.endsWith(plug) ? 'MODULE_NO_ABI' : 'MODULE_WIT';
    assert.equal(code, message.endsWith(newer) ? 'MODULE_IMPORT_UNKNOWN' : other);
  });
}

test('imports that nobody has', async () => {
  const wit = await witFrom(
    'package a:b@1.0.0; interface i { f: func(); } interface j { f: func(); } world w { import i; import j; import log: func(); import wasi:io/poll@0.2.0; import weir:filter/x@0.1.1; } package wasi:io@0.2.0 { interface poll { f: func(); } } package weir:filter@0.1.1 { interface x { f: func(); } }',
    'w',
  );
  const isWasi = (name: string): boolean => name.startsWith('wasi:');
  const unknown = unknownImports(wit, [{ import: 'a:b/j@1.0.0' }], isWasi);
  assert.deepEqual(unknown.toSorted(), ['a:b/i@1.0.0', 'log']);
  assert.throws(() => refuseUnknownImports('the filter', unknown.toSorted()), {
    code: 'MODULE_IMPORT_UNKNOWN',
    message:
      'the filter imports what Weir does not have: a:b/i@1.0.0, log (name components that export them in plugs)',
  });
  refuseUnknownImports('the filter', []);
});

test('types of values are imports that nobody has to provide; resources are not', async () => {
  const wit = await witFrom(
    'package a:b; interface i { enum e { x } } world w { use i.{e}; import f: func(e: e); resource r; }',
  );
  const imports = wit.imports.map(({ name, kind }) => `${name} ${kind}`);
  assert.deepEqual(imports.toSorted(), ['a:b/i interface', 'e type', 'f func', 'r other']);
  assert.deepEqual(
    unknownImports(wit, [{ import: 'f' }, { import: 'a:b/i' }], () => true),
    ['r'],
  );
});

test('of WASI, only releases of 0.2 are known', async () => {
  const wit = await witFrom(
    'package a:b; world w { import wasi:io/poll@0.2.9; import wasi:x/y@0.1.1; } package wasi:io@0.2.9 { interface poll { f: func(); } } package wasi:x@0.1.1 { interface y { f: func(); } }',
    'w',
  );
  assert.deepEqual(
    unknownImports(wit, [], () => true),
    ['wasi:x/y@0.1.1'],
  );
});
