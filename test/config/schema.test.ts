import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configSchema, jsonSchema, notImplemented } from '../../src/config/schema.ts';
import { directory } from './faults.ts';

test('config/weir.schema.json is what weir schema prints', () => {
  const remedy = 'write it anew: npm run -s weir -- schema > config/weir.schema.json && npm run format';
  const published: unknown = JSON.parse(readFileSync(`${directory}config/weir.schema.json`, 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(jsonSchema())), remedy);
});

test('every example names the schema in its first line', () => {
  const examples = readdirSync(`${directory}config`).filter(name => name.endsWith('.yaml'));
  assert.ok(examples.length >= 3);
  for (const name of examples) {
    const [first] = readFileSync(`${directory}config/${name}`, 'utf8').split('\n');
    assert.equal(first, '# yaml-language-server: $schema=weir.schema.json', name);
  }
});

test('what is not implemented is not in the schema', () => {
  const top = Object.keys(configSchema.shape);
  for (const key of Object.keys(notImplemented)) assert.ok(!top.includes(key), key);
});

test('every key of the JSON Schema has a description, and unknown keys are refused', () => {
  const undescribed: string[] = [];
  const open: string[] = [];
  const walk = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type, properties, additionalProperties } = node as Record<string, unknown>;
    if (type === 'object' && additionalProperties === undefined) open.push(path);
    for (const [key, child] of Object.entries((properties ?? {}) as Record<string, object>)) {
      // The kinds of path match are described on the path itself.
      if (!('description' in child)) undescribed.push(`${path}.${key}`);
    }
    for (const [key, child] of Object.entries(node)) if (key !== 'default') walk(child, `${path}.${key}`);
  };
  walk(jsonSchema(), '');
  assert.deepEqual(undescribed, []);
  assert.deepEqual(open, []);
});
