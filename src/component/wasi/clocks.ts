import { realtimeNanoseconds } from '../../engine/clock.ts';
import { Pollable, type WasiInstance } from './io/index.ts';

const NANOSECONDS = 1_000_000_000n;
/** Longest that setTimeout waits; a longer wait is asked again. */
const TIMER_MAX_MILLISECONDS = 2 ** 31 - 1;

/** Record `wasi:clocks/wall-clock.datetime`: since 1970, UTC. */
export interface Datetime {
  readonly seconds: bigint;
  /** Below 1e9. */
  readonly nanoseconds: number;
}

/** Nanoseconds since 1970 as a datetime; undefined before 1970, which a datetime can't say. */
export function datetime(nanoseconds: bigint): Datetime | undefined {
  if (nanoseconds < 0n) return undefined;
  return { seconds: nanoseconds / NANOSECONDS, nanoseconds: Number(nanoseconds % NANOSECONDS) };
}

/** A pollable that is ready from `when` on, on the monotonic clock in nanoseconds. */
function alarm(instance: WasiInstance, when: bigint): Pollable {
  let timer: NodeJS.Timeout | undefined;
  let waiting: Promise<void> | undefined;
  const clear = () => {
    clearTimeout(timer);
    forget();
  };
  const forget = instance.onClose(clear);
  const ask = () => {
    const left = when - process.hrtime.bigint();
    if (left <= 0n) {
      clear();
      return undefined;
    }
    waiting ??= new Promise<void>(resolve => {
      // Where nothing waits, nothing has to wake.
      if (instance.mode === 'sync') return;
      const milliseconds = left / 1_000_000n + 1n;
      const delay =
        milliseconds < BigInt(TIMER_MAX_MILLISECONDS) ? Number(milliseconds) : TIMER_MAX_MILLISECONDS;
      timer = setTimeout(() => {
        waiting = undefined;
        resolve();
      }, delay).unref();
    });
    return waiting;
  };
  try {
    return new Pollable(instance, ask, clear);
  } catch (error) {
    forget();
    throw error;
  }
}

/** `wasi:clocks/monotonic-clock` 0.2 (wit/monotonic-clock.wit): nanoseconds since a point in the past. */
export function monotonicClock(instance: WasiInstance): object {
  return {
    now: () => process.hrtime.bigint(),
    resolution: () => 1n,
    subscribeInstant: (when: bigint) => alarm(instance, when),
    subscribeDuration: (duration: bigint) => alarm(instance, process.hrtime.bigint() + duration),
  };
}

/** `wasi:clocks/wall-clock` 0.2 (wit/wall-clock.wit), at a microsecond's resolution. */
export const wallClock: object = {
  now: () => datetime(realtimeNanoseconds()),
  resolution: () => datetime(1000n),
};

/** `wasi:clocks/timezone` 0.2 (wit/timezone.wit, unstable): UTC, whatever the machine is set to. */
export const timezone: object = {
  display: () => ({ utcOffset: 0, name: 'UTC', inDaylightSavingTime: false }),
  utcOffset: () => 0,
};
