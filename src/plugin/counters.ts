import type { LimitName } from '../config/types.ts';
import { CALLBACK_BOUNDS, Histogram } from '../histogram.ts';

/** One callback of so many is timed: a prime, so that it is not always the same one of a request's. */
export const TIMED = 17;

/** What happened to one filter since the process started: plain numbers, read when metrics are asked for. */
export class FilterCounters {
  /** VMs made. */
  vmsStarted = 0;
  traps = 0;
  interruptions = 0;
  exits = 0;
  /** Faults of Weir's own inside a hostcall. */
  hostFaults = 0;
  /** A VM or plugin that was to be replaced did not start. */
  startFailures = 0;
  /** Streams that went on without the filter (`onFailure: open`). */
  skipped = 0;
  /** Streams that found the filter down. */
  refused = 0;
  /** Streams that found no VM ready with `isolation: request`. */
  poolMisses = 0;
  /** Stream contexts that live now. */
  contexts = 0;
  /** HTTP and gRPC calls under way. */
  calls = 0;
  /** Bytes that these hold. */
  callBytes = 0;
  /** Callbacks until the next one that is timed, that one included. */
  untilTimed = TIMED;
  /** Times of those that were. */
  readonly times = new Histogram(CALLBACK_BOUNDS);
  /** How often each of `limits` was reached. */
  readonly limitHits: Record<LimitName, number> = {
    memory: 0,
    callTime: 0,
    startTime: 0,
    pauseTime: 0,
    bufferedBody: 0,
    headerCount: 0,
    headerBytes: 0,
    localResponseBody: 0,
    propertyBytes: 0,
    logLines: 0,
    contexts: 0,
    calls: 0,
    sharedDataBytes: 0,
    queueLength: 0,
    queueBytes: 0,
    callBytes: 0,
    metrics: 0,
    tickPeriod: 0,
  };

  /** Calls into its VMs, with those that are running. */
  get callbacks(): number {
    let timed = 0;
    for (let i = 0; i <= CALLBACK_BOUNDS.length; i++) timed += this.times.cells[i]!;
    return timed * TIMED + (TIMED - this.untilTimed);
  }
}
