import { readFile } from 'node:fs/promises';
import { PluginChain } from '../../src/chain/chain.ts';
import { sha256 } from '../../src/engine/compile.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { type CompiledFilter, compileFilter } from '../../src/plugin/compile.ts';
import { type RegisteredPlugin, VmRegistry } from '../../src/plugin/registry.ts';
import type { Services } from '../../src/plugin/services.ts';
import { LIMITS, type OptionOverrides, pluginOptions } from '../support/guest.ts';
import { GuestLog } from '../support/guest-log.ts';

const compiled = new Map<string, Promise<CompiledFilter>>();

/** A component under test/component/fixtures or filters, compiled once. */
export function compiledFile(path: string, memory = LIMITS.memory): Promise<CompiledFilter> {
  const key = `${memory} ${path}`;
  let filter = compiled.get(key);
  if (filter === undefined) {
    filter = readFile(new URL(path, import.meta.url)).then(bytes => {
      const hash = sha256(bytes);
      return compileFilter(
        { bytes, hash, limits: { ...LIMITS, memory }, plugs: [], key: `${hash}-${memory}` },
        undefined,
      );
    });
    compiled.set(key, filter);
  }
  return filter;
}

/** How wit-bindgen prints the cases of an error enum. */
const RUST_ERROR = /(?:Service)?Error \{ code: \d, name: "([^"]+)", message: "[^"]*" \}/g;

export const PUPPET = 'fixtures/puppet/puppet.wasm';
/** One that calls and hears of what lies beyond its streams. */
export const SERVICE_PUPPET = 'fixtures/service-puppet/service-puppet.wasm';

/** The two ways into a component: straight to its core module, or through jco's glue. */
export const ROADS = [
  { road: 'straight', straight: true },
  { road: 'through the glue', straight: false },
] as const;

export interface Started {
  readonly plugin: RegisteredPlugin;
  readonly chain: PluginChain;
  readonly log: GuestLog;
  readonly registry: VmRegistry;
  /** What the guest logged since the last call, without levels. */
  said(): string[];
}

/** The puppet, started with a script: a line `callback operation arguments…` for each step. */
export async function puppet(
  script: readonly string[],
  {
    straight,
    file = PUPPET,
    services,
    ...options
  }: OptionOverrides & {
    readonly straight: boolean;
    readonly file?: string;
    readonly services?: Services;
  },
): Promise<Started> {
  const log = new GuestLog('info');
  const registry = new VmRegistry({
    log,
    interrupter: await Interrupter.ofThread(),
    straight,
    ...(services && { services }),
  });
  const config = Buffer.from(script.join('\n'));
  const plugin = registry.start(
    await compiledFile(file, options.limits?.memory),
    pluginOptions({ config, ...options }),
  );
  const said = () => log.lines.splice(0).map(line => line.message.replaceAll(RUST_ERROR, '$1'));
  return { plugin, chain: new PluginChain([plugin], log), log, registry, said };
}
