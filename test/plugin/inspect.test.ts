import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { inspectModule } from '../../src/plugin/inspect.ts';
import { fromWat } from '../component/build.ts';
import { assemble } from '../support/guest-wat.ts';
import { SHIPPED, type ShippedName } from '../support/shipped.ts';
import { ROOT } from '../support/weir.ts';

const file = (path: string) => readFileSync(`${ROOT}${path}`);

function assertTime(value: number): void {
  assert.ok(Number.isFinite(value) && value >= 0, String(value));
}

test('code of a module, and what its callbacks say of the phases', async () => {
  const { code, phases, load } = await inspectModule(
    assemble(`(module
      (import "env" "proxy_set_buffer_bytes" (func (param i32 i32 i32 i32 i32) (result i32)))
      (func (export "proxy_abi_version_0_2_1"))
      (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (i32.const 0))
      (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (loop nop) (i32.const 0)))`),
  );
  // Three lengths and the count, then bodies of 2, 4 and 8 bytes.
  assert.deepEqual({ ...code, rewritten: 0 }, { size: 18, functions: 3, longest: 8, rewritten: 0 });
  assert.ok(code.rewritten! > code.size);
  assert.deepEqual(phases, {
    requestHeaders: true,
    requestBody: false,
    requestTrailers: false,
    responseHeaders: false,
    responseBody: true,
    responseTrailers: false,
    end: false,
    changesBodies: true,
  });
  assertTime(load!.rewriteMillis);
  assertTime(load!.compileMillis);
});

test('every shipped filter has code that grows with the checks by less than a third', async () => {
  for (const name of Object.keys(SHIPPED) as ShippedName[]) {
    const { code, load } = await inspectModule(file(SHIPPED[name]));
    assert.ok(code.size > code.longest && code.functions > 0, name);
    assert.ok(code.rewritten! > code.size && code.rewritten! < code.size * 1.33, name);
    assertTime(load!.compileMillis);
  }
});

test('a component: the code of its core modules, and the phases of its interface', async () => {
  const { code, phases, load } = await inspectModule(file('filters/rust/verify-token/verify-token.wasm'));
  assert.ok(code.size > 1000 && code.rewritten! > code.size);
  assert.deepEqual(
    [phases!.requestHeaders, phases!.requestBody, phases!.responseHeaders],
    [true, false, false],
  );
  assertTime(load!.rewriteMillis);
  const handler = await inspectModule(file('filters/rust/http-greeter/http-greeter.wasm'));
  assert.equal(handler.phases, null);
});

test('without code, without an ABI', async () => {
  const { code, phases } = await inspectModule(assemble('(module)'));
  assert.deepEqual([code, phases], [{ size: 0, functions: 0, longest: 0, rewritten: 0 }, null]);
});

test('what Weir does not run has no times', async () => {
  // (module (type (struct)) (func struct.new 0 drop))
  const struct = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 2, 0x5f, 0, 0x60, 0, 0, 3, 2, 1, 1];
  const module = Uint8Array.from([...struct, 10, 8, 1, 6, 0, 0xfb, 0, 0, 0x1a, 0x0b]);
  const { code, load, refusal } = await inspectModule(module);
  assert.deepEqual([code, load], [{ size: 8, functions: 1, longest: 6, rewritten: null }, null]);
  assert.match(refusal, /struct\.new/);
  const component = await inspectModule(await fromWat('(component (core module))'));
  assert.equal(component.code.functions, 0);
});
