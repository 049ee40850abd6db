import { type ErrorCode, UpstreamError, type UpstreamPhase } from '../errors.ts';

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** The connection to an upstream could not be made. */
export function connectError(cause: unknown): UpstreamError {
  const code = codeOf(cause);
  const error = new UpstreamError('UPSTREAM_CONNECT', 'connect', code === '' ? 'connect failed' : code, {
    cause,
  });
  return error;
}

/** `what` didn't happen within `ms`. */
export function timeoutError(phase: UpstreamPhase, what: string, ms: number): UpstreamError {
  return new UpstreamError('UPSTREAM_TIMEOUT', phase, `${what} within ${ms} ms`);
}

/**
 * What undici or node:http reported, as one of ours. `phase` is how far the request had got; an error that says
 * more than that (a timeout, a parser's) overrides it.
 */
export function upstreamError(cause: unknown, phase: UpstreamPhase): UpstreamError {
  if (cause instanceof UpstreamError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = codeOf(cause);
  const is = (kind: ErrorCode, at: UpstreamPhase) => new UpstreamError(kind, at, message, { cause });
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
    return is('UPSTREAM_TIMEOUT', 'response');
  if (isParserError(cause, code)) return is('UPSTREAM_PROTOCOL', 'response');
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH')
    return is('UPSTREAM_PROTOCOL', 'response');
  // undici's words for an answer nobody asked for: a 100, a 101, bytes on an idle connection.
  if (message === 'bad response' || message === 'bad upgrade') return is('UPSTREAM_PROTOCOL', 'response');
  if (code === 'UND_ERR_INVALID_ARG' || code.startsWith('ERR_')) return is('UPSTREAM_PROTOCOL', 'request');
  return is('UPSTREAM_RESET', phase);
}

/** Bytes that are no HTTP; but not the end of the connection within a message, which both parsers report alike. */
function isParserError(cause: unknown, code: string): boolean {
  if (code === 'HPE_INVALID_EOF_STATE') return false;
  if (code.startsWith('HPE_')) return true;
  return cause instanceof Error && cause.name === 'HTTPParserError' && !cause.message.includes('EOF');
}

/** The status a client gets. */
export function failureStatus(error: UpstreamError): number {
  return error.code === 'UPSTREAM_TIMEOUT' ? 504 : 502;
}

/** For the client: what failed, but not where. */
export function failureText(error: UpstreamError): string {
  switch (error.code) {
    case 'UPSTREAM_TIMEOUT':
      return error.phase === 'connect' ? 'connection timed out' : 'timed out';
    case 'UPSTREAM_PROTOCOL':
      return 'sent an invalid response';
    case 'UPSTREAM_CONNECT':
      return 'connection failed';
    default:
      return 'connection lost';
  }
}
