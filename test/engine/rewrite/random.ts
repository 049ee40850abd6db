/** Where a generator's choices come from. */
export interface Choices {
  /** A whole number from 0 below `n`. */
  pick(n: number): number;
}

/** Choices from bytes, so that fast-check can shrink them; zeros when they are used up. */
export function choicesFrom(bytes: Uint8Array): Choices {
  let at = 0;
  const next = () => bytes[at++] ?? 0;
  return { pick: n => (n <= 256 ? next() : (next() << 16) | (next() << 8) | next()) % n };
}

/** Choices from a seed (mulberry32). */
export function choicesOf(seed: number): Choices {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  return { pick: n => next() % n };
}
