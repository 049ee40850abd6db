import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { TcpChainSource } from '../chain/tcp-types.ts';
import type { TcpListenerConfig } from '../config/types.ts';
import type { Log } from '../log.ts';
import { listenError } from './listen-error.ts';
import type { Binding, BoundAddress } from './listener.ts';
import { TcpCounts } from './tcp-counts.ts';
import { TcpConnection, type TcpExchangeContext, type TcpTarget } from './tcp-exchange.ts';
import type { Upstream } from './upstream.ts';

/** One address whose connections all go through one chain to one upstream. */
export class TcpListener implements TcpExchangeContext {
  readonly name: string;
  readonly log: Log;
  readonly target: TcpTarget;
  readonly counts = new TcpCounts();
  readonly #config: TcpListenerConfig;
  readonly #upstreams: ReadonlyMap<string, Upstream>;
  readonly #chain: TcpChainSource;
  readonly #server: Server;
  readonly #exchanges = new Set<TcpConnection>();
  #onIdle: (() => void) | undefined;

  /** An upstream that isn't there is a programming error: the configuration is checked. */
  constructor(
    config: TcpListenerConfig,
    chain: TcpChainSource,
    upstreams: ReadonlyMap<string, Upstream>,
    log: Log,
  ) {
    this.name = config.name;
    this.log = log;
    this.#upstreams = upstreams;
    const target = this.targetOf(config.upstream);
    if (target === undefined) throw new Error(`${config.name}: no upstream ${config.upstream}`);
    this.target = target;
    this.#config = config;
    this.#chain = chain;
    const options = { allowHalfOpen: true, noDelay: true, keepAlive: true };
    this.#server = createServer(options, socket => this.#onConnection(socket));
  }

  targetOf(name: string): TcpTarget | undefined {
    const upstream = this.#upstreams.get(name);
    if (upstream === undefined) return undefined;
    const info = {
      routeMetadata: undefined,
      upstream: name,
      upstreamMetadata: upstream.config.metadata,
      endpoints: upstream.config.endpoints.length,
    };
    return { upstream, info };
  }

  /** Binds. A port that can't be had is a WeirError LISTEN_FAILED. */
  listen({ port = this.#config.port, reusePort = false }: Binding = {}): Promise<BoundAddress> {
    const { host, name } = this.#config;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(this.#config, error)));
      this.#server.listen({ host, port, reusePort }, () => {
        this.#server.removeAllListeners('error');
        this.#server.on('error', error => this.log.error({ listener: name, err: error }, 'listener error'));
        const address = this.#server.address() as AddressInfo;
        resolve({ listener: name, protocol: 'tcp', host, port: address.port });
      });
    });
  }

  /** Stops accepting, lets connections end by themselves within `drain` ms, then ends those that are left. */
  async close(drain: number): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    await this.#idle(drain);
    for (const exchange of this.#exchanges) exchange.abort();
    await closed;
    // Exchanges hear of their connections' end a moment after the server does.
    while (this.#exchanges.size > 0) await new Promise(resolve => setImmediate(resolve));
  }

  /** Connections of clients that have not ended. */
  get active(): number {
    return this.#exchanges.size;
  }

  exchangeEnded(exchange: TcpConnection): void {
    this.#exchanges.delete(exchange);
    if (this.#exchanges.size === 0) this.#onIdle?.();
  }

  #idle(limit: number): Promise<void> {
    return new Promise(resolve => {
      if (this.#exchanges.size === 0) {
        resolve();
        return;
      }
      const timer = setTimeout(resolve, limit);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #onConnection(socket: Socket): void {
    this.counts.connections++;
    const exchange = new TcpConnection(this, socket);
    this.#exchanges.add(exchange);
    const chain = this.#chain.ready();
    if (chain instanceof Promise) void chain.then(loaded => exchange.start(loaded));
    else exchange.start(chain);
  }
}
