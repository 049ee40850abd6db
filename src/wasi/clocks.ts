import { randomFillSync } from 'node:crypto';
import type { HostcallTable } from '../abi/guest.ts';
import { realtimeNanoseconds } from '../engine/clock.ts';
import { Errno } from './errno.ts';

const REALTIME = 0;
const MONOTONIC = 1;
/** What `performance.now` gives: microseconds. */
const RESOLUTION_NANOSECONDS = 1000n;

/** As Envoy's host, and the limit of the web's getRandomValues. */
export const RANDOM_MAX_BYTES = 64 * 1024;

const SUBSCRIPTION_SIZE = 48;
const EVENT_SIZE = 32;

/** Clocks, randomness, polling. */
export const clockCalls: HostcallTable = {
  /** `clock_res_get(id, return_resolution: *u64)`. NOTSUP for other clocks than realtime and monotonic; FAULT. */
  clock_res_get: guest => (id: number, ptr: number) => {
    if (id !== REALTIME && id !== MONOTONIC) return Errno.NOTSUP;
    if (!guest.memory.has(ptr, 8)) return Errno.FAULT;
    guest.memory.setU64(ptr, RESOLUTION_NANOSECONDS);
    return Errno.SUCCESS;
  },

  /** `clock_time_get(id, precision: u64, return_time: *u64)` in nanoseconds. NOTSUP; FAULT. */
  clock_time_get: guest => (id: number, _precision: bigint, ptr: number) => {
    if (id !== REALTIME && id !== MONOTONIC) return Errno.NOTSUP;
    if (!guest.memory.has(ptr, 8)) return Errno.FAULT;
    guest.memory.setU64(ptr, id === REALTIME ? realtimeNanoseconds() : process.hrtime.bigint());
    return Errno.SUCCESS;
  },

  /** `random_get(buf: *u8, size)`. INVAL over RANDOM_MAX_BYTES; FAULT. */
  random_get: guest => (ptr: number, size: number) => {
    const n = size >>> 0;
    if (n > RANDOM_MAX_BYTES) return Errno.INVAL;
    if (!guest.memory.has(ptr, n)) return Errno.FAULT;
    randomFillSync(guest.memory.bytes, ptr >>> 0, n);
    return Errno.SUCCESS;
  },

  /**
   * `poll_oneoff(subscriptions, events, count, return_count: *u32)`: everything is ready at once and no clock is
   * waited for, since a filter that sleeps would stop the proxy. Go's runtime needs this to succeed.
   * INVAL for no subscription; FAULT.
   */
  poll_oneoff: guest => (subscriptionsPtr: number, eventsPtr: number, count: number, countPtr: number) => {
    const memory = guest.memory;
    const n = count >>> 0;
    if (n === 0) return Errno.INVAL;
    const fits =
      n <= memory.size / SUBSCRIPTION_SIZE &&
      memory.has(subscriptionsPtr, n * SUBSCRIPTION_SIZE) &&
      memory.has(eventsPtr, n * EVENT_SIZE) &&
      memory.has(countPtr, 4);
    if (!fits) return Errno.FAULT;
    const bytes = memory.bytes;
    for (let i = 0; i < n; i++) {
      const from = (subscriptionsPtr >>> 0) + i * SUBSCRIPTION_SIZE;
      const to = (eventsPtr >>> 0) + i * EVENT_SIZE;
      const tag = bytes[from + 8]!;
      bytes.copyWithin(to, from, from + 8);
      bytes.fill(0, to + 8, to + EVENT_SIZE);
      bytes[to + 10] = tag;
    }
    memory.setU32(countPtr, n);
    return Errno.SUCCESS;
  },
};
