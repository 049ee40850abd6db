import type { UpstreamError } from '../../errors.ts';
import { IoError } from '../wasi/io/index.ts';

type Plain =
  | 'DNS-timeout'
  | 'destination-not-found'
  | 'destination-unavailable'
  | 'destination-IP-prohibited'
  | 'destination-IP-unroutable'
  | 'connection-refused'
  | 'connection-terminated'
  | 'connection-timeout'
  | 'connection-read-timeout'
  | 'connection-write-timeout'
  | 'connection-limit-reached'
  | 'TLS-protocol-error'
  | 'TLS-certificate-error'
  | 'HTTP-request-denied'
  | 'HTTP-request-length-required'
  | 'HTTP-request-method-invalid'
  | 'HTTP-request-URI-invalid'
  | 'HTTP-request-URI-too-long'
  | 'HTTP-response-incomplete'
  | 'HTTP-response-timeout'
  | 'HTTP-upgrade-failed'
  | 'HTTP-protocol-error'
  | 'loop-detected'
  | 'configuration-error';

/** Variant `wasi:http/types.error-code` (wasi-http 0.2, wit/types.wit): those with a payload that Weir makes, and the rest. */
export type ErrorCode =
  | { readonly tag: Plain }
  | { readonly tag: 'DNS-error'; readonly val: { readonly rcode?: string; readonly infoCode?: number } }
  | { readonly tag: 'HTTP-request-body-size' | 'HTTP-response-body-size'; readonly val: bigint | undefined }
  | { readonly tag: 'internal-error'; readonly val: string | undefined }
  | { readonly tag: OtherTag; readonly val: unknown };

type OtherTag =
  | 'TLS-alert-received'
  | 'HTTP-request-header-section-size'
  | 'HTTP-request-header-size'
  | 'HTTP-request-trailer-section-size'
  | 'HTTP-request-trailer-size'
  | 'HTTP-response-header-section-size'
  | 'HTTP-response-header-size'
  | 'HTTP-response-trailer-section-size'
  | 'HTTP-response-trailer-size'
  | 'HTTP-response-transfer-coding'
  | 'HTTP-response-content-coding';

/** What an upstream's failure is to a guest. `begun`: response headers had come. */
export function errorCodeOf({ code, phase, message }: UpstreamError, begun: boolean): ErrorCode {
  switch (code) {
    case 'UPSTREAM_TIMEOUT':
      if (phase === 'connect') return { tag: 'connection-timeout' };
      return { tag: begun ? 'connection-read-timeout' : 'HTTP-response-timeout' };
    case 'UPSTREAM_PROTOCOL':
      return { tag: 'HTTP-protocol-error' };
    case 'UPSTREAM_CONNECT':
      if (message === 'ENOTFOUND' || message === 'EAI_AGAIN') return { tag: 'DNS-error', val: {} };
      if (message === 'no endpoint') return { tag: 'destination-unavailable' };
      return { tag: 'connection-refused' };
    default:
      return { tag: begun ? 'HTTP-response-incomplete' : 'connection-terminated' };
  }
}

const STATUS: Readonly<Partial<Record<ErrorCode['tag'], number>>> = {
  'DNS-timeout': 504,
  'connection-timeout': 504,
  'connection-read-timeout': 504,
  'connection-write-timeout': 504,
  'HTTP-response-timeout': 504,
  'destination-unavailable': 503,
  'connection-limit-reached': 503,
  'HTTP-request-length-required': 411,
  'HTTP-request-body-size': 413,
  'HTTP-request-method-invalid': 405,
  'HTTP-request-URI-invalid': 400,
  'HTTP-request-URI-too-long': 414,
  'HTTP-request-header-section-size': 431,
  'HTTP-request-header-size': 431,
  'loop-detected': 508,
  'configuration-error': 500,
  'internal-error': 500,
};

/** The status of the response when a handler answers with an error. */
export function statusOf(code: ErrorCode): number {
  return STATUS[code.tag] ?? 502;
}

/** An error of a body's stream, whose code `http-error-code` gives back. */
export function bodyError(code: ErrorCode): IoError {
  return new IoError(code.tag, code);
}

/** `wasi:http/types.http-error-code` */
export function httpErrorCode(error: IoError): ErrorCode | undefined {
  const { code } = error;
  // Codes of files and sockets are plain words.
  return typeof code === 'object' && code !== null ? (code as ErrorCode) : undefined;
}
