import { PluginError } from '../errors.ts';
import type { FilterCounters } from './counters.ts';
import type { PluginOptions } from './plugin.ts';
import type { TcpFilterContext, TcpPhases } from './tcp.ts';
import type { FilterContext, LoadedPlugin, Phases } from './types.ts';

/** Every stream that reaches it fails at its headers; what comes after doesn't get here. */
const PHASES: Phases = {
  requestHeaders: true,
  requestBody: false,
  requestTrailers: false,
  responseHeaders: false,
  responseBody: false,
  responseTrailers: false,
  changesBodies: false,
};

const TCP_PHASES: TcpPhases = {
  newConnection: true,
  downstreamData: false,
  downstreamClose: false,
  upstreamData: false,
  upstreamClose: false,
};

/** Stands in the place of a filter that could not be loaded: its failure policy is applied to every stream. */
export class BrokenPlugin implements LoadedPlugin {
  readonly name: string;
  readonly phases = PHASES;
  readonly tcp = TCP_PHASES;
  readonly seenChanging: [boolean, boolean] = [false, false];
  readonly bufferedBody: number;
  readonly pauseTime: number;
  readonly failOpen: boolean;
  readonly counters: FilterCounters;
  readonly #reason: string;
  readonly #retryAt: number;

  /** `retryAt`: by `performance.now`. */
  constructor(options: PluginOptions, counters: FilterCounters, reason: string, retryAt: number) {
    this.name = options.name;
    this.bufferedBody = options.limits.bufferedBody;
    this.pauseTime = options.limits.pauseTime;
    this.failOpen = options.onFailure === 'open';
    this.counters = counters;
    this.#reason = reason;
    this.#retryAt = retryAt;
  }

  /** It is time to try to load the filter again. */
  get retired(): boolean {
    return performance.now() >= this.#retryAt;
  }

  open(): FilterContext {
    return this.#fail();
  }

  openTcp(): TcpFilterContext {
    return this.#fail();
  }

  #fail(): never {
    this.counters.refused++;
    throw new PluginError('PLUGIN_DOWN', `filter ${this.name} could not be loaded: ${this.#reason}`);
  }

  skipped(): void {
    this.counters.skipped++;
  }

  hit(): void {}

  close(): void {}
}
