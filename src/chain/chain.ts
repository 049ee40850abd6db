import type { Log } from '../log.ts';
import type { Phases, Plugin } from '../plugin/types.ts';
import { Stream } from './stream.ts';
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

  constructor(plugins: readonly Plugin[], log: Log) {
    const any = (test: (phases: Phases) => boolean) => plugins.some(p => test(p.phases));
    this.filters = plugins.map(p => p.name);
    this.empty = plugins.length === 0;
    this.requestBody = any(p => p.requestBody || p.requestTrailers);
    this.responseBody = any(p => p.responseBody || p.responseTrailers);
    this.changesRequestBody = any(p => p.requestBody && p.changesBodies);
    this.changesResponseBody = any(p => p.responseBody && p.changesBodies);
    this.response = any(p => p.responseHeaders || p.responseBody || p.responseTrailers);
    this.#plugins = plugins;
    this.#log = log;
  }

  ready(): FilterChain {
    return this;
  }

  open(exchange: Exchange): FilterStream {
    return new Stream(exchange, this.#plugins, this.#log);
  }
}
