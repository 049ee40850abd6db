import type { ChainSource, FilterChain } from '../../src/chain/types.ts';
import type { RouteConfig, RouteMatch, ServerLimits, UpstreamConfig } from '../../src/config/types.ts';
import { ReverseProxy } from '../../src/proxy/proxy.ts';
import { startUpstreams } from '../../src/proxy/upstream.ts';
import { EMPTY_CHAIN } from './chain.ts';
import { MemoryLog } from './log.ts';

/** Both lanes to an upstream: HTTP tests run over each. */
export const TRANSPORTS = ['undici', 'http-proxy'] as const;
export type TransportName = (typeof TRANSPORTS)[number];

export const LIMITS: ServerLimits = {
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 5000,
  maxHeaderSize: 64 * 1024,
};

/** One route of a test proxy; all upstream settings have defaults. */
export interface TestRoute {
  readonly match?: RouteMatch;
  readonly chain?: FilterChain;
  /** Ports on 127.0.0.1, or `echo` for the builtin. */
  readonly endpoints: readonly (number | 'echo')[];
  readonly timeouts?: Partial<UpstreamConfig['timeouts']>;
  readonly connections?: number;
}

export interface TestProxy {
  readonly port: number;
  readonly log: MemoryLog;
  readonly proxy: ReverseProxy;
  close(drain?: number): Promise<void>;
}

/** A proxy on a free port; one route, or several in order. */
export async function startProxy(
  transport: TransportName,
  routes: TestRoute | readonly TestRoute[],
  limits: Partial<ServerLimits> = {},
): Promise<TestProxy> {
  const log = new MemoryLog();
  const list = Array.isArray(routes) ? (routes as readonly TestRoute[]) : [routes as TestRoute];
  const chains = new Map<string, FilterChain>();
  const upstreams = new Map<string, UpstreamConfig>();
  const configs = list.map((route, i): RouteConfig => {
    const name = `route-${i + 1}`;
    chains.set(name, route.chain ?? EMPTY_CHAIN);
    upstreams.set(`upstream-${i + 1}`, {
      name: `upstream-${i + 1}`,
      transport,
      endpoints: route.endpoints.map(at =>
        at === 'echo'
          ? { url: 'builtin:echo', kind: 'builtin', host: 'echo', port: 0 }
          : { url: `http://127.0.0.1:${at}`, kind: 'http', host: '127.0.0.1', port: at },
      ),
      timeouts: { connect: 2000, response: 10_000, idle: 10_000, ...route.timeouts },
      connections: route.connections ?? 64,
    });
    return { name, match: route.match ?? {}, upstream: `upstream-${i + 1}`, filters: [] };
  });
  const started = await startUpstreams(upstreams.values(), limits?.maxHeaderSize ?? LIMITS.maxHeaderSize);
  const proxy = new ReverseProxy({
    listeners: [{ name: 'test', protocol: 'http', host: '127.0.0.1', port: 0, routes: configs }],
    upstreams: started,
    server: { ...LIMITS, ...limits },
    chainOf: route => loaded(chains.get(route.name)!),
    log,
  });
  const [bound] = await proxy.listen();
  const close = async (drain = 0) => {
    await proxy.close({ drain });
    await Promise.all([...started.values()].map(upstream => upstream.close()));
  };
  return { port: bound!.port, log, proxy, close };
}

/** A chain that needs no loading. */
export function loaded(chain: FilterChain): ChainSource {
  return { filters: chain.filters, ready: () => chain };
}
