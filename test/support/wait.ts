import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves with the first value of `probe` that is neither false nor undefined; fails after `limit` ms. */
export async function until<T>(
  probe: () => T | false | undefined,
  what = 'condition',
  limit = 10_000,
): Promise<T> {
  const end = performance.now() + limit;
  for (;;) {
    const value = probe();
    if (value !== false && value !== undefined) return value;
    if (performance.now() > end) throw new Error(`waited ${limit} ms for: ${what}`);
    await sleep(2);
  }
}
