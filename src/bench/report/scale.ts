import { fixed } from './numbers.ts';

/** A tick: where it is, and what it says; nothing where others stand too near. */
export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** From a figure to a place along an axis. */
export interface Scale {
  readonly place: (value: number) => number;
  readonly ticks: readonly Tick[];
}

/** Larger than anything that a chart could show. */
const LARGEST = 1e15;

function sane(values: readonly number[]): number[] {
  return values.filter(value => Math.abs(value) < LARGEST);
}

function scale(low: number, high: number, from: number, to: number, map: (value: number) => number) {
  const start = map(low);
  const span = map(high) - start;
  return (value: number): number => {
    const share = (map(Math.min(high, Math.max(low, value))) - start) / span;
    return from + (Number.isFinite(share) ? share : 0) * (to - from);
  };
}

/** Round steps that hold all the values and zero, about `steps` of them. */
export function linear(values: readonly number[], from: number, to: number, steps: number): Scale {
  const known = sane(values);
  const low = Math.min(0, ...known);
  let high = Math.max(0, ...known);
  if (high - low < 1e-9) high = low + 1;
  const step = roundStep((high - low) / steps);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  const place = scale(first * step, last * step, from, to, value => value);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks: Tick[] = [];
  for (let n = first; n <= last; n++) {
    ticks.push({ at: place(n * step), label: fixed(n * step, decimals) });
  }
  return { place, ticks };
}

function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  const round = [1, 2, 5, 10].find(times => times * power >= step * 0.999) ?? 10;
  return round * power;
}

/** Ticks at 1, 2 and 5 of each decade; all values are greater than zero. */
export function logarithmic(values: readonly number[], from: number, to: number): Scale {
  const known = sane(values);
  const steps: number[] = [];
  const decade = Math.floor(Math.log10(Math.min(...known)));
  for (let power = decade; power <= Math.ceil(Math.log10(Math.max(...known))); power++) {
    steps.push(...[1, 2, 5].map(times => times * 10 ** power));
  }
  const low = steps.findLast(step => step <= Math.min(...known)) ?? steps[0]!;
  const high = steps.find(step => step >= Math.max(...known)) ?? steps.at(-1)!;
  const shown = steps.filter(step => step >= low && step <= high);
  const place = scale(low, high, from, to, Math.log10);
  const sparse = shown.length > 8;
  const ticks = shown
    .filter(step => !sparse || Math.abs(Math.log10(step) % 1) < 1e-9)
    .map(step => ({
      at: place(step),
      label: fixed(step, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))),
    }));
  return { place, ticks };
}

/** Logarithmic where the values are far apart. */
export function fitting(values: readonly number[], from: number, to: number, steps: number): Scale {
  const known = sane(values);
  const low = Math.min(...known);
  return known.length > 0 && low > 0 && Math.max(...known) / low >= 20
    ? logarithmic(known, from, to)
    : linear(known, from, to, steps);
}

const SHOWN = [50, 90, 99, 99.9];
const nines = (percentile: number) => -Math.log10(1 - percentile / 100);

/** Percentiles from 50 to 99.9: each nine takes the same room. */
export function percentiles(from: number, to: number): Scale {
  const place = scale(SHOWN[0]!, SHOWN.at(-1)!, from, to, nines);
  return { place, ticks: SHOWN.map(value => ({ at: place(value), label: `${value} %` })) };
}

/** A tick at each of the values and no other; labels that would overlap are left out. */
export function exact(values: readonly number[], from: number, to: number): Scale {
  const known = [...new Set(sane(values))].sort((a, b) => a - b);
  const high = Math.max(1, ...known);
  const place = scale(0, high, from, to, value => value);
  let free = Number.NEGATIVE_INFINITY;
  const ticks = known.map(value => {
    const at = place(value);
    const label = fixed(value, 0);
    const half = label.length * 4;
    if (at - half < free) return { at, label: '' };
    free = at + half + 4;
    return { at, label };
  });
  return { place, ticks };
}
