import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { PluginChain } from '../../src/chain/chain.ts';
import { compile, sha256 } from '../../src/engine/compile.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { ModuleError, WeirError } from '../../src/errors.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import { mutate } from '../engine/rewrite/mutate.ts';
import { choicesOf } from '../engine/rewrite/random.ts';
import { pluginOptions, settle } from '../support/guest.ts';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';
import { GuestLog } from '../support/guest-log.ts';

const SECONDS = Number(process.env['WEIR_FUZZ_SECONDS'] ?? 10);
const SEED = Number(process.env['WEIR_FUZZ_SEED'] ?? Date.now() % 2 ** 32);

const root = resolve(import.meta.dirname, '../..');
const filters = [
  'filters/{c,cpp,assemblyscript,rust}/*/*.wasm',
  'test/fixtures/**/*.wasm',
  'test/hostile/guests/host-*.wasm',
]
  .flatMap(pattern => globSync(pattern, { cwd: root }))
  .map(path => new Uint8Array(readFileSync(resolve(root, path))))
  .filter(bytes => bytes.length < 50_000);

/** Loads the module, starts it and runs a stream through it. What became of it: how far it came. */
async function run(bytes: Uint8Array, interrupter: Interrupter): Promise<string> {
  const log = new GuestLog('error');
  const registry = new VmRegistry({ log, interrupter });
  const limits = { memory: 4 * 1024 * 1024, callTime: 5, startTime: 20, logLines: 100 };
  const options = pluginOptions({ limits, config: Buffer.from('{"header":"x-a"}') });
  try {
    const plugin = registry.start(await compile(bytes, sha256(bytes), options.limits), options);
    const drive = new Drive(new PluginChain([plugin], log), new FakeExchange(['X-Case', 'Value']));
    drive.whole();
    await settle();
    drive.stream.finish();
    plugin.close();
    return plugin.counters.traps + plugin.counters.interruptions > 0 ? 'died' : 'ran';
  } catch (error) {
    assert.ok(error instanceof WeirError, `not an error of ours: ${String((error as Error).stack)}`);
    return error instanceof ModuleError ? 'refused' : 'did not start';
  } finally {
    const faults = registry.states.get(options.name)?.counters.hostFaults ?? 0;
    assert.equal(faults, 0, log.texts.join('\n'));
  }
}

test('a filter with bytes changed is refused, or bounded: no fault of ours, no exception, no hang', async t => {
  t.diagnostic(`WEIR_FUZZ_SEED=${SEED}`);
  const interrupter = await Interrupter.ofThread();
  const choices = choicesOf(SEED);
  const counts = new Map<string, number>();
  const end = performance.now() + SECONDS * 1000;
  while (performance.now() < end) {
    let bytes = new Uint8Array(filters[choices.pick(filters.length)]!);
    // One byte, mostly: what is changed more is seldom WebAssembly any more.
    if (choices.pick(8) === 0) bytes = mutate(bytes, choices, filters[choices.pick(filters.length)]!).slice();
    else bytes[8 + choices.pick(bytes.length - 8)] = choices.pick(256);
    // The fuzz test of the rewriter has the others.
    if (!WebAssembly.validate(bytes)) continue;
    try {
      const outcome = await run(bytes, interrupter);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    } catch (error) {
      const path = join(tmpdir(), `weir-fuzz-${SEED}.wasm`);
      writeFileSync(path, bytes);
      throw new Error(`seed ${SEED}, input kept in ${path}: ${String(error)}`, { cause: error });
    }
  }
  t.diagnostic(JSON.stringify(Object.fromEntries(counts)));
  assert.ok((counts.get('ran') ?? 0) > 0 && (counts.get('died') ?? 0) > 0, 'both happen');
});
