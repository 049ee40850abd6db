import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { JCO_VERSION } from '../../src/component/artefact.ts';
import { type CompiledComponent, compileComponent } from '../../src/component/compile.ts';
import { sha256 } from '../../src/engine/compile.ts';
import { DiskCache } from '../../src/engine/disk-cache.ts';
import { LIMITS } from '../support/guest.ts';
import { GuestLog } from '../support/guest-log.ts';

const file = (name: string): Promise<Buffer> => readFile(new URL(`../../filters/${name}`, import.meta.url));
const ADD_HEADER = 'rust/add-header-component/add-header-component.wasm';
const VERIFY = 'rust/verify-token/verify-token.wasm';
const VERIFIER = 'rust/static-verifier/static-verifier.wasm';

interface Given {
  readonly memory?: number;
  readonly plugs?: readonly string[];
  readonly disk?: DiskCache | undefined;
}

async function compiled(name: string, given: Given = {}): Promise<CompiledComponent> {
  const bytes = await file(name);
  const hash = sha256(bytes);
  const plugs = await Promise.all(
    (given.plugs ?? []).map(async plug => ({ name: plug, bytes: await file(plug) })),
  );
  const limits = { ...LIMITS, memory: given.memory ?? LIMITS.memory };
  return compileComponent({ bytes, hash, limits, plugs, key: hash }, given.disk);
}

async function folder(t: TestContext): Promise<{ directory: string; disk: DiskCache; log: GuestLog }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'weir-component-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const log = new GuestLog();
  const disk = await DiskCache.open(directory, log);
  assert.ok(disk !== undefined);
  return { directory, disk, log };
}

test('artefacts are named after the version of jco that is installed', async () => {
  const entry = createRequire(import.meta.url).resolve('@bytecodealliance/jco');
  const { version } = JSON.parse(await readFile(path.join(path.dirname(entry), '../package.json'), 'utf8'));
  assert.equal(JCO_VERSION, version);
  // No other may come in its place: what it writes is patched and kept under that name.
  const own = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  assert.equal(own.dependencies['@bytecodealliance/jco'], JCO_VERSION);
});

test('a component is transpiled once: the next process takes it from disk', async t => {
  const { directory, disk, log } = await folder(t);
  const first = await compiled(ADD_HEADER, { disk });
  const names = await readdir(directory);
  assert.ok(names.some(name => name.includes(`.jco${JCO_VERSION}-sync`)));
  const again = await compiled(ADD_HEADER, { disk });
  assert.ok(again.parts[0]!.glue.fromCode, 'V8 took its code from the cache too');
  assert.deepEqual([...again.parts[0]!.cores.keys()], [...first.parts[0]!.cores.keys()]);
  assert.equal(again.size, first.size);
  assert.deepEqual(await readdir(directory), names);
  assert.deepEqual(log.texts, []);
});

test('an artefact that is not good is made again', async t => {
  const { directory, disk, log } = await folder(t);
  await compiled(ADD_HEADER, { disk });
  const { writeFile } = await import('node:fs/promises');
  for (const name of await readdir(directory)) {
    const bytes = await readFile(path.join(directory, name));
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(path.join(directory, name), bytes);
  }
  const again = await compiled(ADD_HEADER, { disk });
  assert.equal(again.parts.length, 1);
  assert.ok(log.texts.every(text => text.startsWith('warn')) && log.texts.length > 0);
});

test('a composition: those plugged in come first, and its memory limit is for all of it', async () => {
  const memory = 4 * 1024 * 1024;
  const alone = await compiled(VERIFIER).catch(error => error as Error);
  assert.match((alone as Error).message, /of another world: it exports acme:auth\/verifier/);
  const { parts, world } = await compiled(VERIFY, { memory, plugs: [VERIFIER] });
  assert.equal(world.kind, 'filter');
  assert.deepEqual(
    parts.map(part => part.links.map(link => `${link.import} from ${link.part} ${link.export}`)),
    [[], ['acme:auth/verifier from 0 acme:auth/verifier@0.1.0']],
  );
  const maxima = parts.flatMap(part =>
    [...part.cores.values()].flatMap(core => core.facts.memories.map(m => m.maximum * 65_536)),
  );
  assert.equal(maxima.length, 2);
  assert.ok(maxima[0]! + maxima[1]! <= memory && maxima[0]! + maxima[1]! > memory - 4 * 65_536);
});

test('a core module is nothing to plug in, and a text even less', async () => {
  await assert.rejects(compiled(VERIFY, { plugs: ['rust/add-header/add-header.wasm'] }), {
    code: 'MODULE_UNSUPPORTED',
    message: 'plug rust/add-header/add-header.wasm: this is a core module, where a component was expected',
  });
  await assert.rejects(compiled(VERIFY, { plugs: ['README.md'] }), {
    code: 'MODULE_NOT_WASM',
    message: /^plug README\.md: the file is not WebAssembly/,
  });
});

test('what starts with more memory than its limit is refused', async () => {
  await assert.rejects(compiled(ADD_HEADER, { memory: 65_536 }), {
    code: 'MODULE_LIMIT',
    message: /^the component starts with \d+ bytes of memory, limits\.memory is 65536 \(raise it\)$/,
  });
});

test('many components at once, some of them broken', async () => {
  const good = await file(ADD_HEADER);
  const bad = Buffer.from(good);
  // Inside the core module: its types are fine, so jco finds it.
  bad.fill(0xff, 2000, 2100);
  const tries = [good, bad, good, bad].map((bytes, i) => {
    const hash = sha256(bytes);
    return compileComponent({ bytes, hash, limits: LIMITS, plugs: [], key: `${hash}${i}` }, undefined);
  });
  const results = await Promise.allSettled(tries);
  assert.deepEqual(
    results.map(result => result.status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected'],
  );
  for (const result of results) {
    if (result.status === 'fulfilled') continue;
    assert.match(String(result.reason), /^ModuleError: [^\n]+$/);
  }
});
