import type { HostcallTable } from '../guest.ts';
import { returnBytes } from '../results.ts';
import { Status } from '../types.ts';

/** A path longer than this names nothing. */
const PATH_MAX_BYTES = 4096;

/** Chapter "Properties". Path segments are separated by NUL; a NUL at the end is ignored. */
export const properties: HostcallTable = {
  /**
   * `proxy_get_property(path: *u8, path_size, return_data: **u8, return_size: *usize) -> status`.
   * OK; NOT_FOUND; INVALID_MEMORY_ACCESS.
   */
  proxy_get_property: guest => (pathPtr: number, pathSize: number, ptrPtr: number, sizePtr: number) => {
    if (!guest.memory.has(pathPtr, pathSize)) return Status.INVALID_MEMORY_ACCESS;
    if (pathSize >>> 0 > PATH_MAX_BYTES) return Status.NOT_FOUND;
    const path = guest.memory.latin1(pathPtr, pathSize);
    const value = guest.host.property(path.endsWith('\0') ? path.slice(0, -1) : path);
    if (value === undefined) return Status.NOT_FOUND;
    return returnBytes(guest, value, ptrPtr, sizePtr);
  },

  /**
   * `proxy_set_property(path: *u8, path_size, value: *u8, value_size) -> status`: seen by the filters after this
   * one, on the same stream. OK; NOT_FOUND outside a stream; BAD_ARGUMENT for a property that is the host's, an
   * empty path or too much; INVALID_MEMORY_ACCESS.
   */
  proxy_set_property: guest => (pathPtr: number, pathSize: number, valuePtr: number, valueSize: number) => {
    const memory = guest.memory;
    if (!memory.has(pathPtr, pathSize) || !memory.has(valuePtr, valueSize))
      return Status.INVALID_MEMORY_ACCESS;
    if (pathSize === 0 || pathSize >>> 0 > PATH_MAX_BYTES) return Status.BAD_ARGUMENT;
    const { host } = guest;
    // Before it is copied.
    if (valueSize >>> 0 > host.limits.propertyBytes) {
      host.hit('propertyBytes');
      return Status.BAD_ARGUMENT;
    }
    const path = memory.latin1(pathPtr, pathSize);
    return host.setProperty(path.endsWith('\0') ? path.slice(0, -1) : path, memory.copy(valuePtr, valueSize));
  },
};
