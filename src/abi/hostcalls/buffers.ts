import type { HostcallTable } from '../guest.ts';
import { returnRange } from '../results.ts';
import { BUFFER_TYPE_MAX, Status } from '../types.ts';

/** Chapter "Buffers". Sizes are u32: SDKs ask for 0xFFFFFFFF bytes and mean "all". */
export const buffers: HostcallTable = {
  /**
   * `proxy_get_buffer_bytes(type, start, max_size, return_data: **u8, return_size: *usize) -> status`.
   * Up to `max_size` bytes from `start`; from past the end null and 0.
   * OK; BAD_ARGUMENT for an unknown type or start + max_size past u32; NOT_FOUND when not available now;
   * INVALID_MEMORY_ACCESS.
   */
  proxy_get_buffer_bytes:
    guest => (type: number, start: number, maxSize: number, ptrPtr: number, sizePtr: number) => {
      if (type >>> 0 > BUFFER_TYPE_MAX) return Status.BAD_ARGUMENT;
      const buffer = guest.host.buffer(type);
      if (buffer === undefined) return Status.NOT_FOUND;
      const from = start >>> 0;
      const most = maxSize >>> 0;
      if (from + most > 0xffffffff) return Status.BAD_ARGUMENT;
      const size = from >= buffer.length ? 0 : Math.min(most, buffer.length - from);
      return returnRange(guest, buffer, from, size, ptrPtr, sizePtr);
    },

  /**
   * `proxy_get_buffer_status(type, return_size: *usize, return_unused: *u32) -> status`.
   * OK; BAD_ARGUMENT for an unknown type; NOT_FOUND; INVALID_MEMORY_ACCESS.
   */
  proxy_get_buffer_status: guest => (type: number, sizePtr: number, unusedPtr: number) => {
    if (type >>> 0 > BUFFER_TYPE_MAX) return Status.BAD_ARGUMENT;
    const buffer = guest.host.buffer(type);
    if (buffer === undefined) return Status.NOT_FOUND;
    const memory = guest.memory;
    if (!memory.has(sizePtr, 4) || !memory.has(unusedPtr, 4)) return Status.INVALID_MEMORY_ACCESS;
    memory.setU32(sizePtr, buffer.length);
    memory.setU32(unusedPtr, 0);
    return Status.OK;
  },

  /**
   * `proxy_set_buffer_bytes(type, start, size, value: *u8, value_size) -> status`: replaces `size` bytes at `start`.
   * (0, 0) prepends, a start at or past the end appends, a size past the end replaces up to the end.
   * OK; BAD_ARGUMENT for an unknown type, or when the buffer would outgrow the filter's limit; NOT_FOUND when it
   * can't be changed now; INVALID_MEMORY_ACCESS.
   */
  proxy_set_buffer_bytes:
    guest => (type: number, start: number, size: number, ptr: number, valueSize: number) => {
      if (type >>> 0 > BUFFER_TYPE_MAX) return Status.BAD_ARGUMENT;
      const buffer = guest.host.writableBuffer(type);
      if (buffer === undefined) return Status.NOT_FOUND;
      if (!guest.memory.has(ptr, valueSize)) return Status.INVALID_MEMORY_ACCESS;
      const from = start >>> 0;
      const removed = from >= buffer.length ? 0 : Math.min(size >>> 0, buffer.length - from);
      const length = buffer.length - removed + (valueSize >>> 0);
      if (length > buffer.length && length > guest.host.limits.bufferedBody) {
        guest.host.hit('bufferedBody');
        return Status.BAD_ARGUMENT;
      }
      buffer.splice(from, size >>> 0, guest.memory.copy(ptr, valueSize));
      return Status.OK;
    },
};
