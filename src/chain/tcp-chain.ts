import type { Log } from '../log.ts';
import type { Plugin } from '../plugin/types.ts';
import { TcpChainStream } from './tcp-stream.ts';
import type { TcpChainSource, TcpExchange, TcpFilterChain, TcpFilterStream } from './tcp-types.ts';

/** Plugins in order, as a chain for TCP streams. All of them must have a part in such (`tcp`). */
export class TcpPluginChain implements TcpFilterChain, TcpChainSource {
  readonly filters: readonly string[];
  readonly empty: boolean;
  readonly looksAt: readonly [boolean, boolean];
  readonly #plugins: readonly Plugin[];
  readonly #log: Log;

  constructor(plugins: readonly Plugin[], log: Log) {
    this.filters = plugins.map(plugin => plugin.name);
    this.empty = plugins.length === 0;
    this.looksAt = [
      plugins.some(({ tcp }) => tcp?.downstreamData === true || tcp?.newConnection === true),
      plugins.some(({ tcp }) => tcp?.upstreamData === true),
    ];
    this.#plugins = plugins;
    this.#log = log;
  }

  ready(): TcpFilterChain {
    return this;
  }

  open(exchange: TcpExchange): TcpFilterStream {
    return new TcpChainStream(exchange, this.#plugins, this.#log);
  }
}
