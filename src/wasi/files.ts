import type { HostcallTable } from '../abi/guest.ts';
import { Errno } from './errno.ts';

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

/** POSIX IOV_MAX: more vectors than this in one call are refused. */
const IOVECS_MAX = 1024;
/** Bytes of one call that are looked at; the rest is counted as written and dropped. */
const WRITE_MAX_BYTES = 64 * 1024;

const FILETYPE_CHARACTER_DEVICE = 2;
const RIGHT_FD_WRITE = 64n;

const isStdio = (fd: number) => fd === STDIN || fd === STDOUT || fd === STDERR;
const badFile = () => () => Errno.BADF;
const notSupported = () => () => Errno.NOTSUP;
const stdioOnly = () => (fd: number) => (isStdio(fd) ? Errno.SUCCESS : Errno.BADF);

/** A filter has no files but stdin (empty), stdout and stderr (both go to the log). */
export const fileCalls: HostcallTable = {
  /**
   * `fd_write(fd, iovecs: *{ptr, size}, count, return_written: *usize)`: stdout is logged at info, stderr at error,
   * a line a record. BADF for another fd; INVAL for too many vectors or bytes; FAULT.
   */
  fd_write: guest => (fd: number, iovecsPtr: number, count: number, writtenPtr: number) => {
    if (fd !== STDOUT && fd !== STDERR) return Errno.BADF;
    const memory = guest.memory;
    const n = count >>> 0;
    if (n > IOVECS_MAX) return Errno.INVAL;
    if (!memory.has(iovecsPtr, n * 8) || !memory.has(writtenPtr, 4)) return Errno.FAULT;
    const parts: Buffer[] = [];
    let written = 0;
    let taken = 0;
    for (let i = 0; i < n; i++) {
      const ptr = memory.u32((iovecsPtr >>> 0) + 8 * i);
      const size = memory.u32((iovecsPtr >>> 0) + 8 * i + 4);
      if (!memory.has(ptr, size)) return Errno.FAULT;
      written += size;
      const part = Math.min(size, WRITE_MAX_BYTES - taken);
      if (part > 0) parts.push(memory.bytes.subarray(ptr, ptr + part));
      taken += part;
    }
    if (written > 0xffffffff) return Errno.INVAL;
    guest.writeStdio(fd, Buffer.concat(parts));
    memory.setU32(writtenPtr, written);
    return Errno.SUCCESS;
  },

  /** `fd_read(fd, iovecs, count, return_read: *usize)`: stdin is at its end. BADF; FAULT. */
  fd_read: guest => (fd: number, _iovecsPtr: number, _count: number, readPtr: number) => {
    if (fd !== STDIN) return Errno.BADF;
    if (!guest.memory.has(readPtr, 4)) return Errno.FAULT;
    guest.memory.setU32(readPtr, 0);
    return Errno.SUCCESS;
  },

  /** `fd_fdstat_get(fd, return_stat: *fdstat)`: a character device that can be written. BADF; FAULT. */
  fd_fdstat_get: guest => (fd: number, ptr: number) => {
    if (!isStdio(fd)) return Errno.BADF;
    const memory = guest.memory;
    if (!memory.has(ptr, 24)) return Errno.FAULT;
    memory.setU64(ptr, BigInt(FILETYPE_CHARACTER_DEVICE));
    memory.setU64((ptr >>> 0) + 8, fd === STDIN ? 0n : RIGHT_FD_WRITE);
    memory.setU64((ptr >>> 0) + 16, 0n);
    return Errno.SUCCESS;
  },

  fd_close: stdioOnly,
  fd_datasync: stdioOnly,
  fd_sync: stdioOnly,
  fd_fdstat_set_flags: stdioOnly,
  fd_fdstat_set_rights: stdioOnly,
  /** A pipe can't seek. */
  fd_seek: () => (fd: number) => (isStdio(fd) ? Errno.SPIPE : Errno.BADF),
  fd_tell: () => (fd: number) => (isStdio(fd) ? Errno.SPIPE : Errno.BADF),

  /** There is no preopened directory: BADF ends the search for one. */
  fd_prestat_get: badFile,
  fd_prestat_dir_name: badFile,
  fd_advise: badFile,
  fd_allocate: badFile,
  fd_filestat_get: badFile,
  fd_filestat_set_size: badFile,
  fd_filestat_set_times: badFile,
  fd_pread: badFile,
  fd_pwrite: badFile,
  fd_readdir: badFile,
  fd_renumber: badFile,
  path_create_directory: badFile,
  path_filestat_get: badFile,
  path_filestat_set_times: badFile,
  path_link: badFile,
  /** Envoy answers NOENT: SDKs take it for "no such file" and go on. */
  path_open: () => () => Errno.NOENT,
  path_readlink: badFile,
  path_remove_directory: badFile,
  path_rename: badFile,
  path_symlink: badFile,
  path_unlink_file: badFile,

  /** Sockets are not a filter's business. */
  sock_accept: notSupported,
  sock_recv: notSupported,
  sock_send: notSupported,
  sock_shutdown: notSupported,
};
