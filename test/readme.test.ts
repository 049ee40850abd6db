import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { WEIR_FILTER, WEIR_FILTER_VERSION } from '../src/component/weir-filter.ts';

const root = resolve(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const readme = read('README.md');

test('README shows the examples as they are run', () => {
  for (const file of ['embed.ts', 'http-proxy.ts']) {
    const text = read(`test/adapter/examples/${file}`).trim().replace('../../../src/index.ts', 'weir-proxy');
    assert.ok(readme.includes(text), file);
  }
});

test('README has a line for every capability and every limit, and names every export that makes a filter', () => {
  const schema = JSON.parse(read('config/weir.schema.json'));
  const filter = schema.properties.filters.additionalProperties.properties;
  for (const name of Object.keys(filter.capabilities.properties)) {
    assert.ok(readme.includes(`| \`capabilities: {${name}: `), name);
  }
  for (const name of Object.keys(filter.limits.properties)) {
    assert.match(readme, new RegExp(`^\\| .*\`${name}\``, 'm'), name);
  }
  for (const name of Object.keys(WEIR_FILTER).filter(each =>
    /\/http(-request)?(-headers)?$|-events$/.test(each),
  )) {
    assert.ok(readme.includes(`| \`${name}@${WEIR_FILTER_VERSION.replace(/\.\d+$/, '')}\` |`), name);
  }
});

test('README lists every file in config', () => {
  for (const name of readdirSync(join(root, 'config')).filter(each => each.endsWith('.yaml'))) {
    assert.ok(readme.includes(`config/${name}`), name);
  }
});

test('links in the documents lead somewhere', () => {
  const missing: string[] = [];
  for (const file of ['README.md', 'RATIONALE.md', 'filters/README.md', 'filters/wit/README.md']) {
    for (const [, target] of read(file).matchAll(/\]\(([^)#]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      if (!existsSync(join(root, dirname(file), target!))) missing.push(`${file}: ${target}`);
    }
  }
  assert.deepEqual(missing, []);
});
