import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { PluginChain } from '../../src/chain/chain.ts';
import { sha256 } from '../../src/engine/compile.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { compileFilter } from '../../src/plugin/compile.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import { LIMITS, pluginOptions } from '../support/guest.ts';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';
import { GuestLog } from '../support/guest-log.ts';

/** Committed forms of add-header, all with garbage to collect or memory to free after each stream. */
const FORMS = [
  'rust/add-header/add-header.wasm',
  'rust/add-header-component/add-header-component.wasm',
  'c/add-header-component/add-header-component.wasm',
  'assemblyscript/add-header-component/add-header-component.wasm',
  'go/add-header-component/add-header-component.wasm',
  'javascript/add-header/add-header.wasm',
];
const CONFIG = Buffer.from(
  JSON.stringify({ request: { set: { 'x-a': 'b' } }, response: { add: { 'x-c': 'd' } } }),
);

/** What isolation: request uses again: memory that start, configuration and a stream did not make larger. */
const STEADY: readonly (readonly [file: string, config: object, kib: number])[] = [
  ['rust/add-header/add-header.wasm', { response: { add: { 'x-c': 'd' } } }, 192],
  ['rust/jwt/jwt.wasm', { secret: 'a-secret-of-at-least-thirty-two-bytes' }, 192],
  ['rust/body-rewrite/body-rewrite.wasm', { request: [{ pattern: 'card=\\d+', replacement: 'x' }] }, 768],
  ['cpp/basic-auth/basic-auth.wasm', { users: { anna: `sha256:7f3a9c51d20b46e8:${'0'.repeat(64)}` } }, 128],
  ['c/security-headers/security-headers.wasm', {}, 128],
  ['assemblyscript/ab-test/ab-test.wasm', { variants: { a: 1, b: 1 } }, 64],
];

for (const [file, config, kib] of STEADY) {
  test(`${file} gets by with the ${kib} KiB that it begins with`, async () => {
    const bytes = await readFile(new URL(`../../filters/${file}`, import.meta.url));
    const hash = sha256(bytes);
    const log = new GuestLog('warn');
    const compiled = await compileFilter({ bytes, hash, limits: LIMITS, plugs: [], key: hash }, undefined);
    const registry = new VmRegistry({ log, interrupter: await Interrupter.ofThread() });
    const limits = { bufferedBody: 1 << 20 };
    const plugin = registry.start(
      compiled,
      pluginOptions({ config: Buffer.from(JSON.stringify(config)), limits }),
    );
    const exchange = new FakeExchange(['content-type', 'text/plain', 'authorization', 'Bearer a.b.c']);
    new Drive(new PluginChain([plugin], log), exchange)
      .headers()
      .data('card=1234'.repeat(1000), true)
      .finish();
    assert.equal(plugin.vms()[0]!.memorySize, kib * 1024);
    assert.deepEqual(log.texts, []);
    plugin.close();
  });
}

for (const form of FORMS) {
  test(`${form} frees what its streams took`, async () => {
    const bytes = await readFile(new URL(`../../filters/${form}`, import.meta.url));
    const hash = sha256(bytes);
    const log = new GuestLog('warn');
    const compiled = await compileFilter({ bytes, hash, limits: LIMITS, plugs: [], key: hash }, undefined);
    const registry = new VmRegistry({ log, interrupter: await Interrupter.ofThread() });
    const plugin = registry.start(compiled, pluginOptions({ config: CONFIG }));
    const chain = new PluginChain([plugin], log);
    const after = (streams: number): number => {
      for (let i = 0; i < streams; i++) {
        const drive = new Drive(chain).headers(true).responseHeaders(200, [], true).finish();
        assert.equal(drive.exchange.response?.get('x-c'), 'd');
      }
      return plugin.vms()[0]!.memorySize;
    };
    const warm = after(2000);
    assert.equal(after(4000), warm);
    assert.deepEqual(log.texts, []);
    plugin.close();
  });
}
