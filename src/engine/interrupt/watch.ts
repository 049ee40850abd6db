import type { CpuTime } from './cpu-time.ts';
import { BUDGET, CLAIMED, FLAG, FLAGGED, LAPSE, RUNNING, SLOT, STATE, TICK } from './protocol.ts';

/** ms that one look can add to a callback's age: in a longer pause the machine or the process stood still. */
const STALL = 100;
/** ms that the system's figure of a running thread's CPU time may be behind: its tick, at 250 Hz. */
const CPU_LAG = 4;

/** What a look leaves for the next one. */
export interface Seen {
  word: number;
  lookedAt: number;
  changedAt: number;
  /** Of the callback in `word`, when it is running: ms since it was seen first, ms it may take. */
  age: number;
  budget: number;
  cpuUsed: number;
  cpuWaited: number;
}

/** The watchdog's side of one guest thread (protocol.ts): what it saw last, and what follows from it. */
export class Watch {
  readonly #words: Int32Array;
  readonly #clock: () => number;
  readonly #cpu: CpuTime | undefined;
  readonly seen: Seen;

  /** `cpu` tells what the watched thread got, where the system says it; without, time on the wall counts. */
  constructor(page: SharedArrayBuffer, clock: () => number, cpu?: CpuTime) {
    this.#words = new Int32Array(page);
    this.#clock = clock;
    this.#cpu = cpu;
    const word = Atomics.load(this.#words, SLOT) & ~STATE;
    const now = clock();
    this.seen = { word, lookedAt: now, changedAt: now, age: 0, budget: 0, cpuUsed: 0, cpuWaited: 0 };
  }

  /** Looks once, and interrupts the callback when its time is over. Returns the ms until the next look. */
  look(): number {
    const now = this.#clock();
    const gap = now - this.seen.lookedAt;
    this.seen.lookedAt = now;
    const word = Atomics.load(this.#words, SLOT);
    if (word !== this.seen.word || gap > LAPSE) return this.#begin(word);
    if ((word & STATE) !== RUNNING) return TICK;
    this.seen.age += Math.min(gap, STALL);
    const left = this.#left();
    if (left > 0) return Math.min(left, TICK);
    this.#claim(word);
    return TICK;
  }

  /** ms without a callback; 0 while one runs. */
  get quiet(): number {
    return (this.seen.word & STATE) === RUNNING ? 0 : this.seen.lookedAt - this.seen.changedAt;
  }

  /** Nothing has happened since the last look. */
  get unchanged(): boolean {
    return Atomics.load(this.#words, SLOT) === this.seen.word;
  }

  #begin(word: number): number {
    // After the load: a callback that was entered while this thread stood still has its whole budget.
    this.seen.lookedAt = this.seen.changedAt = this.#clock();
    this.seen.word = word;
    if ((word & STATE) !== RUNNING) return TICK;
    this.seen.age = 0;
    this.seen.budget = Atomics.load(this.#words, BUDGET) / 1000;
    if (this.#cpu?.read()) {
      this.seen.cpuUsed = this.#cpu.used;
      this.seen.cpuWaited = this.#cpu.waited;
    }
    return Math.min(this.seen.budget, TICK);
  }

  /** ms that the callback still has: it may not lose what the system gave to others. */
  #left(): number {
    const onWall = this.seen.budget - this.seen.age;
    if (onWall > 0 || !this.#cpu?.read()) return onWall;
    // Too coarse to decide alone: what the thread has used is known to one tick, at both ends.
    const need = this.seen.budget - (this.#cpu.used - this.seen.cpuUsed);
    // Exact, but it lacks the wait that lasts still, and what the hypervisor took.
    const byWaits = onWall + (this.#cpu.waited - this.seen.cpuWaited);
    const left = Math.min(Math.max(byWaits, need - CPU_LAG), need + CPU_LAG);
    // Nothing lives forever, whatever the figures say.
    return Math.min(left, 10 * this.seen.budget + 1000 - this.seen.age);
  }

  #claim(running: number): void {
    const claimed = running - RUNNING + CLAIMED;
    if (Atomics.compareExchange(this.#words, SLOT, running, claimed) !== running) return;
    Atomics.store(this.#words, FLAG, 1);
    this.seen.word = running - RUNNING + FLAGGED;
    Atomics.store(this.#words, SLOT, this.seen.word);
    Atomics.notify(this.#words, SLOT);
  }
}
