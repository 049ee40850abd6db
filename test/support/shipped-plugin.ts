import { readFile } from 'node:fs/promises';
import { PluginChain } from '../../src/chain/chain.ts';
import { sha256 } from '../../src/engine/compile.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import type { RawFields } from '../../src/message/fields.ts';
import { NO_CAPABILITIES } from '../../src/plugin/capabilities.ts';
import { compileFilter } from '../../src/plugin/compile.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import type { Services } from '../../src/plugin/services.ts';
import { LIMITS, type OptionOverrides, pluginOptions } from './guest.ts';
import { Drive, FakeExchange } from './guest-exchange.ts';
import { GuestLog } from './guest-log.ts';
import { SHIPPED, type ShippedName } from './shipped.ts';
import { ROOT } from './weir.ts';

/** A shipped filter in a VM of its own, on the services that a test has; granted what it needs. */
export async function startShipped(
  name: ShippedName,
  services: Services,
  config: object,
  options: Omit<OptionOverrides, 'config'> = {},
) {
  const bytes = await readFile(ROOT + SHIPPED[name]);
  const hash = sha256(bytes);
  const log = new GuestLog('info');
  const compiled = await compileFilter({ bytes, hash, limits: LIMITS, plugs: [], key: hash }, undefined);
  const registry = new VmRegistry({ log, interrupter: await Interrupter.ofThread(), services });
  const capabilities = { ...NO_CAPABILITIES, sharedData: true, upstreams: ['collector'] };
  const overrides = { name, capabilities, ...options, config: Buffer.from(JSON.stringify(config)) };
  const plugin = registry.start(compiled, pluginOptions(overrides));
  const chain = new PluginChain([plugin], log);
  /** A request without a body and its response; what the client got stands in `response`. */
  const exchange = (raw: RawFields = [], status = 200): FakeExchange => {
    const drive = new Drive(chain, new FakeExchange(raw)).headers(true);
    if (drive.events.includes('> headers end')) drive.responseHeaders(status, [], true);
    return drive.finish().exchange;
  };
  return { plugin, chain, log, exchange };
}
