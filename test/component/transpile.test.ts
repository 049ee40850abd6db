import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { print } from '@bytecodealliance/jco';
import { compileComponent } from '../../src/component/compile.ts';
import { transpile } from '../../src/component/transpile.ts';
import { sha256 } from '../../src/engine/compile.ts';
import { linkComponent } from '../../src/plugin/component-spec.ts';
import { componentOf } from '../hostile/component-build.ts';
import { LIMITS } from '../support/guest.ts';
import { fromWat } from './build.ts';

const compiled = (bytes: Uint8Array, plugs: readonly { name: string; bytes: Uint8Array }[] = []) => {
  const hash = sha256(bytes);
  return compileComponent({ bytes, hash, limits: LIMITS, plugs, key: hash }, undefined);
};
const file = (name: string) => readFile(new URL(`../../filters/rust/${name}`, import.meta.url));

/** A component that jco panics at; from then on its instance refuses whatever comes. */
const PANIC = `(component
  (import "url=<https://example.com/a>" (func $f))
  (core func $g (canon lower (func $f)))
  (core module $m (import "a" "b" (func)))
  (core instance (instantiate $m (with "a" (instance (export "b" (func $g)))))))`;

test('what one component does to jco is not the fault of those after it', async () => {
  const good = await file('add-header-component/add-header-component.wasm');
  const bad = await fromWat(PANIC);
  const results = await Promise.allSettled([bad, good, bad, good].map(bytes => transpile(bytes, false)));
  assert.deepEqual(
    results.map(result => result.status),
    ['rejected', 'fulfilled', 'rejected', 'fulfilled'],
  );
});

test('an error of jco’s says which plug it is about', async () => {
  const verifier = await file('static-verifier/static-verifier.wasm');
  const broken = Buffer.from(verifier);
  broken.fill(0xff, 2000, 2100);
  const filter = await file('verify-token/verify-token.wasm');
  await assert.rejects(compiled(filter, [{ name: './verifier.wasm', bytes: broken }]), {
    message: /^plug \.\/verifier\.wasm: the component can't be transpiled by jco: /,
  });
});

const MARK = 'weirTestNameRan';
/** Each would end the string that jco puts the name into. */
const NAMES = [
  `memory'];${MARK}();exports1['memory`,
  `memory\\`,
  'memory\n',
  'memory\u2028',
  'memory"',
  'memory`',
];

test('names in core modules never become code', async t => {
  const global = globalThis as unknown as Record<string, unknown>;
  global[MARK] = () => assert.fail('a name ran');
  t.after(() => delete global[MARK]);
  const text = await print(await componentOf(''));
  for (const name of NAMES) {
    const quoted = name.replace(/[\\"\n]/g, char => `\\${char === '\n' ? 'n' : char}`);
    const evil = text
      .replace('(export "memory" (memory', () => `(export "${quoted}" (memory`)
      .replace(/(\(alias core export \S+) "memory"/, (_, start) => `${start} "${quoted}"`);
    assert.notEqual(evil, text);
    await assert.rejects(compiled(await fromWat(evil)), {
      code: 'MODULE_UNSUPPORTED',
      message: /^a core module of the component exports the name [ -~]+ \(rename it\)$/,
    });
  }
  const imported = text.replace(
    /^\(component.*$/m,
    start => `${start}
      (core module $a (func (export "x")))
      (core instance $a (instantiate $a))
      (core module $b (import "'" "x" (func)))
      (core instance (instantiate $b (with "'" (instance $a))))`,
  );
  await assert.rejects(compiled(await fromWat(imported)), {
    code: 'MODULE_UNSUPPORTED',
    message: /^a core module of the component imports the name ', /,
  });
});

test('components that instantiate each other twice, and so on: refused before jco sees them', async () => {
  const levels = Array.from(
    { length: 18 },
    (_, i) => `(component $l${i + 1} (alias outer 1 $l${i} (component $x))
      (instance (instantiate $x)) (instance (instantiate $x)))`,
  );
  const text = (await print(await componentOf(''))).replace(
    /^\(component.*$/m,
    start => `${start}
      (component $l0 (core module $m (func (export "f"))) (core instance (instantiate $m)))
      ${levels.join('\n')} (instance (instantiate $l18))`,
  );
  const bytes = await fromWat(text);
  const begin = performance.now();
  await assert.rejects(compiled(bytes), {
    code: 'MODULE_LIMIT',
    message: 'the component has more than 256 instances of core modules',
  });
  assert.ok(performance.now() - begin < 2000);
});

test('what jco would need gigabytes for: refused before it sees it', async () => {
  const text = await print(await componentOf(''));
  const some = (count: number, each: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => each(i));
  const function_ = `(core module $x (func (export "f"))) (core instance $x (instantiate $x))
    (alias core export $x "f" (core func $x)) (func $f (canon lift (core func $x)))`;
  const lifted = some(5000, () => '(func (canon lift (core func $x)))');
  const exported = `(instance $many ${some(500, i => `(export "f${i}" (func $f))`).join('\n')})
    ${some(10, i => `(export "a:b/i${i}" (instance $many))`).join('\n')}`;
  for (const more of [lifted.join('\n'), exported]) {
    const bytes = await fromWat(text.replace(/\)\s*$/, `${function_} ${more})`));
    const message = 'the component has more than 4096 functions';
    await assert.rejects(compiled(bytes), { code: 'MODULE_LIMIT', message });
  }
});

test('a name that a terminal would obey is shown to nobody', async () => {
  const text = (await print(await componentOf(''))).replace(
    /^\(component.*$/m,
    start => `${start} (import "evil-name" (instance))`,
  );
  const bytes = Buffer.from(await fromWat(text));
  for (const evil of ['evil\x1b[31m', 'evil\nname', 'evil\u202ex']) {
    const name = Buffer.alloc(9, 'x');
    name.write(evil);
    const changed = Buffer.from(bytes);
    name.copy(changed, bytes.indexOf('evil-name'));
    await assert.rejects(compiled(changed), {
      code: 'MODULE_MALFORMED',
      message: 'the component is malformed: a name has a control character in it',
    });
  }
});

test('a core module whose exports are not what their names say: through the glue', async () => {
  const text = await print(await componentOf(''));
  const item = 'weir:filter/http@0.1.0#[constructor]plugin-context';
  const global = text
    .replace(
      `(export "${item}" (func`,
      `(global $g i32 (i32.const 1)) (export "${item}" (global $g)) (export "x" (func`,
    )
    .replace(/(\(alias core export \S+) "weir:filter\/http@0\.1\.0#\[constructor\]plugin-context"/, '$1 "x"');
  const inherited = text.replace(
    '(export "memory" (memory',
    '(func $z (param i32)) (export "cabi_post_weir:filter/http@0.1.0#constructor" (func $z)) (export "memory" (memory',
  );
  const road = async (wat: string) => linkComponent(await compiled(await fromWat(wat)), true).core;
  assert.notEqual(await road(text), undefined);
  assert.equal(await road(global), undefined);
  assert.notEqual(await road(inherited), undefined);
});
