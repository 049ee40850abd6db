import type { FieldMap } from '../message/fields.ts';
import { nanoseconds, type PropertyValue } from './property-values.ts';
import type { HttpStream } from './types.ts';

/** Bytes of a header section as HTTP/1 writes it: name, colon, space, value, CRLF. */
function fieldsSize(fields: FieldMap | undefined): number {
  let size = 0;
  for (const text of fields?.raw ?? []) size += text.length + 2;
  return size;
}

/** All of them; or the values of one, joined by commas as in Envoy. */
function fields(map: FieldMap, name: string): PropertyValue {
  if (name === '') return map;
  const wanted = name.toLowerCase();
  const first = map.get(wanted);
  const { raw } = map;
  let joined: string | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]!.length !== wanted.length || raw[i]!.toLowerCase() !== wanted) continue;
    joined = joined === undefined ? raw[i + 1]! : `${joined},${raw[i + 1]}`;
  }
  return joined ?? first;
}

/** `request.…` */
export function requestProperty(stream: HttpStream, name: string, rest: string): PropertyValue {
  const { requestHeaders: headers, info } = stream;
  switch (name) {
    case 'headers':
      return fields(headers, rest);
    case 'headers_bytes':
      return fieldsSize(headers);
    case 'path':
      return headers.path;
    case 'url_path':
      return headers.path.split('?', 1)[0];
    case 'query': {
      const mark = headers.path.indexOf('?');
      return mark < 0 ? '' : headers.path.slice(mark + 1).split('#', 1)[0];
    }
    case 'host':
      return headers.authority;
    case 'scheme':
      return headers.scheme;
    case 'method':
      return headers.method;
    case 'referer':
      return headers.get('referer');
    case 'useragent':
      return headers.get('user-agent');
    case 'id':
      return headers.get('x-request-id');
    case 'protocol':
      return info.protocol;
    case 'time':
      return nanoseconds(info.startTime);
    case 'duration':
      return nanoseconds(Math.max(0, Date.now() - info.startTime));
    case 'size': {
      // As in Envoy: what is announced, before it is here.
      const announced = headers.get('content-length') ?? '';
      return /^\d{1,15}$/.test(announced) ? Number(announced) : info.requestSize;
    }
    case 'total_size':
      return info.requestSize + fieldsSize(headers) + fieldsSize(stream.requestTrailers);
    default:
      return undefined;
  }
}

/** Bits of Envoy's response flags, by what an upstream failed of; and that of a client that went. */
const FAILURE_FLAGS: Readonly<Record<string, number>> = {
  UPSTREAM_TIMEOUT: 0x4,
  UPSTREAM_CONNECT: 0x20,
  UPSTREAM_RESET: 0x40,
  UPSTREAM_PROTOCOL: 0x80_0000,
};
const CLIENT_GONE = 0x4000;

/** Envoy's words for the same. */
const FAILURE_DETAILS: Readonly<Record<string, string>> = {
  UPSTREAM_TIMEOUT: 'upstream_response_timeout',
  UPSTREAM_CONNECT: 'upstream_reset_before_response_started{connection_failure}',
  UPSTREAM_RESET: 'upstream_reset_before_response_started{connection_termination}',
  UPSTREAM_PROTOCOL: 'upstream_reset_before_response_started{protocol_error}',
};

function details({ localResponseDetails, responseHeaders, info }: HttpStream): PropertyValue {
  if (localResponseDetails !== '') return localResponseDetails;
  const failure = info.tries?.failure;
  if (failure !== undefined) return FAILURE_DETAILS[failure.code];
  return responseHeaders === undefined ? undefined : 'via_upstream';
}

/** `response.…`: there once it has begun, or nothing is to come. */
export function responseProperty(stream: HttpStream, name: string, rest: string): PropertyValue {
  const { responseHeaders: headers, info } = stream;
  switch (name) {
    case 'code':
      // An error page of the proxy's own passes no filter.
      return headers?.status ?? (info.responseStatus || undefined);
    case 'code_details':
      return details(stream);
    case 'flags':
      return (
        (FAILURE_FLAGS[info.tries?.failure?.code ?? ''] ?? 0) + (info.clientGone === true ? CLIENT_GONE : 0)
      );
    case 'backend_latency': {
      const latency = info.tries?.latency;
      return latency === undefined ? undefined : nanoseconds(latency);
    }
    default:
      return headers && message(stream, headers, name, rest);
  }
}

function message(stream: HttpStream, headers: FieldMap, name: string, rest: string): PropertyValue {
  const { responseTrailers: trailers, info } = stream;
  switch (name) {
    case 'headers':
      return fields(headers, rest);
    case 'headers_bytes':
      return fieldsSize(headers);
    case 'trailers':
      return fields(trailers, rest);
    case 'grpc_status': {
      const status = trailers.get('grpc-status') ?? headers.get('grpc-status');
      return status !== undefined && /^\d{1,3}$/.test(status) ? Number(status) : undefined;
    }
    case 'size':
      return info.responseSize;
    case 'total_size':
      return info.responseSize + fieldsSize(headers) + fieldsSize(trailers);
    default:
      return undefined;
  }
}
