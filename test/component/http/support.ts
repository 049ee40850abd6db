import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { PluginChain } from '../../../src/chain/chain.ts';
import { sha256 } from '../../../src/engine/compile.ts';
import { Interrupter } from '../../../src/engine/interrupt/interrupter.ts';
import { NO_CAPABILITIES } from '../../../src/plugin/capabilities.ts';
import { type CompiledComponentFilter, compileFilter } from '../../../src/plugin/compile.ts';
import { NO_SERVICES } from '../../../src/plugin/no-services.ts';
import { PluginState } from '../../../src/plugin/state.ts';
import type { Plugin } from '../../../src/plugin/types.ts';
import type { Upstreams } from '../../../src/plugin/upstreams.ts';
import { WasiHttpPlugin } from '../../../src/plugin/wasi-http-plugin.ts';
import { LIMITS, type OptionOverrides, pluginOptions } from '../../support/guest.ts';
import { MemoryLog } from '../../support/log.ts';
import { startProxy, type TestProxy, type TestRoute, type TransportName } from '../../support/proxy.ts';

export const GREETER = new URL('../../../filters/rust/http-greeter/http-greeter.wasm', import.meta.url);
export const CASES = new URL('../fixtures/http-cases/http-cases.wasm', import.meta.url);

const interrupter = await Interrupter.ofThread();
const compiled = new Map<string, Promise<CompiledComponentFilter>>();

/** A component as the engine makes it, once per file. */
export function component(file: URL): Promise<CompiledComponentFilter> {
  const { href } = file;
  let made = compiled.get(href);
  if (made === undefined) {
    const bytes = readFileSync(file);
    const source = { bytes, hash: sha256(bytes), limits: LIMITS, plugs: [], key: href };
    made = compileFilter(source, undefined) as Promise<CompiledComponentFilter>;
    compiled.set(href, made);
  }
  return made;
}

/** What tests grant unless they say otherwise. */
export const GRANTS = {
  ...NO_CAPABILITIES,
  clocks: ['monotonic', 'wall'] as const,
  random: true,
};

export interface HttpFilter {
  readonly plugin: WasiHttpPlugin;
  readonly state: PluginState;
  readonly log: MemoryLog;
}

/** A `wasi:http` filter, started. */
export async function httpFilter(
  file: URL = CASES,
  overrides: OptionOverrides = {},
  upstreams?: Upstreams,
): Promise<HttpFilter> {
  const log = new MemoryLog();
  const { limits, ...rest } = overrides;
  const options = pluginOptions({
    name: 'handler',
    capabilities: GRANTS,
    limits: { bufferedBody: 256 * 1024, ...limits },
    ...rest,
  });
  const state = new PluginState(options, log, NO_SERVICES);
  const plugin = new WasiHttpPlugin(await component(file), options, state, interrupter, upstreams);
  plugin.start();
  return { plugin, state, log };
}

export interface HttpRig extends HttpFilter {
  readonly proxy: TestProxy;
  readonly port: number;
}

/** A proxy whose chain is `before`, the filter, `behind`; what it starts ends with the test. */
export async function rig(
  t: TestContext,
  route: Omit<TestRoute, 'chain'>,
  options: OptionOverrides & {
    readonly file?: URL;
    readonly transport?: TransportName;
    readonly before?: readonly Plugin[];
    readonly behind?: readonly Plugin[];
    readonly upstreams?: Upstreams;
  } = {},
): Promise<HttpRig> {
  const { file, transport = 'undici', before = [], behind = [], upstreams, ...overrides } = options;
  const filter = await httpFilter(file, overrides, upstreams);
  const chain = new PluginChain([...before, filter.plugin, ...behind], filter.log);
  const proxy = await startProxy(transport, { ...route, chain });
  t.after(async () => {
    await proxy.close();
    filter.plugin.close();
  });
  return { ...filter, proxy, port: proxy.port };
}
