import type { TcpChainSource } from '../chain/tcp-types.ts';
import type { ChainSource } from '../chain/types.ts';
import type { ListenerConfig, RouteConfig, ServerLimits, TcpListenerConfig } from '../config/types.ts';
import type { Log } from '../log.ts';
import type { TargetInfo } from '../message/info.ts';
import { type Binding, type BoundAddress, Listener } from './listener.ts';
import { RequestCounts } from './request-counts.ts';
import { type Route, Router } from './router.ts';
import { TcpListener } from './tcp-listener.ts';
import type { Upstream } from './upstream.ts';

export type { BoundAddress } from './listener.ts';

/** What a proxy is made of; all of it resolved and checked. */
export interface ProxyOptions {
  readonly listeners: readonly ListenerConfig[];
  /** Started; whoever made them closes them, after the proxy. */
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly server: ServerLimits;
  /** The chain of a route: asked once per route, when the proxy is made. */
  chainOf(route: RouteConfig): ChainSource;
  /** The chain of a TCP listener; needed only where there are such. */
  tcpChainOf?(listener: TcpListenerConfig): TcpChainSource;
  readonly log: Log;
}

/** The proxy: listeners and their routes, which lead to upstreams. */
export class ReverseProxy {
  readonly #listeners: readonly (Listener | TcpListener)[];

  /** With their routes: what metrics are made of. */
  get listeners(): readonly Listener[] {
    return this.#listeners.filter(listener => listener instanceof Listener);
  }

  get tcpListeners(): readonly TcpListener[] {
    return this.#listeners.filter(listener => listener instanceof TcpListener);
  }

  /** Opens nothing yet. A route to an upstream that isn't there is a programming error: the configuration is checked. */
  constructor(options: ProxyOptions) {
    const { server, log, upstreams } = options;
    const route = (config: RouteConfig): Route => {
      const upstream = upstreams.get(config.upstream);
      if (upstream === undefined) throw new Error(`route ${config.name}: no upstream ${config.upstream}`);
      const target: TargetInfo = {
        routeMetadata: config.metadata,
        upstream: upstream.name,
        upstreamMetadata: upstream.config.metadata,
        endpoints: upstream.config.endpoints.length,
      };
      return {
        name: config.name,
        config,
        chain: options.chainOf(config),
        upstream,
        target,
        counts: new RequestCounts(),
      };
    };
    const tcp = (config: TcpListenerConfig): TcpListener => {
      if (options.tcpChainOf === undefined) throw new Error(`${config.name}: nobody makes chains for it`);
      return new TcpListener(config, options.tcpChainOf(config), upstreams, log);
    };
    this.#listeners = options.listeners.map(config =>
      config.protocol === 'tcp'
        ? tcp(config)
        : new Listener(config, new Router(config.routes.map(route)), server, log),
    );
  }

  /**
   * Binds every listener, `bindings` in the same order; resolves with the addresses, in the order of the configuration.
   * Throws WeirError LISTEN_FAILED when one can't be bound; then nothing stays open.
   */
  async listen(bindings: readonly Binding[] = []): Promise<readonly BoundAddress[]> {
    try {
      const bound: BoundAddress[] = [];
      for (const [i, listener] of this.#listeners.entries()) bound.push(await listener.listen(bindings[i]));
      return bound;
    } catch (error) {
      await this.close({ drain: 0 });
      throw error;
    }
  }

  /**
   * Stops: no new connections, idle ones closed, what is in flight gets `drain` ms to end; then whatever is left is
   * cut, WebSocket tunnels too. Every exchange has finished when this resolves.
   */
  async close(options: { readonly drain: number }): Promise<void> {
    await Promise.all(this.#listeners.map(listener => listener.close(options.drain)));
  }
}
