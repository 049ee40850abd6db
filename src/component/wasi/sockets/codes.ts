import { IoError } from '../io/index.ts';

/** Enum `wasi:sockets/network.error-code`. Thrown as it is, which jco takes for `err`. */
export type ErrorCode =
  | 'unknown'
  | 'access-denied'
  | 'not-supported'
  | 'invalid-argument'
  | 'out-of-memory'
  | 'timeout'
  | 'concurrency-conflict'
  | 'not-in-progress'
  | 'would-block'
  | 'invalid-state'
  | 'new-socket-limit'
  | 'address-not-bindable'
  | 'address-in-use'
  | 'remote-unreachable'
  | 'connection-refused'
  | 'connection-reset'
  | 'connection-aborted'
  | 'datagram-too-large'
  | 'name-unresolvable'
  | 'temporary-resolver-failure'
  | 'permanent-resolver-failure';

const CODES: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'access-denied',
  EPERM: 'access-denied',
  ENOMEM: 'out-of-memory',
  ENOBUFS: 'out-of-memory',
  EMFILE: 'new-socket-limit',
  ENFILE: 'new-socket-limit',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'remote-unreachable',
  EHOSTDOWN: 'remote-unreachable',
  ENETUNREACH: 'remote-unreachable',
  ENETDOWN: 'remote-unreachable',
  EADDRNOTAVAIL: 'address-not-bindable',
  EADDRINUSE: 'address-in-use',
  ECONNREFUSED: 'connection-refused',
  ECONNRESET: 'connection-reset',
  EPIPE: 'connection-reset',
  ECONNABORTED: 'connection-aborted',
  EAI_AGAIN: 'temporary-resolver-failure',
  ENOTFOUND: 'name-unresolvable',
  EAI_FAIL: 'permanent-resolver-failure',
};

/** What a failure of node:net or node:dns means to the guest. */
export function codeOf(error: unknown): ErrorCode {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return (code === undefined ? undefined : CODES[code]) ?? 'unknown';
}

/** An `error` of wasi:io that `network-error-code` knows the code of. */
export class SocketError extends IoError {
  readonly socketCode: ErrorCode;

  constructor(code: ErrorCode) {
    super(code, code);
    this.socketCode = code;
  }
}
