import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assemble } from '../support/guest-wat.ts';
import { repository, weir } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-check-'));
after(() => rmSync(folder, { recursive: true }));

const rest = `
listeners: [{address: "127.0.0.1:0", routes: [{upstream: app}]}]
upstreams: {app: {endpoints: ["builtin:echo"]}}
`;

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const addHeader = `${repository}filters/rust/add-header/add-header.wasm`;

const OK = 'ok: 1 listener, 1 route, 3 filters started';

test('a configuration that is fine: what its filters cost', async () => {
  const { code, stdout, stderr } = await weir(['check', 'config/weir.yaml']);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.at(-1), OK);
  assert.match(lines[0]!, /^filter +kind +code +memory +called with +start +a request$/);
  assert.match(
    lines[2]!,
    /^add-header +module +[\d.]+ KiB +[\d.]+ [KM]iB of 16 MiB +headers both ways +[\d.]+ m?s +[\d.]+ [µm]s$/,
  );
  assert.match(lines[3]!, /^security-headers .* response headers /);
  for (const line of lines) assert.ok(line.length <= 100 && line === line.trimEnd(), line);
});

test('without a dry run, and without filters', async () => {
  const { stdout } = await weir(['check', '--no-dry-run', 'config/weir.yaml']);
  const lines = stdout.trimEnd().split('\n');
  assert.match(lines[1]!, /^cookie-to-header .* -$/);
  assert.deepEqual(lines.slice(4), ['', OK]);
  const minimal = await weir(['check', 'config/minimal.yaml']);
  assert.equal(minimal.stdout, 'ok: 1 listener, 1 route, 0 filters started\n');
});

test('a configuration that is fine, as JSON', async () => {
  const { code, stdout } = await weir(['check', '--json', 'config/rewrite.yaml']);
  const { ok, faults, filters } = JSON.parse(stdout);
  assert.deepEqual({ code, ok, faults }, { code: 0, ok: true, faults: [] });
  assert.equal(filters.length, 1);
  const [{ name, kind, phases, bufferedBody, dryRun }] = filters;
  assert.deepEqual(
    [name, kind, phases.responseBody, bufferedBody],
    ['redact', 'module', true, 4 * 1024 ** 2],
  );
  assert.equal(dryRun.kind, 'passes');
  assert.ok(Number.isFinite(dryRun.medianMicros) && dryRun.medianMicros >= 0);
});

test('what filters do in a dry run is told, and no fault', async () => {
  const head = '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)';
  const guest = (name: string, body: string) =>
    file(
      name,
      assemble(`(module
        (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "panicked at line 1")
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 0))
        ${body})`),
    );
  guest('traps.wasm', `${head} (drop (call $log (i32.const 4) (i32.const 0) (i32.const 18))) unreachable)`);
  guest(
    'pauses.wasm',
    `${head} (drop (call $log (i32.const 4) (i32.const 0) (i32.const 18))) (i32.const 1))`,
  );
  guest('grows.wasm', `${head} (drop (memory.grow (i32.const 51))) (i32.const 0))`);
  const path = file(
    'dry.yaml',
    `filters:
  traps: {module: traps.wasm}
  open: {module: traps.wasm, onFailure: open, vmId: a}
  pauses: {module: pauses.wasm}
  grows: {module: grows.wasm, isolation: request}
  shared: {module: grows.wasm}
  jwt: {module: ${repository}filters/rust/jwt/jwt.wasm, config: {secret: a-secret-of-at-least-thirty-two-bytes}}${rest}`,
  );
  const { code, stdout, stderr } = await weir(['check', path]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const [, notes] = stdout.split('\n\n');
  assert.deepEqual(notes!.split('\n'), [
    '  traps   dry run: fails: proxy_on_request_headers: trap: unreachable',
    '  traps   it logged: panicked at line 1',
    '  open    dry run: fails: proxy_on_request_headers: trap: unreachable',
    '  open    it logged: panicked at line 1',
    '  pauses  dry run: pauses the request, and nothing resumes it',
    '  grows   memory is of one VM: each request has one (isolation: request)',
    '  shared  dry run: its memory grew to limits.memory, and may be at its end',
    '  jwt     dry run: answers itself (401), which is what was timed',
  ]);
  assert.match(stdout, /\nok: 1 listener, 1 route, 6 filters started\n$/);
});

test('faults, as JSON', async () => {
  const wrong = await weir([
    'check',
    '--json',
    file('json.yaml', `filters: {f: {module: none.wasm}}${rest}`),
  ]);
  assert.equal(wrong.code, 1);
  const { ok, faults, filters } = JSON.parse(wrong.stdout);
  assert.deepEqual([ok, filters, faults.length, faults[0].code], [false, [], 1, 'CONFIG_INVALID']);
  assert.match(faults[0].message, /json\.yaml:1:23: filters\.f\.module: /);
  const refused = file('refused.yaml', `filters: {f: {module: ${addHeader}, config: {nonsense: 1}}}${rest}`);
  const started = await weir(['check', '--json', refused]);
  assert.deepEqual([started.code, started.stderr], [1, '']);
  assert.equal(JSON.parse(started.stdout).faults[0].code, 'PLUGIN_CONFIGURE_FAILED');
});

test('every fault of a configuration, one per line, on stderr', async () => {
  const path = file(
    'wrong.yaml',
    `workers: 1.5\nlog: {level: warning}\nfilters: {f: {module: none.wasm}}${rest}`,
  );
  const { code, stdout, stderr } = await weir(['check', path]);
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
  assert.deepEqual(stderr.split('\n'), [
    `${path}:1:10: workers: expected auto or a whole number, got the number 1.5 (auto, or a whole number from 1 to 255)`,
    `${path}:2:14: log.level: "warning" is not a choice (did you mean warn? trace, debug, info, warn, error or fatal)`,
    `${path}:3:23: filters.f.module: ${folder}/none.wasm does not exist (a path to a .wasm file, relative to this file)`,
    '',
  ]);
});

test('every filter that does not start, with its place', async () => {
  file('text.wasm', 'hello');
  file('cut.wasm', readFileSync(addHeader).subarray(0, 5000));
  // (module)
  file('empty.wasm', Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  file('component.wasm', Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0));
  const path = file(
    'filters.yaml',
    `filters:
  text: {module: text.wasm}
  cut: {module: cut.wasm}
  empty: {module: empty.wasm}
  component: {module: component.wasm}
  hash: {module: ${addHeader}, sha256: "${'0'.repeat(64)}"}
  refuses: {module: ${addHeader}, config: {nonsense: 1}}
  fine: {module: ${addHeader}, config: {header: x-a}}${rest}`,
  );
  const { code, stdout, stderr } = await weir(['check', path]);
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
  const lines = stderr.trimEnd().split('\n');
  const names = ['text', 'cut', 'empty', 'component', 'hash', 'refuses'];
  assert.equal(lines.length, names.length, stderr);
  names.forEach((name, index) => {
    const start = `${path}:${index + 2}:3: filters.${name}: `;
    assert.equal(lines[index]?.slice(0, start.length), start);
    assert.ok(lines[index].length > start.length + 10, lines[index]);
  });
});

const verifyToken = `${repository}filters/rust/verify-token/verify-token.wasm`;
const verifier = `${repository}filters/rust/static-verifier/static-verifier.wasm`;

test('components that do not fit together, with the place of the filter', async () => {
  const path = file(
    'components.yaml',
    `filters:
  alone: {module: ${verifyToken}}
  plug: {module: ${verifier}}
  useless: {module: ${verifyToken}, plugs: [${verifier}, ${repository}filters/rust/http-greeter/http-greeter.wasm]}
  module: {module: ${addHeader}, plugs: [${verifier}]}${rest}`,
  );
  const { code, stderr } = await weir(['check', path]);
  assert.equal(code, 1);
  const lines = stderr.trimEnd().split('\n');
  const expected: readonly [string, RegExp][] = [
    ['2:3: filters.alone', /imports what Weir does not have: acme:auth\/verifier@0\.1\.0 \(.*plugs\)$/],
    ['3:3: filters.plug', /of another world: it exports acme:auth\/verifier@0\.1\.0/],
    [
      '4:3: filters.useless',
      /http-greeter\.wasm exports nothing that is imported: .* \(remove it from plugs\)$/,
    ],
    ['5:3: filters.module', /plugs/],
  ];
  assert.equal(lines.length, expected.length, stderr);
  for (const [index, [place, message]] of expected.entries()) {
    const line = lines[index] ?? '';
    assert.ok(line.startsWith(`${path}:${place}: `), line);
    assert.match(line, message);
  }
});

test('a filter that traps at the start: what it has logged', async () => {
  const message = 'panicked at \u001b[31mline 1';
  file(
    'panics.wasm',
    assemble(`(module
      (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "${message.replace('\u001b', '\\1b')}")
      (func (export "proxy_abi_version_0_2_1"))
      (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 0))
      (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $log (i32.const 4) (i32.const 0) (i32.const ${message.length})))
        (drop (call $log (i32.const 2) (i32.const 0) (i32.const 8)))
        unreachable))`),
  );
  const path = file('panics.yaml', `filters: {f: {module: panics.wasm}}${rest}`);
  const { code, stderr } = await weir(['check', path]);
  assert.equal(code, 1);
  assert.deepEqual(stderr.split('\n'), [
    `${path}:1:11: filters.f: proxy_on_configure: trap: unreachable`,
    '    it logged: panicked at  [31mline 1',
    '',
  ]);
});

test('a file that does not exist', async () => {
  const { code, stderr } = await weir(['check', join(folder, 'none.yaml')]);
  assert.equal(code, 1);
  assert.match(stderr, /none\.yaml: the file does not exist/);
});
