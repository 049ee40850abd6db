import type { HostcallTable } from '../guest.ts';
import { returnRange } from '../results.ts';

/** Chapter "Configuration". From 0.2.0 on, configuration is read as a buffer. */
export const configuration010: HostcallTable = {
  /**
   * `proxy_get_configuration(return_data: **u8, return_size: *usize) -> status` (ABI 0.1.0): the VM configuration
   * in proxy_on_vm_start, the plugin configuration in proxy_on_configure, else empty.
   * OK; INVALID_MEMORY_ACCESS.
   */
  proxy_get_configuration: guest => (ptrPtr: number, sizePtr: number) => {
    const value = guest.host.configuration();
    return returnRange(guest, value, 0, value.length, ptrPtr, sizePtr);
  },
};
