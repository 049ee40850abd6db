import { LOG_LEVELS } from '../abi/types.ts';
import type { Capabilities, FilterLimits, RestartConfig } from '../config/types.ts';
import type { Log } from '../log.ts';
import { bytesOf, type RawFields } from '../message/fields.ts';
import { BackOff } from './back-off.ts';
import { FilterCounters } from './counters.ts';
import { LogLimit } from './log-limit.ts';
import type { Services } from './services.ts';

/** Denials that are told apart: a guest could think of any number. */
const DENIED_MAX = 100;

/** Of a filter's configuration, what outlives its VMs. */
export interface StateOptions {
  readonly name: string;
  readonly limits: FilterLimits;
  readonly restart: RestartConfig;
  readonly capabilities: Capabilities;
}

/** What a filter is from VM to VM, and when it was evicted and loaded again. */
export class PluginState {
  readonly name: string;
  readonly log: Log;
  /** What log lines carry beside their text. */
  readonly logFields: { readonly filter: string };
  /** The smallest level, as an index into LOG_LEVELS, that the log keeps. */
  readonly logLevel: number;
  readonly limits: FilterLimits;
  readonly capabilities: Capabilities;
  readonly services: Services;
  readonly logLimit: LogLimit;
  readonly counters = new FilterCounters();
  /** Contexts that answered false to proxy_on_done and have not called proxy_done, oldest first. */
  readonly waiting = new Set<{ readonly owner: unknown; forceEnd(): void }>();

  readonly #denied = new Set<string>();

  /** No ticks before that time of `performance.now`: they took long, and others have work to do. */
  restUntil = 0;
  /** When a VM may take the place of one that died. */
  readonly backOff: BackOff;
  /** Its VM works without a stream: to be kept before others. */
  used: (() => void) | undefined;
  /** None may: a VM died, and `onFailure` is closed. */
  down = false;

  constructor({ name, limits, restart, capabilities }: StateOptions, log: Log, services: Services) {
    this.name = name;
    this.capabilities = capabilities;
    this.services = services;
    this.log = log;
    this.logFields = { filter: name };
    const index = (LOG_LEVELS as readonly string[]).indexOf(log.level);
    this.logLevel = index < 0 ? LOG_LEVELS.length - 1 : index;
    this.limits = limits;
    this.backOff = new BackOff(restart);
    this.logLimit = new LogLimit(name, limits.logLines, log, this.counters);
  }

  /** Whether the filter may be given a map of these fields; counts the limit that says no. */
  mayHold(fields: RawFields): boolean {
    const { headerCount, headerBytes } = this.limits;
    const { limitHits } = this.counters;
    if (fields.length > 2 * headerCount) limitHits.headerCount++;
    else if (bytesOf(fields) > headerBytes) limitHits.headerBytes++;
    else return true;
    return false;
  }

  /** The guest tried what it was not granted; `grant` is the line of YAML that would, if any. Logged once for each. */
  denied(what: string, grant: string): void {
    if (this.#denied.size >= DENIED_MAX || this.#denied.has(what)) return;
    this.#denied.add(what);
    this.log.warn(this.logFields, `denied: ${what} (${grant || 'nothing'} would allow it)`);
  }

  deniedUpstream(name: string): void {
    const text = name.replace(/\p{Cc}+/gu, ' ').slice(0, 128);
    this.denied(`a call to upstream ${text}`, `capabilities: {upstreams: [${text}]}`);
  }
}
