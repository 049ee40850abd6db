import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  grantsText,
  limited,
  ungranted,
  WASI_INTERFACES,
  type WasiOptions,
  wasiImports,
} from '../../../src/component/wasi/index.ts';
import type { InputStream, OutputStream, Pollable, WaitMode } from '../../../src/component/wasi/io/index.ts';
import { poll } from '../../../src/component/wasi/io/index.ts';
import { InstanceClosed, WasiTrap, WouldWait } from '../../../src/component/wasi/trap.ts';
import { Exit, host, nothing } from './host.ts';

const everything = [...WASI_INTERFACES];
const all = { ...nothing, clocks: ['monotonic', 'wall'], random: true } as const;

/** What jco's glue destructures, with what these tests call. */
interface Imports {
  readonly 'wasi:cli/environment': {
    getEnvironment(): [string, string][];
    getArguments(): string[];
    initialCwd(): string | undefined;
  };
  readonly 'wasi:cli/exit': { exit(status: { tag: string }): never; exitWithCode(status: number): never };
  readonly 'wasi:cli/stdin': { getStdin(): InputStream };
  readonly 'wasi:cli/stdout': { getStdout(): OutputStream };
  readonly 'wasi:cli/stderr': { getStderr(): OutputStream };
  readonly 'wasi:cli/terminal-stdout': { getTerminalStdout(): undefined };
  readonly 'wasi:clocks/monotonic-clock': {
    now(): bigint;
    resolution(): bigint;
    subscribeInstant(when: bigint): Pollable;
    subscribeDuration(duration: bigint): Pollable;
  };
  readonly 'wasi:clocks/wall-clock': {
    now(): { seconds: bigint; nanoseconds: number };
    resolution(): { seconds: bigint; nanoseconds: number };
  };
  readonly 'wasi:random/random': { getRandomBytes(len: bigint): Uint8Array; getRandomU64(): bigint };
  readonly 'wasi:random/insecure': { getInsecureRandomBytes(len: bigint): Uint8Array };
  readonly 'wasi:random/insecure-seed': { insecureSeed(): [bigint, bigint] };
  readonly 'wasi:filesystem/preopens': { getDirectories(): unknown[] };
}

function wasi(options: Partial<WasiOptions> = {}) {
  const told = host();
  const made = wasiImports(everything, { env: {}, grants: all, mode: 'sync', ...options }, told);
  return { ...made, told, imports: made.imports as unknown as Imports };
}

const clock = (mode: WaitMode) => {
  const made = wasi({ mode });
  return { ...made, clock: made.imports['wasi:clocks/monotonic-clock'] };
};

test('only what is wanted, known and granted is built', () => {
  const built = (wanted: string[], grants = nothing) =>
    Object.keys(wasiImports(wanted, { env: {}, grants, mode: 'sync' }, host()).imports);
  assert.deepEqual(built([]), []);
  assert.deepEqual(built(['wasi:cli/exit', 'wasi:io/poll']), ['wasi:cli/exit', 'wasi:io/poll']);
  assert.deepEqual(
    built(['wasi:http/types', 'weir:filter/host', 'wasi:cli/run', 'constructor', '__proto__']),
    [],
  );
  const ungrantedNow = everything.filter(name => !built(everything).includes(name));
  assert.deepEqual(ungrantedNow, [
    'wasi:clocks/monotonic-clock',
    'wasi:clocks/wall-clock',
    'wasi:random/insecure',
    'wasi:random/insecure-seed',
    'wasi:random/random',
  ]);
  assert.deepEqual(built(everything, all).sort(), everything.toSorted());
});

test('imports that need a grant to link, with the line that grants it', () => {
  assert.deepEqual(ungranted(everything, nothing), [
    { import: 'wasi:clocks/monotonic-clock', grant: 'capabilities.clocks: [monotonic]' },
    { import: 'wasi:clocks/wall-clock', grant: 'capabilities.clocks: [wall]' },
    { import: 'wasi:random/insecure', grant: 'capabilities.random: true' },
    { import: 'wasi:random/insecure-seed', grant: 'capabilities.random: true' },
    { import: 'wasi:random/random', grant: 'capabilities.random: true' },
  ]);
  assert.equal(
    grantsText(ungranted(everything, nothing)),
    'capabilities: {clocks: [monotonic, wall], random: true}',
  );
  assert.deepEqual(ungranted(everything, all), []);
  assert.deepEqual(ungranted(['wasi:clocks/wall-clock'], { ...nothing, clocks: ['monotonic'] }).length, 1);
});

test('imports that reach nothing without a grant', () => {
  const wanted = [...everything, 'wasi:http/outgoing-handler'];
  assert.deepEqual(
    limited(wanted, nothing).map(needed => needed.import),
    ['wasi:filesystem/preopens', 'wasi:sockets/tcp-create-socket', 'wasi:http/outgoing-handler'],
  );
  const grants = {
    ...nothing,
    directories: [{ host: '/tmp', guest: '/data', access: 'read' as const }],
    tcp: [{ host: 'db', port: 1 }],
    upstreams: ['a'],
  };
  assert.deepEqual(limited(wanted, grants), []);
});

test("the environment is the given one, and nothing of the process's", () => {
  const { imports } = wasi({ env: { MODE: 'prod', EMPTY: '' } });
  const environment = imports['wasi:cli/environment'];
  assert.deepEqual(environment.getEnvironment(), [
    ['MODE', 'prod'],
    ['EMPTY', ''],
  ]);
  assert.deepEqual(environment.getArguments(), []);
  assert.equal(environment.initialCwd(), undefined);
  assert.deepEqual(imports['wasi:filesystem/preopens'].getDirectories(), []);
});

test("exit is the host's", () => {
  const { imports, instance } = wasi();
  const { exit, exitWithCode } = imports['wasi:cli/exit'];
  assert.equal(instance.failure, undefined);
  assert.throws(() => exit({ tag: 'ok' }), new Exit(0));
  assert.throws(() => exit({ tag: 'err' }), new Exit(1));
  assert.throws(() => exitWithCode(7), new Exit(7));
  // Though the guest may catch what is thrown, it has exited.
  assert.deepEqual(instance.failure, new Exit(0));
});

test('stdin is at its end; stdout and stderr go to the host, in bounded pieces', () => {
  const { imports, told } = wasi();
  assert.throws(() => imports['wasi:cli/stdin'].getStdin().read(1n), { tag: 'closed' });
  using out = imports['wasi:cli/stdout'].getStdout();
  using err = imports['wasi:cli/stderr'].getStderr();
  out.blockingWriteAndFlush(Buffer.from('hello'));
  err.checkWrite();
  err.write(Buffer.from('oops'));
  assert.deepEqual([told.stdout, told.stderr], [['hello'], ['oops']]);
  assert.equal(out.checkWrite(), 65536n);
  assert.equal(imports['wasi:cli/terminal-stdout'].getTerminalStdout(), undefined);
});

test('clocks tell the time', () => {
  const { imports } = wasi();
  const monotonic = imports['wasi:clocks/monotonic-clock'];
  const before = monotonic.now();
  assert.ok(monotonic.now() >= before);
  assert.equal(monotonic.resolution(), 1n);
  const wall = imports['wasi:clocks/wall-clock'];
  const { seconds, nanoseconds } = wall.now();
  assert.ok(Math.abs(Number(seconds) + nanoseconds / 1e9 - Date.now() / 1e3) < 1);
  assert.deepEqual(wall.resolution(), { seconds: 0n, nanoseconds: 1000 });
});

test('sync: a clock is asked without waiting', async () => {
  const { clock: monotonic } = clock('sync');
  const pollable = monotonic.subscribeDuration(5_000_000n);
  assert.equal(pollable.ready(), false);
  assert.throws(() => pollable.block(), WouldWait);
  await new Promise(resolve => setTimeout(resolve, 10));
  assert.equal(pollable.ready(), true);
  assert.equal(pollable.block(), undefined);
  assert.equal(monotonic.subscribeInstant(0n).ready(), true);
  assert.equal(monotonic.subscribeInstant(2n ** 64n - 1n).ready(), false);
  assert.equal(monotonic.subscribeDuration(2n ** 64n - 1n).ready(), false);
});

test('jspi: a clock is waited for', async () => {
  const { clock: monotonic, instance } = clock('jspi');
  const before = monotonic.now();
  await monotonic.subscribeDuration(20_000_000n).block();
  assert.ok(monotonic.now() - before >= 20_000_000n);
  const [late, early] = [monotonic.subscribeDuration(10n ** 18n), monotonic.subscribeDuration(1_000_000n)];
  assert.deepEqual(await poll(instance, [late, early]), Uint32Array.of(1));
});

test('timers end with their pollable or the instance', async () => {
  const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length;
  const { clock: monotonic, close } = clock('jspi');
  const before = timers();
  const waits = [1, 2, 3].map(() => monotonic.subscribeDuration(10n ** 12n)).map(each => each.block());
  close();
  for (const wait of waits) await assert.rejects(wait as Promise<undefined>, InstanceClosed);
  assert.equal(timers(), before);
  assert.throws(() => monotonic.subscribeDuration(1n), InstanceClosed);
});

test('randomness, in bounded amounts', () => {
  const { imports } = wasi();
  const { getRandomBytes, getRandomU64 } = imports['wasi:random/random'];
  assert.equal(getRandomBytes(0n).length, 0);
  assert.equal(getRandomBytes(65536n).length, 65536);
  assert.notDeepEqual(getRandomBytes(16n), getRandomBytes(16n));
  assert.notEqual(getRandomU64(), getRandomU64());
  assert.equal(imports['wasi:random/insecure-seed'].insecureSeed().length, 2);
  for (const len of [65537n, 2n ** 64n - 1n]) {
    assert.throws(() => getRandomBytes(len), WasiTrap);
    assert.throws(() => imports['wasi:random/insecure'].getInsecureRandomBytes(len), /at most 65536/);
  }
});
