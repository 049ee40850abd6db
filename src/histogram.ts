/** How long things took, counted by ranges: plain numbers, read when metrics are asked for. */
export class Histogram {
  /** Upper bounds of the ranges in ms, ascending. */
  readonly bounds: readonly number[];
  /** What fell into each range; what was above all of them; the sum in ms. */
  readonly cells: Float64Array;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.cells = new Float64Array(bounds.length + 2);
  }

  observe(ms: number): void {
    const { bounds, cells } = this;
    let i = 0;
    while (i < bounds.length && ms > bounds[i]!) i++;
    cells[i]!++;
    cells[bounds.length + 1]! += ms;
  }
}

/** Of requests, in ms. */
export const REQUEST_BOUNDS: readonly number[] = [
  0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
];

/** Of callbacks, in ms. */
export const CALLBACK_BOUNDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 100, 1000,
];
