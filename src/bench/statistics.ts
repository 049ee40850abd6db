import type { Stat } from './types.ts';

const sorted = (list: readonly number[]) => [...list].sort((a, b) => a - b);

/** Between the two nearest, when it falls between them. NaN of nothing. */
export function quantile(list: readonly number[], q: number): number {
  const order = sorted(list);
  if (order.length === 0) return Number.NaN;
  const at = (order.length - 1) * q;
  const below = order[Math.floor(at)]!;
  return below + (order[Math.ceil(at)]! - below) * (at - Math.floor(at));
}

export const median = (list: readonly number[]) => quantile(list, 0.5);

export function stat(list: readonly number[]): Stat {
  return { median: median(list), low: quantile(list, 0.25), high: quantile(list, 0.75) };
}

/** A generator of numbers in [0, 1), the same each time: a report can be made again from the same figures. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const RESAMPLES = 2000;

/** The median with its 95 % confidence interval, by bootstrap: rounds are few, and their noise has no known shape. */
export function confidence(list: readonly number[]): Stat {
  const next = random(1);
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(list.map(() => list[Math.floor(next() * list.length)]!)),
  );
  return { median: median(list), low: quantile(medians, 0.025), high: quantile(medians, 0.975) };
}
