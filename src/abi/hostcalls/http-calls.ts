import { areFields, type RawFields } from '../../message/fields.ts';
import { RequestHeaders } from '../../message/headers.ts';
import type { HostcallTable } from '../guest.ts';
import { readPairs } from '../pairs.ts';
import { returnId } from '../results.ts';
import { fits } from '../room.ts';
import { Status } from '../types.ts';

/** Names of upstreams have up to 128 characters of up to 4 bytes. */
export const UPSTREAM_MAX_BYTES = 512;
/** ms. */
export const TIMEOUT_MAX = 0x7fffffff;
const REQUIRED = [':method', ':path', ':authority'];

/** Undefined when a pair is illegal or `:method`, `:path` or `:authority` is missing; the last may be empty, as in Envoy. */
export function requestHeaders(pairs: RawFields): RequestHeaders | undefined {
  for (const name of REQUIRED) {
    let found = false;
    for (let i = 0; i < pairs.length && !found; i += 2) found = pairs[i] === name;
    if (!found) return undefined;
  }
  const headers = new RequestHeaders('', '', '', 'http', []);
  return headers.setPairs(pairs) ? headers : undefined;
}

/** Chapter "HTTP calls". */
export const httpCalls: HostcallTable = {
  /**
   * `proxy_http_call(upstream: *u8, upstream_size, headers: *u8, headers_size, body: *u8, body_size, trailers: *u8,
   * trailers_size, timeout, return_call_id: *u32) -> status`. The answer comes to proxy_on_http_call_response of the root
   * context; 0 headers: it failed or came too late. A timeout (ms) of 0 is the upstream's own.
   * OK; BAD_ARGUMENT for an upstream that isn't there or wasn't granted, for headers without :method, :path or
   * :authority, for illegal fields, and for more than the filter's limits allow; INTERNAL_FAILURE when it has too many calls
   * under way; INVALID_MEMORY_ACCESS.
   */
  proxy_http_call:
    guest =>
    (
      upstreamPtr: number,
      upstreamSize: number,
      headersPtr: number,
      headersSize: number,
      bodyPtr: number,
      bodySize: number,
      trailersPtr: number,
      trailersSize: number,
      timeout: number,
      idPtr: number,
    ) => {
      const { memory, host } = guest;
      if (
        !memory.has(upstreamPtr, upstreamSize) ||
        !memory.has(headersPtr, headersSize) ||
        !memory.has(bodyPtr, bodySize) ||
        !memory.has(trailersPtr, trailersSize) ||
        !memory.has(idPtr, 4)
      ) {
        return Status.INVALID_MEMORY_ACCESS;
      }
      if (upstreamSize >>> 0 > UPSTREAM_MAX_BYTES || timeout >>> 0 > TIMEOUT_MAX) return Status.BAD_ARGUMENT;
      const pairs = readPairs(memory, headersPtr, headersSize);
      const trailers = readPairs(memory, trailersPtr, trailersSize);
      if (pairs === undefined || trailers === undefined) return Status.BAD_ARGUMENT;
      if (!fits(host, pairs) || !fits(host, trailers) || !areFields(trailers)) return Status.BAD_ARGUMENT;
      const headers = requestHeaders(pairs);
      if (headers === undefined) return Status.BAD_ARGUMENT;
      // Before it is copied.
      if (bodySize >>> 0 > host.limits.bufferedBody) {
        host.hit('bufferedBody');
        return Status.BAD_ARGUMENT;
      }
      const upstream = memory.utf8(upstreamPtr, upstreamSize);
      const body = memory.copy(bodyPtr, bodySize);
      return returnId(guest, host.httpCall({ upstream, headers, body, trailers, timeout }), idPtr);
    },
};
