import type { Guest, HostcallTable } from '../abi/guest.ts';
import { Errno } from './errno.ts';

function returnTwo(guest: Guest, firstPtr: number, first: number, secondPtr: number, second: number): number {
  const memory = guest.memory;
  if (!memory.has(firstPtr, 4) || !memory.has(secondPtr, 4)) return Errno.FAULT;
  memory.setU32(firstPtr, first);
  memory.setU32(secondPtr, second);
  return Errno.SUCCESS;
}

/** Arguments, environment, exit, scheduling. */
export const processCalls: HostcallTable = {
  /** `args_sizes_get(return_argc, return_argv_buf_size)`: there are none. FAULT. */
  args_sizes_get: guest => (argcPtr: number, sizePtr: number) => returnTwo(guest, argcPtr, 0, sizePtr, 0),

  /** `args_get(argv, argv_buf)`: nothing to write. */
  args_get: () => () => Errno.SUCCESS,

  /** `environ_sizes_get(return_count, return_buf_size)`. FAULT. */
  environ_sizes_get: guest => (countPtr: number, sizePtr: number) => {
    const variables = guest.environment;
    const size = variables.reduce((sum, v) => sum + v.length, 0);
    return returnTwo(guest, countPtr, variables.length, sizePtr, size);
  },

  /** `environ_get(environ: **u8, environ_buf: *u8)`: the variables that the filter's configuration names. FAULT. */
  environ_get: guest => (environPtr: number, bufferPtr: number) => {
    const memory = guest.memory;
    const variables = guest.environment;
    const size = variables.reduce((sum, v) => sum + v.length, 0);
    if (!memory.has(environPtr, variables.length * 4) || !memory.has(bufferPtr, size)) return Errno.FAULT;
    let at = bufferPtr >>> 0;
    variables.forEach((variable, i) => {
      memory.setU32((environPtr >>> 0) + 4 * i, at);
      memory.write(at, variable);
      at += variable.length;
    });
    return Errno.SUCCESS;
  },

  /** `proc_exit(code)`: ends the VM. */
  proc_exit: guest => (code: number) => guest.exit(code >>> 0),
  /** `proc_raise(signal)`: a signal that nobody handles ends the VM. */
  proc_raise: guest => (signal: number) => guest.exit(128 + (signal & 0x7f)),
  /** `sched_yield()`: there is nobody to yield to. */
  sched_yield: () => () => Errno.SUCCESS,
};
