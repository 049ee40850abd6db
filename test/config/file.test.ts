import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { around, faultsOf, load } from './faults.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-config-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function refused(path: string, message: string): void {
  assert.throws(() => loadConfig(path), { name: 'ConfigError', message: `${path}: ${message}` });
}

test('a file that does not exist', () => {
  const remedy = 'name a configuration file, for example config/weir.yaml';
  refused(join(folder, 'none.yaml'), `the file does not exist (${remedy})`);
  refused(join(file('plain', ''), 'below.yaml'), `the file does not exist (${remedy})`);
});

test('a directory', () => refused(folder, 'this is a directory (name a file in it)'));

test('a file nobody may read', { skip: process.getuid?.() === 0 && 'root may read everything' }, () => {
  const path = file('secret.yaml', around(''));
  chmodSync(path, 0);
  refused(path, 'the file can not be read: permission denied');
});

test('bytes that are not UTF-8', () => {
  refused(
    file('latin1.yaml', Buffer.from('# s\xfc\xdf', 'latin1')),
    'the file is not UTF-8 text (save it as UTF-8)',
  );
});

test('more than 1 MiB', () => {
  const comment = '#'.repeat(1024 * 1024 - Buffer.byteLength(around('')) - 1);
  assert.equal(loadConfig(file('large.yaml', `${around('')}\n${comment}`)).listeners.length, 1);
  refused(
    file('larger.yaml', `${around('')}\n${comment}#`),
    'the file is larger than 1 MiB (move data out of it)',
  );
  assert.throws(() => load('#'.repeat(1024 * 1024 + 1)), { name: 'ConfigError' });
});

test('a device that never ends', { skip: process.platform === 'win32' }, () => {
  refused('/dev/zero', 'the file is larger than 1 MiB (move data out of it)');
});

test('modules are found from the file, wherever the process runs', () => {
  mkdirSync(join(folder, 'a/b'), { recursive: true });
  const module = file('a/f.wasm', 'x');
  const config = loadConfig(file('a/b/c.yaml', around('filters: {f: {module: ../f.wasm}}')));
  assert.equal(config.filters.get('f')?.module, module);
  assert.equal(config.filters.get('f')?.moduleText, '../f.wasm');
});

test('a module nobody may read', { skip: process.getuid?.() === 0 && 'root may read everything' }, () => {
  const module = file('secret.wasm', 'x');
  chmodSync(module, 0);
  const remedy = 'a path to a .wasm file, relative to this file';
  const path = file('secret-module.yaml', around('filters: {f: {module: secret.wasm}}'));
  assert.throws(() => loadConfig(path), {
    message: `${path}:1:23: filters.f.module: ${module} can not be read: permission denied (${remedy})`,
  });
});

/** Texts made to exhaust: each ends in one clear fault, at once. */
const hostile: readonly [string, string, RegExp][] = [
  [
    'an alias bomb',
    `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((key, i) => `${key}: &${key} [${`*${'abcdefgh'[i]},`.repeat(9)}]`).join('\n')}`,
    /more than 100000 values, anchors expanded \(use fewer aliases\)/,
  ],
  ['a merge bomb', `a: &a {x: 1}\nb: [${'{<<: *a},'.repeat(40_000)}]`, /more than 100000 values/],
  ['many values', `a: [${'1,'.repeat(120_000)}]`, /more than 100000 values/],
  ['open brackets', '['.repeat(100_000), /./],
  ['closed brackets', `a: ${'['.repeat(90)}${']'.repeat(90)}`, /nested deeper than 64 levels/],
  [
    'nested lines',
    Array.from({ length: 500 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    /nested deeper than 64 levels/,
  ],
  [
    'many keys',
    Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join('\n'),
    /more than 100000|unknown key/,
  ],
  ['many quotes', '"'.repeat(50_000), /./],
  ['many anchors', '&a '.repeat(20_000), /./],
];

for (const [name, text, expected] of hostile) {
  test(`hostile: ${name}`, { timeout: 30_000 }, () => {
    const faults = faultsOf(text);
    assert.ok(faults.length <= 101);
    assert.ok(
      faults.some(fault => expected.test(fault)),
      `${faults.length}: ${faults[0]}`,
    );
  });
}

test('of very many faults the first hundred are shown, the rest counted', () => {
  const faults = faultsOf(around(Array.from({ length: 250 }, (_, i) => `k${i}: 1`).join('\n')));
  assert.equal(faults.length, 101);
  assert.match(faults[99] ?? '', /^100:1: k99: unknown key/);
  assert.equal(faults[100], ' and 150 more faults');
});
