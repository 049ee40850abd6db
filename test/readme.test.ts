import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { UNIMPLEMENTED } from '../src/abi/hostcalls/unimplemented.ts';
import { UNCALLED_CALLBACKS } from '../src/plugin/callbacks.ts';

const root = resolve(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const readme = read('README.md');

test('README shows the examples as they are run', () => {
  for (const file of ['embed.ts', 'http-proxy.ts']) {
    const text = read(`test/adapter/examples/${file}`).trim().replace('../../../src/index.ts', 'weir-proxy');
    assert.ok(readme.includes(text), file);
  }
});

test('README names every hostcall that answers UNIMPLEMENTED', () => {
  for (const [chapter, names] of Object.entries(UNIMPLEMENTED)) {
    assert.ok(readme.includes(`| ${chapter} | ${names.map(n => `\`${n}\``).join(', ')} |`), chapter);
  }
});

test('README names every callback that is never called', () => {
  for (const name of UNCALLED_CALLBACKS) assert.ok(readme.includes(`\`${name}\``), name);
});

test('links in the documents lead somewhere', () => {
  const missing: string[] = [];
  for (const file of ['README.md', 'RATIONALE.md', 'filters/README.md']) {
    for (const [, target] of read(file).matchAll(/\]\(([^)#]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      if (!existsSync(join(root, dirname(file), target!))) missing.push(`${file}: ${target}`);
    }
  }
  assert.deepEqual(missing, []);
});
