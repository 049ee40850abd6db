import type { Log } from '../log.ts';
import type { Phases, Plugin } from '../plugin/types.ts';
import { Stream } from './stream.ts';
import { TakeoverStream } from './takeover.ts';
import type { ChainSource, Exchange, FilterChain, FilterStream } from './types.ts';

/** Plugins in order, as a filter chain. What can be known of it is worked out here, once. */
export class PluginChain implements FilterChain, ChainSource {
  readonly filters: readonly string[];
  readonly empty: boolean;
  readonly requestBody: boolean;
  readonly responseBody: boolean;
  readonly changesRequestBody: boolean;
  readonly changesResponseBody: boolean;
  readonly response: boolean;
  readonly #plugins: readonly Plugin[];
  readonly #log: Log;
  /** The first filter with messages of its own, and the chains on both sides of it. */
  readonly #taker:
    | { readonly before: readonly Plugin[]; readonly plugin: Plugin; readonly behind: PluginChain }
    | undefined;

  constructor(plugins: readonly Plugin[], log: Log) {
    const any = (test: (phases: Phases) => boolean) => plugins.some(p => test(p.phases));
    const at = plugins.findIndex(p => p.takeOver !== undefined);
    const takes = at >= 0;
    this.filters = plugins.map(p => p.name);
    this.empty = plugins.length === 0;
    this.requestBody = takes || any(p => p.requestBody || p.requestTrailers);
    this.responseBody = takes || any(p => p.responseBody || p.responseTrailers);
    this.changesRequestBody = any(p => p.requestBody && p.changesBodies);
    this.changesResponseBody = any(p => p.responseBody && p.changesBodies);
    this.response =
      takes || any(p => p.responseHeaders || p.responseBody || p.responseTrailers || p.end === true);
    this.#plugins = plugins;
    this.#log = log;
    this.#taker = takes
      ? {
          before: plugins.slice(0, at),
          plugin: plugins[at]!,
          behind: new PluginChain(plugins.slice(at + 1), log),
        }
      : undefined;
  }

  ready(): FilterChain {
    return this;
  }

  open(exchange: Exchange): FilterStream {
    const taker = this.#taker;
    if (taker === undefined) return new Stream(exchange, this.#plugins, this.#log);
    return new TakeoverStream(exchange, taker.before, taker.plugin, taker.behind, this.#log);
  }
}
