import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { componentWit } from '@bytecodealliance/jco';
import fc from 'fast-check';
import { readableName, type Wit, witOf } from '../../src/component/wit.ts';
import { identify } from '../../src/engine/identify.ts';
import { ModuleError } from '../../src/errors.ts';
import { fromWat, fromWit, witFrom } from './build.ts';

const repository = new URL('../../', import.meta.url).pathname;

/** Functions and types of an import or export, by name. */
function textsOf(externs: Wit['imports'], name: string): Record<string, string> {
  const extern = externs.find(each => each.name === name);
  assert.ok(extern !== undefined, `${name} is not there`);
  return Object.fromEntries([...extern.items].map(([label, { text }]) => [label, text]));
}

const auth = `package acme:auth@0.1.0;
interface types {
  /// A comment.
  record user { name: string, id: u32 }
  enum error { bad, worse }
  type token = string;
}
interface verifier {
  use types.{user, error as fault, token};
  resource session {
    constructor(t: token);
    check: func(a: option<user>) -> result<user, fault>;
    open: static func() -> session;
  }
  check: func(token: token) -> bool;
  take: func(s: session, b: borrow<session>);
}
world w {
  import types;
  import log: func(s: string);
  import local: interface { x: func(); }
  export verifier;
  export run: func() -> tuple<u8, char>;
}`;

test('imports and exports: interfaces, nameless ones and functions', async () => {
  const { imports, exports } = await witFrom(auth);
  assert.deepEqual(
    imports.map(({ name, kind }) => [name, kind]),
    [
      ['acme:auth/types@0.1.0', 'interface'],
      ['local', 'interface'],
      ['log', 'func'],
    ],
  );
  assert.deepEqual(exports.map(({ name }) => name).sort(), ['acme:auth/verifier@0.1.0', 'run']);
  assert.deepEqual(textsOf(exports, 'run'), { run: 'func() -> tuple<u8, char>' });
  assert.deepEqual(textsOf(imports, 'local'), { x: 'func()' });
});

test('items in their normal form: methods without self, used types with their origin', async () => {
  const wit = await witFrom(auth);
  assert.deepEqual(textsOf(wit.exports, 'acme:auth/verifier@0.1.0'), {
    user: 'use acme:auth/types.user',
    fault: 'use acme:auth/types.error',
    token: 'use acme:auth/types.token',
    session: 'resource',
    '[constructor]session': 'constructor(t: token)',
    '[method]session.check': 'func(a: option<user>) -> result<user, error>',
    '[static]session.open': 'static func() -> session',
    check: 'func(token: token) -> bool',
    take: 'func(s: session, b: borrow<session>)',
  });
  assert.equal(wit.types.get('acme:auth/types.user')?.text, 'record { name: string, id: u32 }');
  assert.deepEqual(['[method]a.b', '[static]a.b', '[constructor]a', 'a'].map(readableName), [
    'a.b',
    'a.b',
    'a',
    'a',
  ]);
});

test('every kind of type', async () => {
  const types: Readonly<Record<string, string>> = {
    prims: 'tuple<bool, s8, u8, s16, u16, s32, u32, s64, u64, f32, f64, char, string>',
    lists: 'list<option<list<u8>>>',
    results: 'tuple<result, result<u8>, result<_, string>, result<u8, string>>',
    records: 'record { a: u8, b: list<string> }',
    variants: 'variant { none, some(tuple<u8, u8>) }',
    enums: 'enum { a, b }',
    bits: 'flags { a, b }',
  };
  const declared = Object.entries(types).map(([name, text]) =>
    /^(record|variant|enum|flags) /.test(text) ? text.replace(' ', ` ${name} `) : `type ${name} = ${text};`,
  );
  const uses = Object.keys(types).map(name => `use-${name}: func(x: ${name});`);
  const wit = await witFrom(
    `package a:b; interface i { ${[...declared, ...uses].join('\n')} } world w { export i; }`,
  );
  for (const [name, text] of Object.entries(types)) {
    assert.equal(wit.types.get(`a:b/i.${name}`)?.text, text);
    assert.equal(textsOf(wit.exports, 'a:b/i')[`use-${name}`], `func(x: ${name})`);
  }
});

/** What a component that uses the interface and one that has it say of its function f. */
async function shapes(one: string, other: string): Promise<[string, string]> {
  const shape = async (text: string, side: 'import' | 'export'): Promise<string> => {
    const wit = await witFrom(`package a:b@0.1.0; interface i { ${text} } world w { ${side} i; }`);
    const [extern] = side === 'import' ? wit.imports : wit.exports;
    return extern!.items.get('f')!.shape;
  };
  return [await shape(one, 'import'), await shape(other, 'export')];
}

const fitting: readonly [string, string, string][] = [
  ['the same', 'f: func(a: u8) -> u8;', 'f: func(a: u8) -> u8;'],
  ['blanks, comments, other functions', 'f: func(a: u8);', '/// Hm.\n  f:func( a:u8 ) ;\n g: func();'],
  ['an alias and what it stands for', 'type t = list<u8>; f: func(a: t);', 'f: func(a: list<u8>);'],
  [
    'a type of another name',
    'record r { a: u8 } f: func(a: r);',
    'record other { a: u8 } f: func(a: other);',
  ],
  [
    'the order of items',
    'enum a { x } enum b { y } f: func(a: a, b: b);',
    'enum b { y } enum a { x } f: func(a: a, b: b);',
  ],
  [
    'a resource, whatever else it has',
    'resource r { m: func(); } f: func(r: borrow<r>) -> r;',
    'resource r { constructor(); m: func(); } f: func(r: borrow<r>) -> r;',
  ],
];

for (const [name, one, other] of fitting) {
  test(`fits: ${name}`, async () => {
    const [a, b] = await shapes(one, other);
    assert.equal(a, b);
  });
}

const differing: readonly [string, string, string][] = [
  ['a result', 'f: func() -> bool;', 'f: func() -> result<bool>;'],
  ['no result', 'f: func() -> bool;', 'f: func();'],
  ['width', 'f: func(a: u8);', 'f: func(a: u16);'],
  ['sign', 'f: func(a: u32);', 'f: func(a: s32);'],
  [
    'the order of fields',
    'record r { a: u8, b: u8 } f: func(r: r);',
    'record r { b: u8, a: u8 } f: func(r: r);',
  ],
  ['the name of a parameter', 'f: func(user: string);', 'f: func(password: string);'],
  ['one more parameter', 'f: func();', 'f: func(a: u8);'],
  ['a case', 'enum e { a, b } f: func(e: e);', 'enum e { a, b, c } f: func(e: e);'],
  ['own and borrow', 'resource r; f: func(r: r);', 'resource r; f: func(r: borrow<r>);'],
  ['two resources', 'resource r; resource s; f: func(r: r);', 'resource r; resource s; f: func(r: s);'],
  [
    'what lies deep within',
    'record a { x: u8 } record b { a: list<a> } f: func(b: b);',
    'record a { x: s8 } record b { a: list<a> } f: func(b: b);',
  ],
];

for (const [name, one, other] of differing) {
  test(`differs: ${name}`, async () => {
    const [a, b] = await shapes(one, other);
    assert.notEqual(a, b);
  });
}

const shipped = readdirSync(`${repository}filters`, { recursive: true, encoding: 'utf8' })
  .filter(name => /^[a-z]+\/[^/]+\/[^/]+\.wasm$/.test(name))
  .map(name => `${repository}filters/${name}`)
  .filter(path => identify(readFileSync(path)) === 'component');

test('there are components among the shipped filters', () => assert.ok(shipped.length >= 3));

for (const path of shipped) {
  test(`${path.slice(repository.length)}: the world that jco prints`, async () => {
    const bytes = readFileSync(path);
    const { imports, exports } = witOf(bytes);
    const printed = await componentWit(bytes);
    const names = (word: string): string[] =>
      [...printed.matchAll(new RegExp(`^  ${word} ([^;]+?)(?:: [^;]+)?;$`, 'gm'))]
        .map(match => match[1]!)
        .sort();
    assert.deepEqual(imports.map(({ name }) => name).sort(), names('import'));
    assert.deepEqual(exports.map(({ name }) => name).sort(), names('export'));
  });
}

test('an import named in two parts', async () => {
  const { imports } = witOf(
    await fromWat('(component (import "a:b/c@1" (versionsuffix ".2.3") (instance)))'),
  );
  assert.equal(imports[0]?.name, 'a:b/c@1.2.3');
});

test('a component without anything', async () => {
  assert.deepEqual(witOf(await fromWat('(component)')), { imports: [], exports: [], types: new Map() });
});

test('names that objects inherit are names like any other', async () => {
  const wit = await witFrom(
    'package a:b; interface i { constructor: func(); to-string: func(); } world w { import i; }'.replace(
      /constructor/,
      '%constructor',
    ),
  );
  assert.deepEqual(textsOf(wit.imports, 'a:b/i'), { constructor: 'func()', 'to-string': 'func()' });
});

/** Components within each other that are instantiated twice each: 2^n instances. */
function doubling(levels: number): string {
  let text = '(component $c0 (type (func)))';
  for (let n = 1; n <= levels; n++) {
    text += `(component $c${n} (alias outer 1 $c${n - 1} (component $x)) (instance (instantiate $x)) (instance (instantiate $x)))`;
  }
  return `(component ${text} (instance (instantiate $c${levels})))`;
}

const hostile: readonly [string, () => Promise<Uint8Array>, RegExp][] = [
  ['instances of instances', () => fromWat(doubling(25)), /more than 1000000 definitions/],
  ['a chain of instances', () => fromWat(doubling(200)), /nested deeper than 32 levels/],
  [
    'a long name, many times',
    () => {
      const inner = `(component $c (type $t (tuple u8)) (export "${'a'.repeat(100_000)}" (type $t)))`;
      return fromWat(`(component ${inner} ${'(instance (instantiate $c))'.repeat(10_000)})`);
    },
    /more than 1000000 definitions/,
  ],
  [
    'one type of many imports',
    () => {
      const functions = Array.from({ length: 2000 }, (_, n) => `(export "f${n}" (func (type 0)))`).join('');
      const imports = Array.from({ length: 2000 }, (_, n) => `(import "i${n}" (instance (type $t)))`).join(
        '',
      );
      return fromWat(`(component (type $t (instance (type (func)) ${functions})) ${imports})`);
    },
    /more than 4096 functions/,
  ],
  ['components within components', () => fromWat(`${'(component '.repeat(60)}${')'.repeat(60)}`), /^$/],
  [
    'types within types',
    () => {
      const pairs = Array.from({ length: 150 }, (_, n) => `(type (tuple ${n} ${n}))`).join('');
      return fromWat(`(component (type string) ${pairs})`);
    },
    /types are nested deeper than 100 levels/,
  ],
];

for (const [name, make, expected] of hostile) {
  test(`hostile: ${name}`, { timeout: 30_000 }, async () => {
    const bytes = await make();
    let message = '';
    try {
      witOf(bytes);
    } catch (error) {
      assert.ok(error instanceof ModuleError, String(error));
      message = error.message;
    }
    assert.match(message, expected);
  });
}

test('types that double ninety times are told in time, and cut off', { timeout: 10_000 }, async () => {
  const pairs = Array.from({ length: 90 }, (_, n) => `(type (tuple ${n} ${n}))`).join('');
  const bytes = await fromWat(
    `(component (type string) ${pairs} (type (func (param "x" 90))) (import "f" (func (type 91))))`,
  );
  const text = witOf(bytes).imports[0]?.items.get('f')?.text ?? '';
  assert.match(text, /^func\(x: tuple<tuple</);
  assert.ok(text.length < 3000, `${text.length}`);
});

test('any bytes changed: a world, or a ModuleError', { timeout: 60_000 }, async () => {
  const whole = await fromWit(auth);
  const edits = fc.array(fc.record({ at: fc.nat(whole.length - 9), to: fc.nat(255) }), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(edits, fc.nat(whole.length), fc.boolean(), (changes, cut, isCut) => {
      const bytes = Uint8Array.from(isCut ? whole.subarray(0, cut) : whole);
      for (const { at, to } of changes) if (at + 8 < bytes.length) bytes[at + 8] = to;
      try {
        witOf(bytes);
      } catch (error) {
        assert.ok(error instanceof ModuleError, error instanceof Error ? error.stack : String(error));
      }
    }),
    { numRuns: 3000 },
  );
});
