import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Plug, plugInto } from '../../src/component/plug.ts';
import { witOf } from '../../src/component/wit.ts';
import { ModuleError } from '../../src/errors.ts';
import { witFrom } from './build.ts';

interface Side {
  readonly imports?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string>>;
}

/** A component that imports and exports interfaces with these bodies; `a:b/c@0.1.0` names one. */
async function component({ imports = {}, exports = {} }: Side) {
  const packages = new Map<string, string[]>();
  for (const [name, body] of Object.entries({ ...imports, ...exports })) {
    const [, pack = '', item = '', version = ''] = /^([^/]+)\/([^@]+)(@.*)?$/.exec(name) ?? [];
    const key = `${pack}${version}`;
    packages.set(key, [...(packages.get(key) ?? []), `interface ${item} { ${body} }`]);
  }
  const world = [
    ...Object.keys(imports).map(name => `import ${name};`),
    ...Object.keys(exports).map(name => `export ${name};`),
  ];
  const nested = [...packages].map(([name, bodies]) => `package ${name} { ${bodies.join('\n')} }`);
  return await witFrom(`package test:root; world w { ${world.join('\n')} }\n${nested.join('\n')}`, 'w');
}

const verifier = 'acme:auth/verifier@0.1.0';
const check = 'check: func(token: string) -> bool;';

async function plug(name: string, side: Side): Promise<Plug> {
  return { name, wit: await component(side) };
}

async function refused(filter: Side, plugs: Readonly<Record<string, Side>>): Promise<string> {
  const wit = await component(filter);
  const list = await Promise.all(Object.entries(plugs).map(([name, side]) => plug(name, side)));
  try {
    plugInto(wit, list);
  } catch (error) {
    assert.ok(error instanceof ModuleError, error instanceof Error ? error.stack : '');
    assert.equal(error.code, 'MODULE_WIT');
    assert.ok(!error.message.includes('\n'));
    return error.message;
  }
  return '';
}

test('one plug, and none', async () => {
  const filter = await component({ imports: { [verifier]: check } });
  const one = await plug('v.wasm', { exports: { [verifier]: `${check} more: func();` } });
  assert.deepEqual(plugInto(filter, [one]), {
    filter: [{ import: verifier, plug: 0, export: verifier }],
    plugs: [[]],
    order: [0],
  });
  assert.deepEqual(plugInto(filter, []), { filter: [], plugs: [], order: [] });
});

test('a newer version of the same track', async () => {
  const filter = await component({ imports: { [verifier]: check } });
  const newer = 'acme:auth/verifier@0.1.4';
  const one = await plug('v.wasm', { exports: { [newer]: check } });
  assert.deepEqual(plugInto(filter, [one]).filter, [{ import: verifier, plug: 0, export: newer }]);
});

test('plugs that need each other, in any order of the list', async () => {
  const keys = 'acme:keys/store@1.0.0';
  const clock = 'acme:keys/clock@1.0.0';
  const get = 'get: func() -> u32;';
  const filter = await component({ imports: { [verifier]: check } });
  const plugs = [
    await plug('clock.wasm', { exports: { [clock]: get } }),
    await plug('verifier.wasm', { imports: { [keys]: get, [clock]: get }, exports: { [verifier]: check } }),
    await plug('keys.wasm', { imports: { [clock]: get }, exports: { [keys]: get } }),
  ];
  const { plugs: links, order } = plugInto(filter, plugs);
  assert.deepEqual(order, [0, 2, 1]);
  const sorted = links[1]!.toSorted((a, b) => a.plug - b.plug);
  assert.deepEqual(sorted, [
    { import: clock, plug: 0, export: clock },
    { import: keys, plug: 2, export: keys },
  ]);
  assert.deepEqual(links[2], [{ import: clock, plug: 0, export: clock }]);
});

test('functions of the world itself', async () => {
  const filter = await witFrom('package a:b; world w { import log: func(line: string); }');
  const wit = await witFrom('package a:b; world w { export log: func(line: string); }');
  assert.deepEqual(plugInto(filter, [{ name: 'log.wasm', wit }]).filter, [
    { import: 'log', plug: 0, export: 'log' },
  ]);
});

test('the shipped verifier in the shipped filter', () => {
  const rust = new URL('../../filters/rust/', import.meta.url).pathname;
  const filter = witOf(readFileSync(`${rust}verify-token/verify-token.wasm`));
  const wit = witOf(readFileSync(`${rust}static-verifier/static-verifier.wasm`));
  assert.equal(plugInto(filter, [{ name: 'static-verifier.wasm', wit }]).filter.length, 1);
});

const same = '(build both with the same WIT)';
const begin = `plug v.wasm exports ${verifier}`;
const cases: readonly [string, Side, Readonly<Record<string, Side>>, string][] = [
  [
    'another result',
    { imports: { [verifier]: 'check: func(token: string) -> result<string, string>;' } },
    { 'v.wasm': { exports: { [verifier]: check } } },
    `${begin} whose check is func(token: string) -> bool; the filter imports it as func(token: string) -> result<string, string> ${same}`,
  ],
  [
    'several functions',
    { imports: { [verifier]: 'a: func(); b: func(); c: func();' } },
    { 'v.wasm': { exports: { [verifier]: 'a: func(); b: func(x: u8); c: func(x: u8);' } } },
    `${begin} whose b is func(x: u8); the filter imports it as func(); so are c ${same}`,
  ],
  [
    'a missing function, and a missing method',
    { imports: { [verifier]: `${check} resource s { m: func(); } open: func() -> s;` } },
    { 'v.wasm': { exports: { [verifier]: 'resource s; open: func() -> s;' } } },
    `${begin} without s.m, check, which the filter imports ${same}`,
  ],
  [
    'a type within',
    { imports: { [verifier]: 'record user { id: u32 } a: func(u: option<user>);' } },
    { 'v.wasm': { exports: { [verifier]: 'record user { id: u64 } a: func(u: option<user>);' } } },
    `${begin} whose type acme:auth/verifier.user (used by a) is record { id: u64 }; the filter imports it as record { id: u32 } ${same}`,
  ],
  [
    'a type from another interface, within a type from a third',
    {
      imports: {
        'acme:auth/ids@0.1.0': 'enum kind { a, b }',
        'acme:auth/types@0.1.0': 'use ids.{kind}; record user { k: kind }',
        [verifier]: 'use types.{user}; a: func() -> list<user>;',
      },
    },
    {
      'v.wasm': {
        exports: {
          'acme:auth/ids@0.1.0': 'enum kind { a, b, c }',
          'acme:auth/types@0.1.0': 'use ids.{kind}; record user { k: kind }',
          [verifier]: 'use types.{user}; a: func() -> list<user>;',
        },
      },
    },
    `${begin} whose type acme:auth/ids.kind (used by a) is enum { a, b, c }; the filter imports it as enum { a, b } ${same}`,
  ],
  [
    'a resource of another interface',
    {
      imports: {
        'acme:auth/one@0.1.0': 'resource session;',
        [verifier]: 'use one.{session}; a: func() -> session;',
      },
    },
    {
      'v.wasm': {
        imports: { 'acme:auth/two@0.1.0': 'resource session;' },
        exports: { [verifier]: 'use two.{session}; a: func() -> session;' },
      },
    },
    `${begin} whose type acme:auth/one.session (used by a) is acme:auth/two.session; the filter imports it as acme:auth/one.session ${same}`,
  ],
  [
    'a plug that nobody needs',
    { imports: { [verifier]: check } },
    { 'v.wasm': { exports: { [verifier]: check } }, 'x.wasm': { exports: { 'acme:log/out': 'f: func();' } } },
    `plug x.wasm exports nothing that is imported: it exports acme:log/out, the filter imports ${verifier} (remove it from plugs)`,
  ],
  [
    'a plug, and nothing to plug it into',
    {},
    { 'x.wasm': {} },
    'plug x.wasm exports nothing that is imported: it exports nothing that can be plugged, the filter imports nothing that can be plugged (remove it from plugs)',
  ],
  [
    'another version',
    { imports: { [verifier]: check } },
    { 'v.wasm': { exports: { 'acme:auth/verifier@0.2.0': check } } },
    `plug v.wasm exports acme:auth/verifier in version 0.2.0, which does not fit the version that the filter imports, 0.1.0 ${same}`,
  ],
  [
    'two plugs for one import',
    { imports: { [verifier]: check } },
    {
      'v.wasm': { exports: { [verifier]: check } },
      'w.wasm': { exports: { 'acme:auth/verifier@0.1.1': check } },
    },
    `plugs v.wasm (${verifier}) and w.wasm (acme:auth/verifier@0.1.1) both fit ${verifier}, which the filter imports (remove one from plugs)`,
  ],
  [
    'two versions of one interface',
    { imports: { [verifier]: check, 'acme:auth/verifier@0.2.0': check } },
    {
      'v.wasm': { exports: { [verifier]: check } },
      'w.wasm': { exports: { 'acme:auth/verifier@0.2.0': check } },
    },
    `the filter imports ${verifier} (from plug v.wasm) and acme:auth/verifier@0.2.0 (from plug w.wasm): Weir tells no versions of one interface apart (build it with one of them)`,
  ],
  [
    'a circle',
    { imports: { 'a:a/a': 'f: func();' } },
    {
      'a.wasm': { imports: { 'a:a/b': 'f: func();' }, exports: { 'a:a/a': 'f: func();' } },
      'b.wasm': { imports: { 'a:a/c': 'f: func();' }, exports: { 'a:a/b': 'f: func();' } },
      'c.wasm': { imports: { 'a:a/b': 'f: func();' }, exports: { 'a:a/c': 'f: func();' } },
    },
    'plugs need each other: b.wasm imports from c.wasm imports from b.wasm (make one component of them)',
  ],
  [
    'a plug that imports it differently',
    { imports: { 'a:a/a': 'f: func();' } },
    {
      'a.wasm': { imports: { 'a:a/b': 'f: func();' }, exports: { 'a:a/a': 'f: func();' } },
      'b.wasm': { exports: { 'a:a/b': 'f: func() -> u8;' } },
    },
    `plug b.wasm exports a:a/b whose f is func() -> u8; plug a.wasm imports it as func() ${same}`,
  ],
  [
    'a plug of WASI 0.3',
    { imports: { [verifier]: check } },
    {
      'v.wasm': {
        imports: { 'wasi:random/random@0.3.0': 'f: func();' },
        exports: { [verifier]: check },
      },
    },
    'plug v.wasm: the component imports wasi:random/random@0.3.0: WASI 0.3 is not run (build it for WASI 0.2)',
  ],
  [
    'a filter as plug',
    { imports: { [verifier]: check } },
    { 'f.wasm': { exports: { 'weir:filter/http@0.1.0': 'f: func();' } } },
    'plug f.wasm exports weir:filter/http@0.1.0: it is a filter (list it under filters, not plugs)',
  ],
];

for (const [name, filter, plugs, expected] of cases) {
  test(`refused: ${name}`, async () => assert.equal(await refused(filter, plugs), expected));
}

test('lists of lists that few bytes can make endless are refused; those whose items are counted are not', async () => {
  const taking = (type: string): Side => ({
    imports: { [verifier]: `record r { a: bool, b: u32 } f: func(x: ${type});` },
  });
  const giving = (type: string): Side => ({
    exports: { [verifier]: `record r { a: bool, b: u32 } f: func(x: ${type});` },
  });
  const refusalOf = (type: string) => refused(taking(type), { 'v.wasm': giving(type) });
  for (const type of [
    'list<list<bool>>',
    'list<tuple<u8, list<r>>>',
    'option<list<result<list<char>>>>',
    'list<list<option<string>>>',
    'list<list<list<bool>>>',
  ])
    assert.match(
      await refusalOf(type),
      /^plug v\.wasm exports acme:auth\/verifier@0\.1\.0 whose f is func\(x: .*\): lists of lists of anything but numbers and text can't be bounded/,
      type,
    );
  for (const type of [
    'list<bool>',
    'list<r>',
    'list<string>',
    'list<list<u8>>',
    'list<list<string>>',
    'list<tuple<string, list<u8>>>',
    'list<list<tuple<u32, string>>>',
    'list<list<f64>>',
  ])
    assert.equal(await refusalOf(type), '', type);
});
