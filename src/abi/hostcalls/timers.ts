import type { HostcallTable } from '../guest.ts';

/** Chapter "Timers". */
export const timers: HostcallTable = {
  /**
   * `proxy_set_tick_period_milliseconds(period) -> status`: proxy_on_tick is called on the root context every `period`
   * ms from now on; 0: no more. OK.
   */
  proxy_set_tick_period_milliseconds: guest => (period: number) => guest.host.setTickPeriod(period >>> 0),
};
