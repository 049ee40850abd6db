import type { HostcallTable } from '../guest.ts';
import { LOG_LEVELS, Status } from '../types.ts';

/** A message longer than this is cut: a log line is for people. */
export const LOG_MESSAGE_MAX_BYTES = 16 * 1024;

const ERROR = LOG_LEVELS.indexOf('error');

/** Chapter "Logging" (fd_write is in wasi/). */
export const logging: HostcallTable = {
  /**
   * `proxy_log(level, message: *u8, size) -> status`.
   * OK; BAD_ARGUMENT for an unknown level; INVALID_MEMORY_ACCESS.
   */
  proxy_log: guest => (level: number, ptr: number, size: number) => {
    if (level >>> 0 >= LOG_LEVELS.length) return Status.BAD_ARGUMENT;
    if (!guest.memory.has(ptr, size)) return Status.INVALID_MEMORY_ACCESS;
    const host = guest.host;
    // Errors always: the last one is the reason when the guest refuses to start, whatever the log keeps.
    if (level >= Math.min(host.logLevel, ERROR))
      host.log(level, guest.memory.utf8(ptr, Math.min(size >>> 0, LOG_MESSAGE_MAX_BYTES)));
    return Status.OK;
  },
};

/** ABI 0.2.1. */
export const logLevel: HostcallTable = {
  /** `proxy_get_log_level(return_level: *u32) -> status`. OK; INVALID_MEMORY_ACCESS. */
  proxy_get_log_level: guest => (ptr: number) => {
    if (!guest.memory.has(ptr, 4)) return Status.INVALID_MEMORY_ACCESS;
    guest.memory.setU32(ptr, guest.host.logLevel);
    return Status.OK;
  },
};
