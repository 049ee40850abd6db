import type { ChainSource } from '../chain/types.ts';
import type { ListenerConfig, RouteConfig, ServerLimits, UpstreamConfig } from '../config/types.ts';
import type { Log } from '../log.ts';
import type { TargetInfo } from '../message/info.ts';
import { type Binding, type BoundAddress, Listener } from './listener.ts';
import { RequestCounts } from './request-counts.ts';
import { type Route, Router } from './router.ts';
import { Upstream } from './upstream.ts';

export type { BoundAddress } from './listener.ts';

/** What a proxy is made of; all of it resolved and checked. */
export interface ProxyOptions {
  readonly listeners: readonly ListenerConfig[];
  readonly upstreams: ReadonlyMap<string, UpstreamConfig>;
  readonly server: ServerLimits;
  /** The chain of a route: asked once per route, when the proxy is made. */
  chainOf(route: RouteConfig): ChainSource;
  readonly log: Log;
}

/** The proxy: listeners, their routes, and the upstreams they lead to. */
export class ReverseProxy {
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly #listeners: readonly Listener[];

  /** With their routes: what metrics are made of. */
  get listeners(): readonly Listener[] {
    return this.#listeners;
  }

  /** Opens nothing yet. A route to an upstream that isn't there is a programming error: the configuration is checked. */
  constructor(options: ProxyOptions) {
    const { server, log } = options;
    const upstreams = new Map<string, Upstream>();
    for (const config of options.upstreams.values()) {
      upstreams.set(config.name, new Upstream(config, server.maxHeaderSize));
    }
    const route = (config: RouteConfig): Route => {
      const upstream = upstreams.get(config.upstream);
      if (upstream === undefined) throw new Error(`route ${config.name}: no upstream ${config.upstream}`);
      const target: TargetInfo = {
        routeMetadata: config.metadata,
        upstream: upstream.name,
        upstreamMetadata: upstream.config.metadata,
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
    this.upstreams = upstreams;
    this.#listeners = options.listeners.map(
      config => new Listener(config, new Router(config.routes.map(route)), server, log),
    );
  }

  /**
   * Starts the upstreams and binds every listener, `bindings` in the same order; resolves with the addresses, in the order of the configuration.
   * Throws WeirError LISTEN_FAILED when one can't be bound; then nothing stays open.
   */
  async listen(bindings: readonly Binding[] = []): Promise<readonly BoundAddress[]> {
    try {
      for (const upstream of this.upstreams.values()) await upstream.start();
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
   * cut, WebSocket tunnels and upstream connections too. Every exchange has finished when this resolves.
   */
  async close(options: { readonly drain: number }): Promise<void> {
    await Promise.all(this.#listeners.map(listener => listener.close(options.drain)));
    await Promise.all([...this.upstreams.values()].map(upstream => upstream.close()));
  }
}
