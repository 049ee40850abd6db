import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { identify } from '../../../src/engine/identify.ts';
import { rewrite } from '../../../src/engine/rewrite/index.ts';
import { generateModule } from './generate.ts';
import { choicesFrom } from './random.ts';
import { guest, LIMITS } from './run.ts';

const root = resolve(import.meta.dirname, '../../..');
const real = ['filters/**/*.wasm', 'test/fixtures/**/*.wasm'].flatMap(pattern =>
  globSync(pattern, {
    cwd: root,
    exclude: path => path.includes('target') || path.includes('node_modules'),
  }).filter(path => identify(readFileSync(resolve(root, path))) === 'core'),
);

test('every module in the repository is valid once rewritten', () => {
  assert.ok(real.length >= 10);
  for (const path of real) {
    const { bytes } = rewrite(readFileSync(resolve(root, path)), LIMITS);
    assert.ok(WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>), path);
  }
});

const ARGUMENTS = [
  [0, 0n],
  [1, -1n],
  [-7, 123456789012n],
  [30000, 3n],
] as const;

/** What a module does, all of it that can be seen: results, traps, globals and memory after each call. */
function behaviour(exports: Record<string, unknown>): unknown[] {
  const run = exports['run'] as (a: number, b: bigint) => number;
  const memory = exports['memory'] as WebAssembly.Memory;
  return ARGUMENTS.flatMap(([a, b]) => {
    let result: unknown;
    try {
      result = run(a, b);
    } catch (error) {
      result = error instanceof WebAssembly.Exception ? 'an exception' : String(error);
    }
    const hash = createHash('sha1').update(new Uint8Array(memory.buffer)).digest('hex');
    const globals = ['a', 'b'].map(name => String((exports[name] as WebAssembly.Global).value));
    return [result, memory.buffer.byteLength, hash, ...globals];
  });
}

test('a rewritten module does what it did', () => {
  let traps = 0;
  let calls = 0;
  const entropy = fc.uint8Array({ minLength: 1500, maxLength: 4000, size: 'max' });
  fc.assert(
    fc.property(entropy, bytes => {
      const module = generateModule(choicesFrom(bytes));
      assert.ok(WebAssembly.validate(module), 'the generator made an invalid module');
      const before = behaviour(new WebAssembly.Instance(new WebAssembly.Module(module)).exports);
      const after = behaviour(guest(module).exports);
      assert.deepEqual(after, before);
      calls += ARGUMENTS.length;
      traps += before.filter(value => String(value).startsWith('RuntimeError')).length;
    }),
    { numRuns: Number(process.env['WEIR_PROPERTY_RUNS'] ?? 300) },
  );
  assert.ok(traps < calls * 0.9, `${traps} of ${calls} calls trapped: the generator is of no use`);
});
