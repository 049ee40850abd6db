import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ModuleReport } from '../../src/plugin/inspect.ts';
import { assemble } from '../support/guest-wat.ts';
import { repository, weir } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-inspect-'));
after(() => rmSync(folder, { recursive: true }));

const addHeader = 'filters/rust/add-header/add-header.wasm';

test('a filter, for a person', async () => {
  const { code, stdout, stderr } = await weir(['inspect', addHeader]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.match(stdout, /^add-header\.wasm: Proxy-Wasm ABI 0\.2\.1, Rust, [\d.]+ KiB\n/);
  assert.match(stdout, /^ {2}Each request +4 calls: proxy_on_context_create, proxy_on_request_headers,/m);
  assert.match(stdout, /^ {2}HTTP fields .*proxy_/m);
  assert.match(stdout, /^ {2}Memory .* at start.* limits\.memory \(16 MiB by default\)$/m);
  assert.match(
    stdout,
    /^ {2}Code +[\d.]+ KiB in \d+ functions, [\d.]+ KiB with Weir's checks; longest function [\d.]+ KiB$/m,
  );
  assert.match(stdout, /^ {2}Load +read [\d.]+ ms, rewrite [\d.]+ m?s, compile [\d.]+ ms \(once and cold/m);
  assert.match(stdout, /^ {2}Bodies +pass by: no byte of them enters the guest$/m);
  assert.doesNotMatch(stdout, /^Hint$/m);
  for (const line of stdout.split('\n')) assert.equal(line, line.trimEnd());
});

test('a filter, as JSON', async () => {
  const { code, stdout } = await weir(['inspect', addHeader, '--json']);
  assert.equal(code, 0);
  const report = JSON.parse(stdout) as ModuleReport;
  assert.equal(report.kind, 'core');
  assert.equal(report.abi, '0.2.1');
  assert.match(report.producers['processed-by'] ?? '', /^rustc/);
  assert.ok(report.callbacks.includes('proxy_on_request_headers'));
  assert.deepEqual(Object.keys(report.load!), ['readMillis', 'rewriteMillis', 'compileMillis']);
  assert.ok(Object.values(report.load!).every(time => Number.isFinite(time) && time >= 0));
  assert.deepEqual(Object.keys(report.code), ['size', 'functions', 'longest', 'rewritten']);
  assert.deepEqual([report.phases!.requestHeaders, report.phases!.requestBody], [true, false]);
  assert.ok(report.imports.every(({ status }) => status === 'implemented'));
});

test('modules in other languages', async () => {
  for (const module of [
    'go/cookie-to-header/cookie-to-header.wasm',
    'c/security-headers/security-headers.wasm',
  ]) {
    const { code, stdout } = await weir(['inspect', `${repository}filters/${module}`]);
    assert.equal(code, 0);
    assert.match(stdout, /Proxy-Wasm ABI 0\.[12]\.[01]/);
  }
});

test('bodies that go through a filter, and a filter that exports all that there is', async () => {
  const rewrite = await weir(['inspect', 'filters/rust/body-rewrite/body-rewrite.wasm']);
  assert.match(
    rewrite.stdout,
    /^ {2}Bodies +both ways, each piece goes through the filter, which may change/m,
  );
  assert.match(rewrite.stdout, /^ {2}Each piece of a body +proxy_on_request_body, proxy_on_response_body$/m);
  assert.doesNotMatch(rewrite.stdout, /^Hint$/m);
  const all = await weir(['inspect', 'test/fixtures/probe/probe.wasm']);
  assert.match(all.stdout, /^Hint\n +It exports every callback of a stream, [\s\S]*filters\/README\.md/m);
});

test('what the default limits make of a large module', async () => {
  const path = join(folder, 'large.wasm');
  writeFileSync(
    path,
    assemble(`(module (memory (export "memory") 512)
      (func (export "proxy_abi_version_0_2_1"))
      (func (export "proxy_on_tick") (param i32))
      (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (i32.const 0))
      (func ${'nop '.repeat(300 * 1024)}))`),
  );
  const { stdout } = await weir(['inspect', path]);
  const text = stdout.replaceAll(/\s+/g, ' ');
  assert.match(
    text,
    /Memory 32 MiB at start, .*: more than limits\.memory .* limits: \{memory: 32MiB\} or more/,
  );
  assert.match(
    text,
    /function 300\.0 KiB: more than limits\.functionSize .* limits: \{functionSize: 301KiB\}/,
  );
  assert.match(text, /Bodies of requests pass by; of responses each piece goes .* can't change it/);
  assert.match(stdout, /^ {2}On their own +proxy_on_tick$/m);
  for (const line of stdout.split('\n')) assert.ok(line.length <= 100, line);
});

const component = 'filters/rust/verify-token/verify-token.wasm';

test('a component, for a person', async () => {
  const { code, stdout, stderr } = await weir(['inspect', component]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.match(stdout, /^verify-token\.wasm: component, weir:filter\/http-request-headers 0\.1\.0, Rust, /);
  assert.match(stdout, /^ {2}At the start +plugin\.on-vm-start, plugin\.on-configure$/m);
  assert.match(stdout, /^ {2}Each request +4 calls: plugin\.create-http-context, http\.on-request-headers,/m);
  assert.match(stdout, /^ {2}At the end +plugin\.on-done, plugin\.on-log$/m);
  assert.match(stdout, /^ {2}Bodies +pass by: no byte of them enters the guest$/m);
  assert.match(stdout, /^ {2}Core modules .* with memory \(/m);
  assert.match(stdout, /^May call\n {2}weir:filter\/logging@0\.1\.0 +log$/m);
  assert.match(stdout, /^Has to be plugged in \(plugs\)\n {2}acme:auth\/verifier@0\.1\.0 .*check/m);
  for (const line of stdout.split('\n')) assert.equal(line, line.trimEnd());
});

test('a component that hears of more than its streams', async () => {
  const { stdout } = await weir(['inspect', 'test/component/fixtures/service-puppet/service-puppet.wasm']);
  assert.match(stdout, /^service-puppet\.wasm: component, weir:filter\/http 0\.1\.1, /);
  assert.match(
    stdout.replaceAll(/\s+/g, ' '),
    / Trailers http\.on-request-trailers, http\.on-response-trailers At the end .* On their own on-http-call-response, on-tick, on-grpc-initial-metadata, on-grpc-message, on-grpc-trailing-metadata, on-grpc-close, on-queue-ready, on-foreign-function May call /,
  );
  assert.match(stdout, /^ {2}weir:filter\/timers@0\.1\.1 +set-tick-period$/m);
  const unlessGranted = stdout.slice(stdout.indexOf('\nMay call, and finds nothing unless granted\n'));
  assert.match(unlessGranted, /^ {2}weir:filter\/grpc-calls@0\.1\.1 +capabilities\.upstreams: \[NAME\]$/m);
  assert.match(unlessGranted, /^ {2}weir:filter\/shared-data@0\.1\.1 +capabilities\.sharedData: true$/m);
  assert.doesNotMatch(stdout, /^Exports$/m);
});

test('a component, as JSON', async () => {
  const { stdout } = await weir(['inspect', component, '--json']);
  const report = JSON.parse(stdout) as ModuleReport;
  assert.equal(report.kind, 'component');
  assert.equal(report.component?.world?.kind, 'filter');
  assert.equal(report.refusal, '');
});

test('a component to plug in, and a handler of WASI HTTP', async () => {
  const plug = await weir(['inspect', 'filters/rust/static-verifier/static-verifier.wasm']);
  assert.match(plug.stdout, /^static-verifier\.wasm: component, to be plugged into a filter, Rust, /);
  assert.match(plug.stdout, /^Exports\n {2}acme:auth\/verifier@0\.1\.0 .*check/m);
  const handler = await weir(['inspect', 'filters/rust/http-greeter/http-greeter.wasm']);
  assert.match(handler.stdout, /^http-greeter\.wasm: component, WASI HTTP handler 0\.2\.\d+, Rust, /);
  assert.match(
    handler.stdout,
    /unless granted\n {2}wasi:http\/outgoing-handler@0\.2\.\d+ +capabilities\.upstreams/,
  );
});

test('a component that is neither filter nor plug: the reason', async () => {
  const path = join(folder, 'component.wasm');
  writeFileSync(path, Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0));
  const { code, stdout } = await weir(['inspect', path]);
  assert.equal(code, 0);
  assert.match(stdout, /^component\.wasm: component, not a filter, 8 B\n/);
  assert.match(stdout, /\nWeir does not run the component\n +the component is of another world/);
});

test('a module that is no filter is shown, too', async () => {
  const path = join(folder, 'empty.wasm');
  writeFileSync(path, Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const { code, stdout } = await weir(['inspect', path]);
  assert.equal(code, 0);
  assert.match(stdout, /^empty\.wasm: no Proxy-Wasm ABI: not a filter, 8 B\n/);
});

test('the core of a component is no filter yet', async () => {
  const path = join(folder, 'core.wasm');
  // (module (func (export "cabi_realloc")))
  const types = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0];
  const code = [...types, 7, 16, 1, 12, ...Buffer.from('cabi_realloc'), 0, 0, 10, 4, 1, 2, 0, 0x0b];
  writeFileSync(path, Uint8Array.from(code));
  const { stdout } = await weir(['inspect', path]);
  assert.match(stdout, /^core\.wasm: core of a component: not a filter, /);
});

test('a module that Weir can not keep within limits: the reason', async () => {
  const path = join(folder, 'gc.wasm');
  // (module (type (struct)) (func struct.new 0 drop))
  const code = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 2, 0x5f, 0, 0x60, 0, 0, 3, 2, 1, 1];
  writeFileSync(path, Uint8Array.from([...code, 10, 8, 1, 6, 0, 0xfb, 0, 0, 0x1a, 0x0b]));
  const { stdout } = await weir(['inspect', path]);
  assert.match(stdout, /\nWeir does not run the module\n.*struct\.new/);
});

test('a file that is no module, one line', async () => {
  const path = join(folder, 'text.wasm');
  writeFileSync(path, 'hello');
  const { code, stdout, stderr } = await weir(['inspect', path]);
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
  assert.match(stderr, /^.*text\.wasm: .+\n$/);
});

test('a file that is not there, or a directory', async () => {
  const missing = await weir(['inspect', join(folder, 'none.wasm')]);
  assert.deepEqual([missing.code, missing.stderr], [1, `${folder}/none.wasm: the file does not exist\n`]);
  const directory = await weir(['inspect', folder]);
  assert.deepEqual([directory.code, directory.stderr], [1, `${folder}: this is a directory\n`]);
});
