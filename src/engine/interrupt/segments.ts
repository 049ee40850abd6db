import { PluginError } from '../../errors.ts';
import type { Interrupter, Segment } from './interrupter.ts';

export interface SegmentLimits {
  /** ms that one segment may take. */
  readonly budget: number;
  /** ms of all segments since `renew`, and SWITCH for each: without, any number. */
  readonly total?: number;
}

/**
 * Why no segment of an instance begins any more: the watchdog ended one; the total was used up; nobody watched when
 * it was resumed; or the guest trapped by itself, or an exception of the host went through it.
 */
export type SegmentDeath = 'interrupted' | 'exhausted' | 'unwatched' | 'unwound';

/**
 * Bounds the time of a guest that JSPI suspends. It runs in segments: from a call to the first suspension, from each
 * resumption to the next one, to the end. Each has the budget; while the guest is suspended nothing counts, and
 * others run.
 *
 * `entered`, `left`, `leaving` and `resumed` are called on the guest's own stack, by what ../bracket.ts puts around
 * its exports and imports. A trap passes them all: the segment is then open until it is settled, by the microtask
 * that `Interrupter.begin` queued, or by whoever enters a guest before that. So by the time that a promise's
 * rejection is seen, `death` is known. Only time that the caller itself spends between a trap and the end of its own
 * turn could be blamed on the guest: a caller that goes on for long calls `settle` first.
 *
 * One for all core modules of an instance, and for components that call each other without suspension. While one's
 * segment runs, the host enters no other instance; that is noticed, and thrown. Within an ordinary callback of the
 * same interrupter no segment begins: the callback's budget is for all, and the guest can't be suspended.
 */
export class Segments implements Segment {
  /** ms that the next segment may take. */
  budget: number;
  /** ms that segments took, without one that runs. */
  used = 0;
  death: SegmentDeath | undefined;
  inHost = false;
  readonly #interrupter: Interrupter;
  readonly #total: number;
  /** Of the total. */
  #spent = 0;
  #since = 0;
  /** The segment has what is left of the total, and not its budget. */
  #last = false;

  constructor(interrupter: Interrupter, { budget, total = Infinity }: SegmentLimits) {
    this.#interrupter = interrupter;
    this.budget = budget;
    this.#total = total;
  }

  /** The total begins anew: another call. */
  renew(): void {
    this.#spent = 0;
  }

  /** Of the total, ms that the host took for the guest outside of segments, beyond SWITCH. */
  spend(ms: number): void {
    this.#spent += ms;
  }

  /**
   * An export is called. True when a segment began, which `left` has to end; false within another call.
   * @throws PluginError when the instance is dead, its time used up, or nobody watches
   */
  entered(): boolean {
    const interrupter = this.#interrupter;
    if (interrupter.open === this) return false;
    stackLeft(LEVELS);
    interrupter.settle();
    if (this.death !== undefined) throw new PluginError('PLUGIN_DOWN', `the instance is dead: ${this.death}`);
    if (interrupter.inCallback) return false;
    if (this.#left <= 0) {
      this.death = 'exhausted';
      throw new PluginError('PLUGIN_LIMIT', `the instance used up its ${this.#total} ms`);
    }
    this.#begin();
    return true;
  }

  /** The call that began the segment has returned. */
  left(): void {
    this.#interrupter.end(this);
    this.#count();
  }

  /** A call that may suspend begins. Gives what `resumed` wants. */
  leaving(): number {
    if (this.#interrupter.open !== this) return CALLBACK;
    stackLeft(LEVELS);
    const inHost = this.inHost;
    this.inHost = false;
    this.left();
    return inHost ? HOST : GUEST;
  }

  /** It has returned, or thrown. False: the guest may not run on, and has to trap. */
  resumed(was: number): boolean {
    const interrupter = this.#interrupter;
    // In a callback nothing is suspended: it has not been left.
    if (was === CALLBACK) return interrupter.inCallback;
    try {
      // Another call of this instance may have died, one of its own allocator's too.
      interrupter.settle();
      if (this.death === undefined && this.#left <= 0) this.death = 'exhausted';
      if (this.death !== undefined) return false;
      this.#begin();
    } catch {
      // Not thrown: the guest could catch that, and go on.
      this.death = 'unwatched';
      return false;
    }
    this.inHost = was === HOST;
    return true;
  }

  /** Runs what isn't an export, a start function for example, in a segment. */
  run<T>(fn: () => T): T {
    const began = this.entered();
    try {
      const result = fn();
      if (began) this.left();
      return result;
    } catch (error) {
      if (began) this.settle();
      throw error;
    }
  }

  /** To be called after a call that threw, when much is done before the next microtask. */
  settle(): void {
    if (this.#interrupter.open === this && !this.inHost) this.#interrupter.settle();
  }

  died(interrupted: boolean): void {
    this.#count();
    if (!interrupted) this.death ??= 'unwound';
    else this.death ??= this.#last ? 'exhausted' : 'interrupted';
  }

  get #left(): number {
    return this.#total - this.#spent;
  }

  #begin(): void {
    const left = this.#left;
    this.#last = left < this.budget;
    this.#interrupter.begin(this, this.#last ? left : this.budget);
    this.inHost = false;
    this.#since = performance.now();
  }

  #count(): void {
    const took = performance.now() - this.#since;
    this.used += took;
    this.#spent += took + SWITCH;
  }
}

/** ms that the host spends on a suspension, in jco's glue most of all: a guest that only ever waits is no cheap one. */
const SWITCH = 0.05;

/** What `leaving` found: the guest alone, the guest below a call of the host, no segment of ours. */
const GUEST = 0;
const HOST = 1;
const CALLBACK = 2;

/** Several times what begins and ends a segment. */
const LEVELS = 200;

/**
 * Throws unless the stack has room for so many calls. A guest chooses how deep it calls us: what fails half done would
 * leave it running with nobody to watch. What is done afterwards at the same depth has the room too.
 */
function stackLeft(levels: number): number {
  return levels === 0 ? 0 : stackLeft(levels - 1) + 1;
}
