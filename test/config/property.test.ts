import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { configSchema, notImplemented } from '../../src/config/schema.ts';
import { around, directory, faultsOf, load } from './faults.ts';

const examples = readdirSync(`${directory}config`)
  .filter(name => name.endsWith('.yaml'))
  .map(name => readFileSync(`${directory}config/${name}`, 'utf8'));

/** Pieces that mean something in YAML or in a configuration: random texts rarely hit them. */
const pieces = [
  ...[
    '&a ',
    '*a',
    '<<: *a',
    '- ',
    ': ',
    '? ',
    '\n',
    '\n  ',
    '\t',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '|\n',
    '>-\n',
    '#',
  ],
  ...[
    '!!str ',
    '!x ',
    '~',
    '.inf',
    '1e999',
    '0x10',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    '\u0000',
    '\uFEFF',
    '\u2028',
  ],
  ...[
    'listeners',
    'upstreams',
    'filters',
    'routes',
    'match',
    'path',
    'regex',
    'module',
    '__proto__',
    'constructor',
  ],
];

const text = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary' })), { maxLength: 60 });

// faultsOf fails the test when anything but a ConfigError is thrown; the timeout is the watch on hanging.
const options = { timeout: 60_000 };

test('any text is either a configuration or refused with a ConfigError', options, () => {
  fc.assert(
    fc.property(text, parts => void faultsOf(parts.join(''))),
    { numRuns: 1500 },
  );
});

test('so is any example with something cut out, put in or swapped', options, () => {
  const edits = fc.array(
    fc.record({ at: fc.nat(3000), cut: fc.nat(30), put: fc.constantFrom('', ...pieces) }),
    {
      minLength: 1,
      maxLength: 4,
    },
  );
  fc.assert(
    fc.property(fc.constantFrom(...examples), edits, (example, changes) => {
      let changed = example;
      for (const { at, cut, put } of changes) changed = changed.slice(0, at) + put + changed.slice(at + cut);
      faultsOf(changed);
    }),
    { numRuns: 500 },
  );
});

test('so is any value of any shape behind any key', options, () => {
  const keys = [...Object.keys(configSchema.shape), ...Object.keys(notImplemented)];
  const value = fc.object({
    key: fc.constantFrom('app', 'f', 'routes', 'match', 'limits', 'toString', '0'),
    maxDepth: 4,
  });
  fc.assert(
    fc.property(fc.constantFrom(...keys), fc.oneof(value, fc.jsonValue()), (key, any) => {
      faultsOf(stringify({ [key]: any }));
    }),
    { numRuns: 1000 },
  );
});

test('every fault stands inside the text', options, () => {
  fc.assert(
    fc.property(text, parts => {
      const lines = parts.join('').split('\n');
      for (const fault of faultsOf(parts.join(''))) {
        const [line, column] = fault.split(':').map(Number);
        if (Number.isNaN(line)) continue;
        assert.ok(line! >= 1 && line! <= lines.length, fault);
        assert.ok(column! >= 1, fault);
      }
    }),
    { numRuns: 500 },
  );
});

test('any JSON value reaches the filter unchanged', () => {
  const json = fc
    .jsonValue({ noUnicodeString: false })
    .filter(value => value !== null && typeof value !== 'string');
  const harmless = json.filter(value => !JSON.stringify(value).includes('"__proto__"'));
  fc.assert(
    fc.property(harmless, value => {
      // JSON is YAML.
      const config = load(around(`filters: {f: {module: package.json, config: ${JSON.stringify(value)}}}`));
      assert.deepEqual(
        JSON.parse(config.filters.get('f')!.config.toString()),
        JSON.parse(JSON.stringify(value)),
      );
    }),
  );
});
