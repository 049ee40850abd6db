import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { PluginChain } from '../../src/chain/chain.ts';
import { sha256 } from '../../src/engine/compile.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { compileFilter } from '../../src/plugin/compile.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import { LIMITS, pluginOptions } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';
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
