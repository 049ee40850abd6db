import type { TestContext } from 'node:test';
import { loadConfigText } from '../../src/config/load.ts';
import type { ConfigInput } from '../../src/config/schema.ts';
import type { WeirConfig } from '../../src/config/types.ts';
import { type RunningWeir, startWeir } from '../../src/runtime/weir.ts';
import { MemoryLog } from './log.ts';
import type { TransportName } from './proxy.ts';

/** The repository: modules are named relative to it. */
export const ROOT = new URL('../../', import.meta.url).pathname;

type Filters = NonNullable<ConfigInput['filters']>;
export type FilterInput = Filters[string];
type Route = NonNullable<ConfigInput['listeners'][number]['routes']>[number];

export interface WeirOptions {
  readonly transport?: TransportName;
  /** By name, in the order of the chain. */
  readonly filters: Filters;
  /** In place of one route with all filters. Upstreams are `app`, then `app2` and so on, one per port. */
  readonly routes?: readonly Route[];
  /** In place of one with those routes: for TCP. */
  readonly listeners?: ConfigInput['listeners'];
  /** Ports on 127.0.0.1, or `echo`. */
  readonly upstreams?: readonly (number | 'echo')[];
  readonly timeouts?: ConfigInput['upstreams'][string]['timeouts'];
  readonly connections?: number;
  readonly upstreamMetadata?: ConfigInput['upstreams'][string]['metadata'];
  readonly maxHeaderSize?: string;
  readonly modules?: ConfigInput['modules'];
  readonly services?: ConfigInput['services'];
  /** Default: 1, everything in this thread. */
  readonly workers?: number;
}

function endpointOf(port: number | 'echo', tcp: boolean): string {
  if (port === 'echo') return tcp ? 'builtin:tcp-echo' : 'builtin:echo';
  return `${tcp ? 'tcp' : 'http'}://127.0.0.1:${port}`;
}

/** A configuration as a user would have it, through the same door. Its file would stand in the repository. */
export function weirConfig(options: WeirOptions): WeirConfig {
  const { transport = 'undici', filters, upstreams = ['echo'], timeouts } = options;
  const routes = options.routes ?? [{ upstream: 'app', filters: Object.keys(filters) }];
  const config: ConfigInput = {
    listeners: options.listeners ?? [{ address: '127.0.0.1:0', routes: [...routes] }],
    upstreams: Object.fromEntries(
      upstreams.map((port, i) => [
        i === 0 ? 'app' : `app${i + 1}`,
        {
          endpoints: [endpointOf(port, options.listeners !== undefined)],
          transport,
          ...(timeouts === undefined ? {} : { timeouts }),
          connections: options.connections ?? 256,
          metadata: options.upstreamMetadata,
        },
      ]),
    ),
    filters,
    services: options.services ?? [],
    workers: options.workers ?? 1,
    modules: options.modules ?? { cache: { directory: false } },
    server: { maxHeaderSize: options.maxHeaderSize ?? '512KiB' },
    shutdown: { drain: '0s' },
  };
  return loadConfigText(JSON.stringify(config), `${ROOT}weir-test.yaml`);
}

export interface TestWeir {
  readonly port: number;
  readonly url: string;
  readonly log: MemoryLog;
  readonly running: RunningWeir;
}

/** The whole of Weir on a free port, until the test ends. */
export async function startTestWeir(t: Pick<TestContext, 'after'>, options: WeirOptions): Promise<TestWeir> {
  const log = new MemoryLog();
  const running = await startWeir(weirConfig(options), log);
  t.after(() => running.close());
  const url = running.addresses[0]!.url;
  return { port: Number(new URL(url).port), url, log, running };
}
