import type { Hostcall } from '../abi/guest.ts';
import { GuestError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Context } from './context.ts';

/** Thrown through a guest by proc_exit. */
export class Exit extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`proc_exit(${status})`);
    this.status = status;
  }
}

/** The guest did what it may not: thrown through it. */
export class Forbidden extends Error {}

/** Where exceptions of hostcalls are remembered: the VM. */
interface Witness {
  threw(error: unknown): void;
  readonly thrown: unknown;
}

/** A hostcall for a guest with exception handling, which could catch what the hostcall throws and go on. */
export function guarded(hostcall: Hostcall, vm: Witness): Hostcall {
  return (...args) => {
    if (vm.thrown !== undefined) throw vm.thrown;
    try {
      return hostcall(...args);
    } catch (error) {
      vm.threw(error);
      throw error;
    }
  };
}

/** What ended a VM, counted and named: interruption, exit, trap, an exception of the guest's, or a fault of ours. */
export function guestError(
  error: unknown,
  context: Context,
  callback: string,
  interrupted: boolean,
  memoryFull: boolean,
): GuestError {
  const { counters, limits } = context.state;
  const cause = { cause: error };
  const what = error instanceof Error ? error.message : String(error);
  const fail = (code: 'GUEST_TIMEOUT' | 'GUEST_EXIT' | 'GUEST_TRAP', message: string, whole = true) =>
    new GuestError(code, context.name, callback, message, {
      ...cause,
      hostState: whole ? 'whole' : 'unknown',
    });

  if (error instanceof Exit) {
    counters.exits++;
    return fail('GUEST_EXIT', `the guest called ${what}`);
  }
  if (error instanceof Forbidden) {
    counters.traps++;
    return fail('GUEST_TRAP', what);
  }
  if (interrupted && error instanceof WebAssembly.RuntimeError) {
    const name = context.callTime === limits.callTime ? 'callTime' : 'startTime';
    counters.interruptions++;
    counters.limitHits[name]++;
    return fail('GUEST_TIMEOUT', `ran longer than limits.${name} (${context.callTime} ms)`);
  }
  if (error instanceof WebAssembly.RuntimeError) {
    counters.traps++;
    const full = memoryFull ? `; its memory is at limits.memory (${limits.memory} bytes)` : '';
    return fail('GUEST_TRAP', `trap: ${what}${full}`);
  }
  if (error instanceof WebAssembly.Exception) {
    counters.traps++;
    return fail('GUEST_TRAP', 'trap: the guest threw an exception that nobody caught');
  }
  if (error instanceof RangeError && /call stack/.test(what)) {
    counters.traps++;
    // When it ran out inside a hostcall, that one may have done half of its work.
    return fail('GUEST_TRAP', `trap: ${what}`, framesOf(error)[0]?.includes('wasm') === true);
  }
  counters.hostFaults++;
  return fail('GUEST_TRAP', `fault in a hostcall: ${what}`, false);
}

/** Lines of an error's stack, innermost first. */
function framesOf(error: Error): string[] {
  return (error.stack ?? '').split('\n').filter(line => line.startsWith('    at '));
}

const WASM_FRAME = /^ {4}at (?:(.*) \()?wasm:\/\/.*?wasm-function\[(\d+)\]/;

/** The guest's own frames, innermost first: function names where the module has them, and indices. */
export function backtrace(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const frames: string[] = [];
  for (const line of framesOf(error)) {
    const frame = WASM_FRAME.exec(line);
    if (frame !== null)
      frames.push(frame[1] === undefined ? `function ${frame[2]}` : `${frame[1]} (function ${frame[2]})`);
  }
  return frames;
}

/** Logs what ended a VM: filter, callback, cause and, where there is one, the guest's backtrace. */
export function reportGuestError(log: Log, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof GuestError)) {
    log.error({ stack: error instanceof Error ? error.stack : undefined }, message);
    return;
  }
  const { filter, callback, code, cause } = error;
  const frames = backtrace(cause);
  // A fault of ours: our own frames say more.
  const ours = frames.length === 0 || error.hostState === 'unknown';
  const stack = ours && cause instanceof Error ? cause.stack : undefined;
  log.error(
    { filter, callback, code, backtrace: frames, ...(stack === undefined ? {} : { stack }) },
    message,
  );
}
