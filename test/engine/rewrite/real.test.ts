import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bytesOf,
  original,
  pluginOptions,
  rewritten,
  SHIPPED,
  type Shipped,
} from '../../../loadtest/engine/shipped.ts';
import type { HostcallTable } from '../../../src/abi/guest.ts';
import { PluginChain } from '../../../src/chain/chain.ts';
import type { CompiledModule } from '../../../src/engine/compile.ts';
import { Interrupter } from '../../../src/engine/interrupt/interrupter.ts';
import type { RawFields } from '../../../src/message/fields.ts';
import type { ModuleVm } from '../../../src/plugin/module-vm.ts';
import { VmRegistry } from '../../../src/plugin/registry.ts';
import { WASI_PREVIEW1 } from '../../../src/wasi/index.ts';
import { settle } from '../../support/guest.ts';
import { Drive, FakeExchange } from '../../support/guest-exchange.ts';
import { GuestLog } from '../../support/guest-log.ts';

/** What filters do by chance is the same for both. */
const WASI: HostcallTable = {
  ...WASI_PREVIEW1,
  random_get: guest => (ptr: number, size: number) => {
    guest.memory.write(ptr, Buffer.alloc(size, 7));
    return 0;
  },
};

/** All that can be seen of a filter: what passes it both ways, what it logs, and how much memory it takes. */
async function behaviour(compiled: CompiledModule, filter: Shipped): Promise<object> {
  const log = new GuestLog();
  const interrupter = await Interrupter.ofThread();
  const plugin = new VmRegistry({ log, interrupter, wasi: WASI }).start(compiled, pluginOptions(filter));
  const chain = new PluginChain([plugin], log);
  const requests: RawFields[] = [filter.request, [], ['x-served-by', 'somebody', 'cookie', 'ab=nobody']];
  const seen: unknown[] = [];
  for (const request of requests) {
    const exchange = new FakeExchange([...request], 'POST', '/path?query=1');
    const drive = new Drive(chain, exchange);
    drive.headers().data(filter.requestBody ?? 'body', true);
    if (exchange.failure === undefined && exchange.response === undefined) {
      drive.responseHeaders(200, ['server', 'app', 'content-type', 'text/plain']);
      drive.responseData(filter.responseBody ?? 'answer', true);
    }
    await settle();
    drive.stream.finish();
    seen.push([exchange.events, exchange.requestHeaders.pairs(), exchange.response?.pairs()]);
  }
  const memory = (plugin.vms()[0] as ModuleVm).memory.size;
  plugin.close();
  // How long callbacks take is chance.
  const { times: _, ...counters } = plugin.counters;
  return { seen, log: log.texts, memory, counters };
}

for (const filter of SHIPPED) {
  test(`${filter.name} does the same before and after rewriting`, async () => {
    const bytes = new Uint8Array(await bytesOf(filter));
    const after = await rewritten(bytes);
    const before = await original(bytes, after.facts);
    assert.deepEqual(await behaviour(after, filter), await behaviour(before, filter));
  });
}
