import { realtimeNanoseconds } from '../../engine/clock.ts';
import type { HostcallTable } from '../guest.ts';
import { Status } from '../types.ts';

/** Chapter "Clocks" (clock_time_get is in wasi/). */
export const clocks: HostcallTable = {
  /** `proxy_get_current_time_nanoseconds(return_time: *u64) -> status`: since the epoch. OK; INVALID_MEMORY_ACCESS. */
  proxy_get_current_time_nanoseconds: guest => (ptr: number) => {
    if (!guest.memory.has(ptr, 8)) return Status.INVALID_MEMORY_ACCESS;
    guest.memory.setU64(ptr, realtimeNanoseconds());
    return Status.OK;
  },
};
