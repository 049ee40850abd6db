import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const src = resolve(import.meta.dirname, '../src');

/** What each folder of src may import from, besides itself. `.` is src's own files. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  log: [],
  histogram: [],
  message: [],
  config: ['errors', 'log'],
  engine: ['errors', 'log'],
  abi: ['engine', 'message', 'errors', 'config'],
  wasi: ['abi', 'engine', 'message', 'errors'],
  component: ['wasi', 'abi', 'engine', 'message', 'errors', 'log', 'config'],
  plugin: ['component', 'wasi', 'abi', 'engine', 'message', 'histogram', 'errors', 'log', 'config'],
  chain: ['plugin', 'abi', 'message', 'errors', 'log'],
  proxy: ['chain', 'message', 'histogram', 'errors', 'log', 'config'],
  runtime: ['proxy', 'chain', 'plugin', 'abi', 'engine', 'message', 'histogram', 'errors', 'log', 'config'],
  adapter: ['runtime', 'proxy', 'chain', 'message', 'errors', 'log', 'config'],
  bench: ['runtime', 'proxy', 'message', 'config', 'errors', 'log'],
  cli: ['bench', 'runtime', 'plugin', 'config', 'errors', 'log'],
  index: ['adapter', 'runtime', 'plugin', 'chain', 'config', 'errors', 'log'],
  main: ['cli'],
};

/** The layer a file belongs to: its folder under src, or its own name. */
function layer(file: string): string {
  return relative(src, file).split('/')[0]!.replace(/\.ts$/, '');
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(f => f.endsWith('.ts'));

/** Module specifiers that a source file imports or re-exports, statically or dynamically. */
function imports(text: string): string[] {
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(m => m[1]!);
}

test('imports go down only', () => {
  const wrong: string[] = [];
  for (const file of files) {
    const path = join(src, file);
    const from = layer(path);
    for (const specifier of imports(readFileSync(path, 'utf8'))) {
      if (!specifier.startsWith('.')) continue;
      const to = layer(resolve(dirname(path), specifier));
      if (to !== from && !ALLOWED[from]?.includes(to)) wrong.push(`${file} imports ${specifier}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('below the proxy, of the configuration only its types are known', () => {
  const wrong = files.filter(file => {
    if (!['abi', 'plugin'].includes(layer(join(src, file)))) return false;
    const text = readFileSync(join(src, file), 'utf8');
    return (
      imports(text).some(s => /\/config\/(?!types\.ts$)/.test(s)) ||
      /import \{[^}]*\} from '[^']*config\/types/.test(text)
    );
  });
  assert.deepEqual(wrong, []);
});

test('below the proxy nothing knows of node:http', () => {
  const below = ['message', 'engine', 'abi', 'wasi', 'plugin', 'chain'];
  const wrong = files.filter(file => {
    if (!below.includes(layer(join(src, file)))) return false;
    return imports(readFileSync(join(src, file), 'utf8')).some(s => /^(node:)?(http|https|net)$/.test(s));
  });
  assert.deepEqual(wrong, []);
});

/** Files that are loaded with `file`: what it imports statically, types aside, and so on. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  for (const [, what, specifier] of text.matchAll(/^(?:import|export) ([^;]*?)\bfrom '(\.[^']+)'/gm)) {
    if (!what!.startsWith('type ')) loadedWith(resolve(dirname(file), specifier!), seen);
  }
  return seen;
}

test('components cost nothing where there are none: nothing of theirs is loaded, jco least of all', () => {
  for (const entry of ['runtime/serving-thread.ts', 'index.ts']) {
    const loaded = [...loadedWith(join(src, entry))].map(file => relative(src, file));
    assert.ok(loaded.includes('plugin/registry.ts'), entry);
    assert.deepEqual(
      loaded.filter(file => /^component\/|^plugin\/component-/.test(file)),
      [],
    );
  }
  const users = files.filter(file =>
    readFileSync(join(src, file), 'utf8').includes("'@bytecodealliance/jco'"),
  );
  assert.deepEqual(users, ['component/transpile-thread.ts']);
});

test('gRPC costs nothing where no filter calls it: the library is loaded with the first call', () => {
  const loaders = files.filter(file =>
    /^import (?!type )[^;]*from '@grpc\//m.test(readFileSync(join(src, file), 'utf8')),
  );
  assert.deepEqual(loaders, []);
});
