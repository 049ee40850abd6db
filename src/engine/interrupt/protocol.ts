/**
 * How a callback that outlives its time is interrupted, and none other ever.
 *
 * Two parties: a thread that runs guests, one outermost callback at a time, and the watchdog. They share one page
 * per guest thread, which also is the memory that rewritten modules import, and one bell per watchdog.
 *
 *     FLAG     what guests check at each function entry and loop head; not 0: trap
 *     SLOT     sequence << 2 | state; the guest's thread gives each callback the next sequence
 *     BUDGET   µs that the callback in SLOT may take
 *     BELL     AWAKE, or ASLEEP while the watchdog waits without a timeout
 *
 * Steps, each one atomic and sequentially consistent; s is the callback's sequence:
 *
 *     enter    E1  BUDGET := budget                       (left out when it is the same as the last one)
 *              E2  SLOT := (s, RUNNING)
 *              E3  if BELL = ASLEEP: BELL := AWAKE, notify BELL
 *     leave    L1  cas SLOT (s, RUNNING) -> (s + 1, IDLE): done, the callback was not interrupted
 *              L2  it failed, so s was claimed: wait until SLOT = (s, FLAGGED)
 *              L3  FLAG := 0
 *              L4  SLOT := (s + 1, IDLE): done, it was interrupted
 *     look     W1  word := SLOT. Not the word of the last look: a callback's time begins now, at its first sight
 *              W2  the same (s, RUNNING) and its time is over: cas SLOT (s, RUNNING) -> (s, CLAIMED), or give up
 *              W3  FLAG := 1
 *              W4  SLOT := (s, FLAGGED), notify SLOT
 *     sleep    S1  SLOT unchanged for a while, and not RUNNING: BELL := ASLEEP
 *              S2  SLOT has changed: BELL := AWAKE, look again
 *              S3  wait while BELL = ASLEEP, then BELL := AWAKE
 *
 * Why that is right:
 * - L1 and W2 compete for one word: a callback is either left or claimed, never both.
 * - The clock of W1 is read after the load, that of W2 before: a claimed callback had its whole budget.
 * - FLAG is set only between a claim and L2's end, and no other callback begins before L4: none is hit for another.
 * - The budget is read after W1; if W2 succeeds, SLOT did not change in between, so it was this callback's.
 * - E2 comes before E3's load and S1 before S2's: one of the two sees the other, so no wake-up is lost.
 * - A sequence has 30 bits. The watchdog takes a word for unchanged only if it looked less than LAPSE ago: in that
 *   time nobody can make 2^30 callbacks (under 10 ns for each).
 * - When the watchdog dies between W2 and W4, L2 gives up after PATIENCE. FLAG can then come late, so enter refuses
 *   until SLOT is FLAGGED after all or the watchdog is known to be dead and another one watches.
 * test/engine/interrupt/model.test.ts runs this code, both sides, through every interleaving of these steps.
 */

/** Indices of 32-bit words in the page; the flag shares no cache line, nor pair of lines, with what changes often. */
export const FLAG = 0;
export const SLOT = 32;
export const BUDGET = 33;

/** Indices in the watchdog's own buffer. NEWS changes when messages are there for it. */
export const BELL = 0;
export const NEWS = 1;
export const AWAKE = 0;
export const ASLEEP = 1;

/** The two low bits of SLOT. */
export const STATE = 3;
export const RUNNING = 1;
export const CLAIMED = 2;
export const FLAGGED = 3;

/** SLOT of the next callback minus that of the last, both idle. */
export const NEXT = 4;

/** ms between two looks while callbacks happen: what an interruption comes late by at the most, on an idle machine. */
export const TICK = 2.5;
/** ms without a callback after which the watchdog stops looking. */
export const QUIET = 500;
/** ms between two looks after which nothing is concluded from the older one. */
export const LAPSE = 10_000;
/** ms that `leave` waits for the flag of a claim. */
export const PATIENCE = 1000;

/** A thread that runs guests. */
export interface Place {
  readonly id: number;
  readonly page: SharedArrayBuffer;
  /** The system's id of the thread, where it has one. */
  readonly thread: string | undefined;
}

/** What the watchdog's thread is told while it runs. It answers with the ids of those that it watches from now on. */
export type Orders = { readonly watch: readonly Place[] } | { readonly forget: number };

/** What it begins with. */
export interface Assignment {
  readonly bell: SharedArrayBuffer;
  readonly watch: readonly Place[];
}
