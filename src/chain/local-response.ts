import { fieldValue, type RawFields, removeField } from '../message/fields.ts';
import { type RequestHeaders, ResponseHeaders } from '../message/headers.ts';
import type { LocalResponse } from '../plugin/types.ts';

/** grpc-status for an HTTP status (gRPC, "HTTP to gRPC Status Code Mapping"); UNKNOWN for the others. */
const GRPC_STATUS: Readonly<Record<number, number>> = {
  400: 13,
  401: 16,
  403: 7,
  404: 12,
  429: 14,
  502: 14,
  503: 14,
  504: 14,
};
const GRPC_UNKNOWN = 2;

/** gRPC over HTTP/2, "Status-Message": percent-encoding of all but printable ASCII. */
function grpcMessage(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text)) {
    out += byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : percent(byte);
  }
  return out;
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function isGrpc(request: RequestHeaders): boolean {
  return /^application\/grpc(?![-\w])/i.test(request.get('content-type') ?? '');
}

/** The message that a local response is sent as. */
export interface LocalMessage {
  readonly headers: ResponseHeaders;
  readonly body: Buffer;
}

/**
 * Makes the response that `proxy_send_local_response` asks for. Its framing is ours, whatever the filter wrote. To a
 * gRPC request it is a trailers-only response: 200, with status and message as fields and no body.
 */
export function localMessage(request: RequestHeaders, response: LocalResponse): LocalMessage {
  const raw: RawFields = [...response.headers];
  removeField(raw, 'content-length');
  removeField(raw, 'transfer-encoding');
  if (isGrpc(request)) {
    removeField(raw, 'content-type');
    raw.push('content-type', 'application/grpc');
    // As in Envoy: a status that the filter wrote among its headers counts, a message gives way to the body.
    if (fieldValue(raw, 'grpc-status') === undefined) {
      const status =
        response.grpcStatus >= 0 ? response.grpcStatus : (GRPC_STATUS[response.status] ?? GRPC_UNKNOWN);
      raw.push('grpc-status', String(status));
    }
    const message = grpcMessage(response.body.toString('utf8').slice(0, 1024));
    if (message !== '') {
      removeField(raw, 'grpc-message');
      raw.push('grpc-message', message);
    }
    return { headers: new ResponseHeaders(200, raw), body: Buffer.alloc(0) };
  }
  const bodyless = response.status === 204 || response.status === 304;
  const body = bodyless ? Buffer.alloc(0) : response.body;
  if (!bodyless) {
    raw.push('content-length', String(body.length));
    if (body.length > 0 && fieldValue(raw, 'content-type') === undefined)
      raw.push('content-type', 'text/plain');
  }
  return { headers: new ResponseHeaders(response.status, raw), body };
}
