import { setImmediate as turn } from 'node:timers/promises';
import { PluginChain } from '../chain/chain.ts';
import type { Log } from '../log.ts';
import type { FilterCounters } from '../plugin/counters.ts';
import type { RegisteredPlugin } from '../plugin/registry.ts';
import { DryExchange } from './dry-exchange.ts';

/** What a filter did with one request. */
export interface Outcome {
  readonly kind: 'passes' | 'answers' | 'closes' | 'pauses' | 'fails';
  /** The status it answers with; which direction it pauses; why it fails; else empty. */
  readonly details: string;
}

/** What a filter, alone in a chain, did with requests that nobody sent. */
export interface DryRun extends Outcome {
  /** It did something else with a later one, after so many: the last that was tried. */
  readonly changed: (Outcome & { readonly after: number }) | null;
  /** Requests that were measured. */
  readonly requests: number;
  /** The very first, in which V8 compiles what it reaches; null: it didn't come to its end. */
  readonly firstMicros: number | null;
  /** Median of those that were measured; null without any. */
  readonly medianMicros: number | null;
}

export interface DryRunOptions {
  readonly log: Log;
  /** The filter has a VM for each request, made between requests. */
  readonly isolated: boolean;
  /** Most requests that are measured. */
  readonly requests: number;
  /** Most milliseconds that this takes; half as many are for warming up. */
  readonly time: number;
}

/** By then V8 has optimized most of what they run through. */
const WARM_UP = 200;
/** Requests without a pause: others get their turn. */
const AT_A_STRETCH = 64;

/**
 * Sends a filter one request after the other, in memory, until one doesn't come to its end or ends in another way than
 * the first. Never throws for what the filter does.
 */
export async function dryRun(plugin: RegisteredPlugin, options: DryRunOptions): Promise<DryRun> {
  const { log, isolated, requests, time } = options;
  const chain = new PluginChain([plugin], log);
  const first = await one(chain, plugin.counters);
  const { kind, details } = first.outcome;
  const ended = kind !== 'pauses' && kind !== 'fails';
  let times: number[] = [];
  let changed: DryRun['changed'] = null;
  let tried = 1;
  for (const [most, duration] of [
    [WARM_UP, time / 2],
    [requests, time],
  ] as const) {
    if (!ended || changed !== null) break;
    times = [];
    const end = performance.now() + duration;
    // One at least, however busy the machine is.
    while (changed === null && times.length < most && (times.length === 0 || performance.now() < end)) {
      if (isolated || tried % AT_A_STRETCH === 0) await turn();
      const { outcome, micros } = await one(chain, plugin.counters);
      if (outcome.kind === kind && outcome.details === details) times.push(micros);
      else changed = { ...outcome, after: tried };
      tried++;
    }
  }
  return {
    ...first.outcome,
    changed,
    requests: times.length,
    firstMicros: ended ? first.micros : null,
    medianMicros: median(times),
  };
}

/** Longest row of microtasks that a filter's resumes take: it can't be resumed from anywhere else. */
const TICKS = 4;

async function one(
  chain: PluginChain,
  counters: FilterCounters,
): Promise<{ outcome: Outcome; micros: number }> {
  const before = deaths(counters);
  const start = performance.now();
  const exchange = new DryExchange(chain);
  exchange.begin();
  for (let i = 0; i < TICKS && !exchange.over; i++) {
    await null;
    exchange.goOn();
  }
  const { over } = exchange;
  exchange.finish();
  // Nanoseconds are what the clock can tell.
  const micros = Math.round((performance.now() - start) * 1e6) / 1000;
  if (exchange.failure !== undefined)
    return { outcome: { kind: 'fails', details: exchange.failure }, micros };
  // After the end of its stream, or with onFailure: open.
  if (deaths(counters) > before) return { outcome: { kind: 'fails', details: 'its VM died' }, micros };
  return { outcome: outcomeOf(exchange, over), micros };
}

function outcomeOf({ closed, answered, direction }: DryExchange, over: boolean): Outcome {
  if (closed) return { kind: 'closes', details: '' };
  if (!over) return { kind: 'pauses', details: direction };
  return answered === undefined
    ? { kind: 'passes', details: '' }
    : { kind: 'answers', details: String(answered) };
}

function deaths({ traps, interruptions, exits, hostFaults }: FilterCounters): number {
  return traps + interruptions + exits + hostFaults;
}

function median(times: readonly number[]): number | null {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? null;
}
