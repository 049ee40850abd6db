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

test('a configuration that is fine', async () => {
  const { code, stdout, stderr } = await weir(['check', 'config/weir.yaml']);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.equal(stdout, 'ok: 1 listener, 1 route, 3 filters started\n');
});

test('every fault of a configuration, one per line, on stderr', async () => {
  const path = file(
    'wrong.yaml',
    `workers: 2\nlog: {level: warning}\nfilters: {f: {module: none.wasm}}${rest}`,
  );
  const { code, stdout, stderr } = await weir(['check', path]);
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
  assert.deepEqual(stderr.split('\n'), [
    `${path}:1:1: workers: worker threads: not implemented yet (remove this key)`,
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
