import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { transpile } from '@bytecodealliance/jco';
import { ASYNC_IMPORTS, ungranted, type WaitMode, wasiImports } from '../../../src/component/wasi/index.ts';
import { InstanceClosed, WouldWait } from '../../../src/component/wasi/trap.ts';
import type { Capabilities } from '../../../src/config/types.ts';
import { linkOut, tree } from './filesystem-rig.ts';
import { Exit, host, nothing } from './host.ts';

const fixture = join(import.meta.dirname, '../fixtures/wasi-probe/wasi-probe.wasm');

interface Transpiled {
  readonly wanted: readonly string[];
  readonly cores: ReadonlyMap<string, WebAssembly.Module>;
  readonly instantiate: (
    core: (path: string) => WebAssembly.Module,
    imports: Record<string, object>,
    start?: (module: WebAssembly.Module, imports: WebAssembly.Imports) => WebAssembly.Instance,
  ) => { run: { run(): void | Promise<void> } };
}

const transpiled = new Map<WaitMode, Transpiled>();

before(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'weir-probe-'));
  const options = { name: 'probe', wasiShim: false, base64Cutoff: 0, noTypescript: true } as const;
  for (const mode of ['sync', 'jspi'] as const) {
    const jspi = { asyncMode: 'jspi', asyncImports: [...ASYNC_IMPORTS], asyncExports: ['wasi:cli/run#run'] };
    const made = await transpile(readFileSync(fixture), {
      ...options,
      instantiation: 'sync',
      ...(mode === 'jspi' && jspi),
    } as Parameters<typeof transpile>[1]);
    const files = new Map([...(Array.isArray(made.files) ? made.files : Object.entries(made.files))] as [
      string,
      Uint8Array,
    ][]);
    const [, source] = [...files].find(([name]) => name.endsWith('.js'))!;
    const path = join(directory, `${mode}.mjs`);
    writeFileSync(path, source);
    const { instantiate } = await import(pathToFileURL(path).href);
    const cores = new Map<string, WebAssembly.Module>();
    for (const [name, bytes] of files) {
      if (name.endsWith('.wasm')) cores.set(basename(name), new WebAssembly.Module(bytes as BufferSource));
    }
    transpiled.set(mode, { instantiate, cores, wanted: made.imports });
  }
  rmSync(directory, { recursive: true });
});

const std: Capabilities = { ...nothing, clocks: ['monotonic', 'wall'], random: true };

/** One run of the probe: what it wrote to stdout, or what it threw. */
function probe(t: TestContext, mode: WaitMode, action: string, grants: Partial<Capabilities> = {}) {
  const told = host();
  const { instantiate, cores, wanted } = transpiled.get(mode)!;
  const env = { DO: action };
  const wasi = wasiImports(wanted, { env, grants: { ...std, ...grants }, mode }, told);
  t.after(wasi.close);
  const { run } = instantiate(name => cores.get(name)!, wasi.imports);
  const answer = () => told.stdout.join('');
  const call = mode === 'sync' ? () => run.run() : () => wasi.instance.guard(run.run());
  return { run: call, answer, told, close: wasi.close };
}

/** Runs it without waiting. */
function now(t: TestContext, action: string, grants: Partial<Capabilities> = {}): string {
  const { run, answer } = probe(t, 'sync', action, grants);
  run();
  return answer();
}

async function later(t: TestContext, action: string, grants: Partial<Capabilities> = {}): Promise<string> {
  const { run, answer } = probe(t, 'jspi', action, grants);
  await run();
  return answer();
}

test('a component of the standard library needs both clocks and randomness', () => {
  assert.deepEqual(
    ungranted(transpiled.get('sync')!.wanted, nothing).map(needed => needed.import),
    ['wasi:clocks/monotonic-clock', 'wasi:clocks/wall-clock', 'wasi:random/insecure-seed'],
  );
});

test('environment, stdin, stderr, clocks, randomness, exit', t => {
  assert.equal(now(t, 'env'), 'ok DO=env args 0');
  assert.equal(now(t, 'stdin'), 'ok ');
  const { run, told } = probe(t, 'sync', 'stderr oops');
  run();
  assert.deepEqual(told.stderr, ['oops']);
  assert.ok(Math.abs(Number(now(t, 'wall').slice(3)) - Date.now() / 1e3) < 5);
  assert.equal(now(t, 'random'), 'ok one');
  assert.throws(() => now(t, 'exit 3'), new Exit(1));
  assert.throws(() => now(t, 'exit 0'), new Exit(0));
});

test('sync: sleeping is a trap that says why; jspi: it sleeps', async t => {
  assert.throws(() => now(t, 'sleep 1000'), WouldWait);
  assert.equal(await later(t, 'sleep 20'), 'ok true');
});

test('jspi: the end of the instance ends its sleep', { timeout: 5000 }, async t => {
  const { run, close } = probe(t, 'jspi', 'sleep 100000');
  const running = Promise.resolve(run());
  setTimeout(close, 20);
  await assert.rejects(running, InstanceClosed);
});

test('jspi: instances sleep side by side', async t => {
  const before = Date.now();
  await Promise.all(Array.from({ length: 10 }, () => later(t, 'sleep 100')));
  assert.ok(Date.now() - before < 900);
});

test('without a grant there are no files', t => {
  for (const path of ['/etc/passwd', 'etc/passwd', '.', '/', '../etc/passwd', '/proc/self/environ']) {
    assert.match(now(t, `read ${path}`), /^(?:NotFound|PermissionDenied|Uncategorized|Unsupported|Other)$/);
  }
});

for (const mode of ['sync', 'jspi'] as const) {
  const run = mode === 'sync' ? now : later;

  test(`${mode}: files of a read-only directory`, async t => {
    const { root } = tree(t);
    linkOut(root);
    const grants = { directories: [{ host: root, guest: '/data', access: 'read' as const }] };
    const act = async (action: string) => run(t, action, grants);
    assert.equal(await act('read /data/secret.txt'), 'ok inside');
    assert.equal(await act('size /data/dir/file.txt'), 'ok 4');
    assert.equal(await act('list /data/dir'), 'ok file.txt,sub');
    assert.equal(await act('read /data/dir/../secret.txt'), 'ok inside');
    for (const path of [
      '../outside/secret.txt',
      'sibling/secret.txt',
      'absolute-file',
      'parent/outside/secret.txt',
    ]) {
      assert.equal(await act(`read /data/${path}`), 'PermissionDenied', path);
    }
    assert.equal(await act('read /data/nothing'), 'NotFound');
    for (const action of ['write /data/secret.txt', 'append /data/secret.txt', 'create /data/new']) {
      assert.equal(await act(action), 'ReadOnlyFilesystem', action);
    }
    for (const action of ['mkdir /data/new', 'remove /data/secret.txt', 'rename /data/secret.txt']) {
      assert.equal(await act(action), 'ReadOnlyFilesystem', action);
    }
  });

  test(`${mode}: files of a writable directory`, async t => {
    const { root } = tree(t);
    linkOut(root);
    const grants = { directories: [{ host: root, guest: '/data', access: 'write' as const }] };
    const act = async (action: string) => run(t, action, grants);
    assert.equal(await act('write /data/new.txt'), 'ok hEllo');
    assert.equal(await act('append /data/new.txt'), 'ok hEllo+');
    assert.equal(readFileSync(join(root, 'new.txt'), 'utf8'), 'hEllo+');
    assert.equal(await act('rename /data/new.txt'), 'ok ');
    assert.equal(await act('remove /data/new.txt.new'), 'ok ');
    assert.equal(await act('mkdir /data/made'), 'ok ');
    assert.equal(await act('list /data/made'), 'ok ');
    assert.equal(await act('write /data/sibling/new.txt'), 'PermissionDenied');
  });
}

test('jspi: a connection to a granted name; none to another port or name', async t => {
  const server = createServer(socket => socket.once('data', data => socket.end(`${data} pong`)));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const act = (action: string, host: string, granted = port) =>
    later(t, action, { tcp: [{ host, port: granted }] });
  assert.equal(await act(`tcp 127.0.0.1:${port}`, '127.0.0.1'), 'ok ping pong');
  assert.equal(await act(`tcp localhost:${port}`, 'localhost'), 'ok ping pong');
  assert.equal(await act(`tcp 127.0.0.1:${port}`, '127.0.0.1', 1), 'PermissionDenied');
  assert.equal(await act(`tcp 127.0.0.1:${port}`, 'localhost'), 'PermissionDenied');
  assert.match(await act(`tcp localhost:${port}`, '127.0.0.1'), /^(?:PermissionDenied|Uncategorized|Other)$/);
});
