import type { HttpGuest } from '../component/http/guest.ts';
import { GuestError, ModuleError, PluginError } from '../errors.ts';
import type { Context } from './context.ts';
import { guestError } from './death.ts';

/** A stretch between two waits is many calls, and garbage is collected in it: so many times `limits.callTime`. */
export const CALLS_PER_STRETCH = 5;

const PAGE = 65_536;

/**
 * What a wasi:http guest died of, counted and named. `guest` undefined: it was being made.
 */
export function httpDeath(
  error: unknown,
  context: Context,
  callback: string,
  guest: HttpGuest | undefined,
): Error {
  if (error instanceof PluginError || error instanceof ModuleError) return error;
  const death = guest?.segments.death;
  if (death === 'unwatched') return new PluginError('PLUGIN_DOWN', 'nobody watched its time');
  if (death === 'exhausted') {
    const { counters } = context.state;
    counters.interruptions++;
    counters.limitHits.callTime++;
    const text = `computed longer than a hundred times limits.callTime (${context.limits.callTime} ms) for one request`;
    return new GuestError('GUEST_TIMEOUT', context.name, callback, text, { cause: error });
  }
  if (guest !== undefined && death === 'interrupted') {
    const { counters, limits } = context.state;
    const { budget } = guest.segments;
    const name = budget === limits.startTime ? 'startTime' : 'callTime';
    counters.interruptions++;
    counters.limitHits[name]++;
    const most = name === 'startTime' ? 'limits.startTime' : `${CALLS_PER_STRETCH} times limits.callTime`;
    const text = `ran longer than ${most} (${budget} ms) without waiting`;
    return new GuestError('GUEST_TIMEOUT', context.name, callback, text, { cause: error });
  }
  return guestError(error, context, callback, death === 'interrupted', guest !== undefined && isFull(guest));
}

function isFull({ memories }: HttpGuest): boolean {
  return memories.some(({ own, maxima }) =>
    own.some((memory, i) => memory.buffer.byteLength >= maxima[i]! * PAGE),
  );
}
