import { IoError } from '../io/index.ts';

/** Enum `wasi:filesystem/types.error-code`: what we answer. Thrown as it is, which jco takes for `err`. */
export type ErrorCode =
  | 'access'
  | 'would-block'
  | 'already'
  | 'bad-descriptor'
  | 'busy'
  | 'quota'
  | 'exist'
  | 'file-too-large'
  | 'illegal-byte-sequence'
  | 'interrupted'
  | 'invalid'
  | 'io'
  | 'is-directory'
  | 'loop'
  | 'too-many-links'
  | 'name-too-long'
  | 'no-device'
  | 'no-entry'
  | 'insufficient-memory'
  | 'insufficient-space'
  | 'not-directory'
  | 'not-empty'
  | 'unsupported'
  | 'no-such-device'
  | 'overflow'
  | 'not-permitted'
  | 'read-only'
  | 'text-file-busy'
  | 'cross-device';

const CODES: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'access',
  EAGAIN: 'would-block',
  EBADF: 'bad-descriptor',
  EBUSY: 'busy',
  EDQUOT: 'quota',
  EEXIST: 'exist',
  EFBIG: 'file-too-large',
  EILSEQ: 'illegal-byte-sequence',
  EINTR: 'interrupted',
  EINVAL: 'invalid',
  EISDIR: 'is-directory',
  ELOOP: 'loop',
  EMFILE: 'insufficient-memory',
  EMLINK: 'too-many-links',
  ENAMETOOLONG: 'name-too-long',
  ENFILE: 'insufficient-memory',
  ENODEV: 'no-device',
  ENOENT: 'no-entry',
  ENOMEM: 'insufficient-memory',
  ENOSPC: 'insufficient-space',
  ENOTDIR: 'not-directory',
  ENOTEMPTY: 'not-empty',
  ENOTSUP: 'unsupported',
  ENXIO: 'no-such-device',
  EOPNOTSUPP: 'unsupported',
  EOVERFLOW: 'overflow',
  EPERM: 'not-permitted',
  EROFS: 'read-only',
  ETXTBSY: 'text-file-busy',
  EXDEV: 'cross-device',
};

/** What a failed system call of node:fs means to the guest; its message, which holds paths of the host, stays here. */
export function codeOf(error: unknown): ErrorCode {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return (code === undefined ? undefined : CODES[code]) ?? 'io';
}

/** Runs a call of node:fs; throws its failure as an ErrorCode. */
export function system<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw codeOf(error);
  }
}

/** An `error` of wasi:io that `filesystem-error-code` knows the code of. */
export class FileError extends IoError {
  readonly fileCode: ErrorCode;

  constructor(code: ErrorCode) {
    super(code, code);
    this.fileCode = code;
  }
}
