/** The types of the specification (abi-versions/v0.2.1, "Types"). Numbers are the wire values. */

export type AbiVersion = '0.1.0' | '0.2.0' | '0.2.1';

/** proxy_status_t */
export const Status = {
  OK: 0,
  NOT_FOUND: 1,
  BAD_ARGUMENT: 2,
  SERIALIZATION_FAILURE: 3,
  PARSE_FAILURE: 4,
  INVALID_MEMORY_ACCESS: 6,
  EMPTY: 7,
  CAS_MISMATCH: 8,
  INTERNAL_FAILURE: 10,
  UNIMPLEMENTED: 12,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

/** proxy_log_level_t; LOG_LEVELS names them as our logs do. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** proxy_buffer_type_t */
export const BufferType = {
  HTTP_REQUEST_BODY: 0,
  HTTP_RESPONSE_BODY: 1,
  DOWNSTREAM_DATA: 2,
  UPSTREAM_DATA: 3,
  HTTP_CALL_RESPONSE_BODY: 4,
  GRPC_CALL_MESSAGE: 5,
  VM_CONFIGURATION: 6,
  PLUGIN_CONFIGURATION: 7,
  FOREIGN_FUNCTION_ARGUMENTS: 8,
} as const;
export const BUFFER_TYPE_MAX = 8;

/** proxy_map_type_t */
export const MapType = {
  HTTP_REQUEST_HEADERS: 0,
  HTTP_REQUEST_TRAILERS: 1,
  HTTP_RESPONSE_HEADERS: 2,
  HTTP_RESPONSE_TRAILERS: 3,
  GRPC_CALL_INITIAL_METADATA: 4,
  GRPC_CALL_TRAILING_METADATA: 5,
  HTTP_CALL_RESPONSE_HEADERS: 6,
  HTTP_CALL_RESPONSE_TRAILERS: 7,
} as const;
export const MAP_TYPE_MAX = 7;

/** proxy_metric_type_t */
export const MetricType = { COUNTER: 0, GAUGE: 1, HISTOGRAM: 2 } as const;
export type MetricType = (typeof MetricType)[keyof typeof MetricType];
export const METRIC_TYPE_MAX = 2;

/** proxy_peer_type_t: who closed a TCP connection. */
export const PeerType = { UNKNOWN: 0, LOCAL: 1, REMOTE: 2 } as const;
export type PeerType = (typeof PeerType)[keyof typeof PeerType];

/** proxy_stream_type_t */
export const StreamType = { HTTP_REQUEST: 0, HTTP_RESPONSE: 1, DOWNSTREAM: 2, UPSTREAM: 3 } as const;
export const STREAM_TYPE_MAX = 3;

/**
 * What a headers callback may return. The specification has CONTINUE and PAUSE; SDKs before it also used the
 * values of Envoy's FilterHeadersStatus.
 */
export const HeadersAction = {
  CONTINUE: 0,
  /** Headers stop here; by the specification body callbacks still run. */
  STOP_ITERATION: 1,
  /** ContinueAndEndStream of old SDKs; Envoy continues. */
  CONTINUE_AND_END_STREAM: 2,
  /** Everything stops here; the body is held up to the limit, then refused. */
  STOP_ALL_AND_BUFFER: 3,
  /** Everything stops here; at the limit the source is paused. */
  STOP_ALL_AND_WATERMARK: 4,
} as const;

/** What a body callback may return (Envoy's FilterDataStatus; PAUSE is STOP_AND_BUFFER). */
export const BodyAction = {
  CONTINUE: 0,
  STOP_AND_BUFFER: 1,
  STOP_AND_WATERMARK: 2,
  STOP_NO_BUFFER: 3,
} as const;

/** What a trailers callback may return. */
export const TrailersAction = { CONTINUE: 0, STOP: 1 } as const;
