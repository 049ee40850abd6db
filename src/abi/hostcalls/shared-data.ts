import type { HostcallTable } from '../guest.ts';
import { returnBytes, statusOf } from '../results.ts';
import { Status } from '../types.ts';

/** A key longer than this is none. */
export const KEY_MAX_BYTES = 4096;

/** Chapter "Shared Key-Value Store". Keys are shared by all VMs of the same vm id. */
export const sharedData: HostcallTable = {
  /**
   * `proxy_get_shared_data(key: *u8, key_size, return_value: **u8, return_value_size: *usize, return_cas: *u32) -> status`.
   * OK; NOT_FOUND; INTERNAL_FAILURE when the store can't be reached or wasn't granted; INVALID_MEMORY_ACCESS.
   */
  proxy_get_shared_data:
    guest => (keyPtr: number, keySize: number, ptrPtr: number, sizePtr: number, casPtr: number) => {
      const { memory } = guest;
      if (!memory.has(keyPtr, keySize) || !memory.has(casPtr, 4)) return Status.INVALID_MEMORY_ACCESS;
      if (keySize >>> 0 > KEY_MAX_BYTES) return Status.NOT_FOUND;
      const found = guest.host.sharedData(memory.latin1(keyPtr, keySize));
      if (typeof found === 'number') return found;
      const status = returnBytes(guest, found.value, ptrPtr, sizePtr);
      if (status === Status.OK) guest.memory.setU32(casPtr, found.cas);
      return status;
    },

  /**
   * `proxy_set_shared_data(key: *u8, key_size, value: *u8, value_size, cas) -> status`. `cas` 0: whatever is there; else
   * only if the key has that version. OK; CAS_MISMATCH; BAD_ARGUMENT for a key over 4 KiB or more than the filter's limits
   * allow; INTERNAL_FAILURE when the store can't be reached or wasn't granted; INVALID_MEMORY_ACCESS.
   */
  proxy_set_shared_data:
    guest => (keyPtr: number, keySize: number, valuePtr: number, valueSize: number, cas: number) => {
      const { memory, host } = guest;
      if (!memory.has(keyPtr, keySize) || !memory.has(valuePtr, valueSize))
        return Status.INVALID_MEMORY_ACCESS;
      if (keySize >>> 0 > KEY_MAX_BYTES) return Status.BAD_ARGUMENT;
      // Before it is copied.
      if (valueSize >>> 0 > host.limits.sharedDataBytes) {
        host.hit('sharedDataBytes');
        return Status.BAD_ARGUMENT;
      }
      return statusOf(
        host.setSharedData(memory.latin1(keyPtr, keySize), memory.copy(valuePtr, valueSize), cas >>> 0),
      );
    },
};
