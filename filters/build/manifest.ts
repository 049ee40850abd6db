/** filters/manifest.json: which sources each committed binary was built from. */

import { createHash } from 'node:crypto';
import { existsSync, globSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { binaryOf, FILTERS, type Filter, idOf } from './filters.ts';

interface Entry {
  /** SHA-256 over the names and contents of all source files. */
  readonly sources: string;
  /** SHA-256 of the binary. */
  readonly wasm: string;
  readonly bytes: number;
  /** What built it: another version may build other bytes from the same sources. */
  readonly toolchain: string;
}

type Manifest = Record<string, Entry>;

const REMEDY = 'npm run filters:build --';

/** A binary that isn't committed has no hash to be checked against. */
export function isCommitted(filter: Filter): boolean {
  return filter.component?.committed ?? true;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function isSource(path: string): boolean {
  return !/\.(wasm|md)$|(^|\/)(target|node_modules)(\/|$)/.test(path);
}

function sourceFiles(root: string, filter: Filter): readonly string[] {
  const files = filter.sources.flatMap(source => {
    if (statSync(join(root, source)).isFile()) return [source];
    const names = readdirSync(join(root, source), { recursive: true, encoding: 'utf8' });
    return names.map(name => `${source}/${name.replaceAll('\\', '/')}`);
  });
  return files.filter(path => isSource(path) && statSync(join(root, path)).isFile()).sort();
}

export function hashSources(root: string, filter: Filter): string {
  const hash = createHash('sha256');
  for (const path of sourceFiles(root, filter)) {
    hash.update(`${path}\0${sha256(readFileSync(join(root, path)))}\n`);
  }
  return hash.digest('hex');
}

function manifestFile(root: string): string {
  return join(root, 'manifest.json');
}

function read(root: string): Manifest {
  if (!existsSync(manifestFile(root))) return {};
  return JSON.parse(readFileSync(manifestFile(root), 'utf8')) as Manifest;
}

/** Notes down what was just built. */
export function record(root: string, filter: Filter, toolchain: string): void {
  if (!isCommitted(filter)) return;
  const wasm = readFileSync(join(root, binaryOf(filter)));
  const entry = { sources: hashSources(root, filter), wasm: sha256(wasm), bytes: wasm.length, toolchain };
  const all: Manifest = { ...read(root), [idOf(filter)]: entry };
  const known = FILTERS.filter(isCommitted).map(idOf).sort();
  const sorted = known.flatMap(id => (all[id] === undefined ? [] : [[id, all[id]] as const]));
  writeFileSync(manifestFile(root), `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
}

/** What differs between the manifest and the files, with the remedy; nothing when all is well. */
export function* differences(root: string, filters: readonly Filter[]): Generator<string> {
  const manifest = read(root);
  for (const filter of filters.filter(isCommitted)) {
    const id = idOf(filter);
    const entry = manifest[id];
    const binary = join(root, binaryOf(filter));
    const rebuild = `build it: ${REMEDY} ${id}`;
    if (entry === undefined) {
      yield `${id}: it is not in filters/manifest.json; ${rebuild}`;
    } else if (!existsSync(binary)) {
      yield `${id}: filters/${binaryOf(filter)} is missing; ${rebuild}`;
    } else {
      if (hashSources(root, filter) !== entry.sources) {
        yield `${id}: its sources are not those the binary was built from; ${rebuild}`;
      }
      if (sha256(readFileSync(binary)) !== entry.wasm) {
        yield `${id}: filters/${binaryOf(filter)} is not the binary of filters/manifest.json; get both from git, or ${rebuild}`;
      }
    }
  }
  if (filters.length < FILTERS.length) return;
  const expected = new Set(FILTERS.map(binaryOf));
  for (const path of globSync('*/*/*.wasm', { cwd: root })) {
    if (!expected.has(path))
      yield `filters/${path}: no filter of filters/build/filters.ts builds it; remove it`;
  }
  for (const id of Object.keys(manifest)) {
    if (!FILTERS.some(filter => isCommitted(filter) && idOf(filter) === id)) {
      yield `${id}: it is in filters/manifest.json but in no list; ${REMEDY.slice(0, -3)} writes it anew`;
    }
  }
}
