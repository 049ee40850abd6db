import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { identify } from '../../../src/engine/identify.ts';
import { rewrite } from '../../../src/engine/rewrite/index.ts';
import { ModuleError } from '../../../src/errors.ts';
import { generateModule } from './generate.ts';
import { mutate } from './mutate.ts';
import { choicesOf } from './random.ts';
import { LIMITS } from './run.ts';

const SECONDS = Number(process.env['WEIR_FUZZ_SECONDS'] ?? 20);
const SEED = Number(process.env['WEIR_FUZZ_SEED'] ?? Date.now() % 2 ** 32);
/** Longer ones take too long each. */
const LONGEST = 100_000;

const root = resolve(import.meta.dirname, '../../..');
const real = ['filters/*/*/*.wasm', 'test/fixtures/**/*.wasm']
  .flatMap(pattern => globSync(pattern, { cwd: root }))
  .map(path => new Uint8Array(readFileSync(resolve(root, path))))
  .filter(bytes => bytes.length < LONGEST);

/** What became of one input: `refused`, `valid` or `invalid` (V8 is to refuse it). */
function judge(bytes: Uint8Array<ArrayBuffer>): string {
  const before = bytes.slice();
  const valid = WebAssembly.validate(bytes);
  let rewritten: Uint8Array<ArrayBuffer>;
  try {
    identify(bytes);
    rewritten = rewrite(bytes, LIMITS).bytes as Uint8Array<ArrayBuffer>;
  } catch (error) {
    assert.ok(error instanceof ModuleError, `not a ModuleError: ${String((error as Error).stack)}`);
    const stated = error.code === 'MODULE_UNSUPPORTED' || error.code === 'MODULE_LIMIT';
    assert.ok(!valid || stated, `a valid module was refused: ${error.message}`);
    return 'refused';
  } finally {
    assert.equal(Buffer.compare(bytes, before), 0, 'the input was changed');
  }
  // Not only the other way: what we append must make nothing valid.
  assert.equal(
    WebAssembly.validate(rewritten),
    valid,
    valid ? 'broken by rewriting' : 'repaired by rewriting',
  );
  return valid ? 'valid' : 'invalid';
}

test('whatever the bytes, they are refused or stay as valid as they were', t => {
  t.diagnostic(`WEIR_FUZZ_SEED=${SEED}`);
  const choices = choicesOf(SEED);
  const counts = new Map<string, number>();
  const end = performance.now() + SECONDS * 1000;
  let slowest = 0;
  let round = 0;
  let start = new Uint8Array();
  while (performance.now() < end) {
    if (round++ % 16 === 0)
      start = choices.pick(3) === 0 ? real[choices.pick(real.length)]! : generateModule(choices);
    let bytes = start.slice();
    for (let n = 1 + choices.pick(3); n > 0; n--)
      bytes = mutate(bytes, choices, real[choices.pick(real.length)]!).slice();
    const began = performance.now();
    let outcome: string;
    try {
      outcome = judge(bytes);
    } catch (error) {
      const path = join(tmpdir(), `weir-fuzz-${SEED}.wasm`);
      writeFileSync(path, bytes);
      throw new Error(`seed ${SEED}, input kept in ${path}: ${String(error)}`, { cause: error });
    }
    slowest = Math.max(slowest, performance.now() - began);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  t.diagnostic(`${JSON.stringify(Object.fromEntries(counts))}, slowest ${slowest.toFixed(0)} ms`);
  for (const outcome of ['refused', 'valid', 'invalid'])
    assert.ok((counts.get(outcome) ?? 0) > 0, `no input was ${outcome}`);
  assert.ok(slowest < 2000, `one took ${slowest} ms`);
});
