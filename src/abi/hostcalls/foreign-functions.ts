import type { HostcallTable } from '../guest.ts';
import { returnBytes } from '../results.ts';
import { Status } from '../types.ts';

export const FUNCTION_NAME_MAX_BYTES = 256;

/** Chapter "Foreign function interface". */
export const foreignFunctions: HostcallTable = {
  /**
   * `proxy_call_foreign_function(name: *u8, name_size, args: *u8, args_size, return_results: **u8, return_results_size:
   * *usize) -> status`. A null pointer for the results: they aren't wanted.
   * OK; NOT_FOUND: there is no such function; BAD_ARGUMENT for more than the filter may hold, and what the function says;
   * INTERNAL_FAILURE when it fails; INVALID_MEMORY_ACCESS.
   */
  proxy_call_foreign_function:
    guest =>
    (
      namePtr: number,
      nameSize: number,
      argsPtr: number,
      argsSize: number,
      ptrPtr: number,
      sizePtr: number,
    ) => {
      const { memory, host } = guest;
      if (!memory.has(namePtr, nameSize) || !memory.has(argsPtr, argsSize))
        return Status.INVALID_MEMORY_ACCESS;
      if (nameSize >>> 0 > FUNCTION_NAME_MAX_BYTES) return Status.NOT_FOUND;
      if (argsSize >>> 0 > host.limits.bufferedBody) {
        host.hit('bufferedBody');
        return Status.BAD_ARGUMENT;
      }
      const wanted = ptrPtr !== 0 || sizePtr !== 0;
      // Before the function does what it does.
      if (wanted && (!memory.has(ptrPtr, 4) || !memory.has(sizePtr, 4))) return Status.INVALID_MEMORY_ACCESS;
      const result = host.callForeignFunction(
        memory.latin1(namePtr, nameSize),
        memory.copy(argsPtr, argsSize),
      );
      if (typeof result === 'number') return result;
      return wanted ? returnBytes(guest, result, ptrPtr, sizePtr) : Status.OK;
    },
};
