import { areFields } from '../../message/fields.ts';
import type { HostcallTable } from '../guest.ts';
import { readPairs } from '../pairs.ts';
import { fits } from '../room.ts';
import { STREAM_TYPE_MAX, Status, StreamType } from '../types.ts';

/** gRPC status codes are 0-16; anything else means: none given. */
const GRPC_STATUS_MAX = 16;

/** Chapters "Common HTTP and TCP stream operations" and "HTTP streams". */
export const streams: HostcallTable = {
  /**
   * `proxy_send_local_response(status_code, details: *u8, details_size, body: *u8, body_size, headers: *u8,
   * headers_size, grpc_status) -> status`. The answer is sent when the callback has returned, whatever that returns.
   * OK; BAD_ARGUMENT outside a stream, for a status not in 200-999, or for headers that are malformed or illegal;
   * INVALID_MEMORY_ACCESS.
   */
  proxy_send_local_response:
    guest =>
    (
      status: number,
      detailsPtr: number,
      detailsSize: number,
      bodyPtr: number,
      bodySize: number,
      headersPtr: number,
      headersSize: number,
      grpcStatus: number,
    ) => {
      const memory = guest.memory;
      if (
        !memory.has(detailsPtr, detailsSize) ||
        !memory.has(bodyPtr, bodySize) ||
        !memory.has(headersPtr, headersSize)
      ) {
        return Status.INVALID_MEMORY_ACCESS;
      }
      if (status < 200 || status > 999) return Status.BAD_ARGUMENT;
      const { host } = guest;
      if (bodySize >>> 0 > host.limits.localResponseBody) {
        host.hit('localResponseBody');
        return Status.BAD_ARGUMENT;
      }
      const headers = readPairs(memory, headersPtr, headersSize);
      if (headers === undefined || !areFields(headers) || !fits(host, headers)) return Status.BAD_ARGUMENT;
      return host.sendLocalResponse(
        status,
        memory.utf8(detailsPtr, Math.min(detailsSize >>> 0, 256)),
        memory.copy(bodyPtr, bodySize),
        headers,
        grpcStatus >= 0 && grpcStatus <= GRPC_STATUS_MAX ? grpcStatus : -1,
      );
    },
};

/** From ABI 0.2.0 on. */
export const streamControl: HostcallTable = {
  /** `proxy_continue_stream(stream_type) -> status`. OK; BAD_ARGUMENT for an unknown type; UNIMPLEMENTED for one of TCP in an HTTP stream, and the other way round. */
  proxy_continue_stream: guest => (stream: number) =>
    stream >>> 0 > STREAM_TYPE_MAX ? Status.BAD_ARGUMENT : guest.host.continueStream(stream),

  /** `proxy_close_stream(stream_type) -> status`. OK; BAD_ARGUMENT for an unknown type; UNIMPLEMENTED for one of TCP in an HTTP stream, and the other way round. */
  proxy_close_stream: guest => (stream: number) =>
    stream >>> 0 > STREAM_TYPE_MAX ? Status.BAD_ARGUMENT : guest.host.closeStream(stream),
};

/** ABI 0.1.0 only. */
export const streamControl010: HostcallTable = {
  /** `proxy_continue_request() -> status`. */
  proxy_continue_request: guest => () => guest.host.continueStream(StreamType.HTTP_REQUEST),
  /** `proxy_continue_response() -> status`. */
  proxy_continue_response: guest => () => guest.host.continueStream(StreamType.HTTP_RESPONSE),
  /** `proxy_clear_route_cache() -> status`: the route is chosen again from the headers as they are now. */
  proxy_clear_route_cache: guest => () => guest.host.clearRouteCache(),
};
