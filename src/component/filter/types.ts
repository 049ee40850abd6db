import type { Host } from '../../abi/host.ts';
import { BufferType, Status } from '../../abi/types.ts';

/** The package of the world (filters/wit). */
export const PACKAGE = 'weir:filter/';

/** A VM as the hostcalls of the world see it. */
export interface ComponentGuest {
  /** The effective context of the callback that is running. */
  readonly host: Host;
  setEffectiveContext(id: number): Status;
  /** Why it refuses to start. */
  refused(reason: string): void;
}

/** `weir:filter/types.error`, in the order of the WIT. */
export const ERRORS = ['not-found', 'bad-argument', 'unavailable', 'limit-reached', 'unimplemented'] as const;

/** What a hostcall answers with: OK, or an index into ERRORS. */
export const OK = -1;
export const NOT_FOUND = 0;
export const BAD_ARGUMENT = 1;
export const UNAVAILABLE = 2;
export const LIMIT_REACHED = 3;
export const UNIMPLEMENTED = 4;

/** `weir:filter/types.service-error`, in the order of the WIT: the first ones are as above. */
export const SERVICE_ERRORS = [
  'not-found',
  'bad-argument',
  'unavailable',
  'limit-reached',
  'denied',
  'cas-mismatch',
] as const;
export const DENIED = 4;
export const CAS_MISMATCH = 5;

/** The answer that stands for a status of the ABI. */
export function answerOf(status: Status): number {
  switch (status) {
    case Status.OK:
      return OK;
    case Status.NOT_FOUND:
      return NOT_FOUND;
    case Status.UNIMPLEMENTED:
      return UNIMPLEMENTED;
    default:
      return BAD_ARGUMENT;
  }
}

/** Enums in the order of the WIT, which is the order of the ABI's numbers too. */
export const MAP_TYPES = [
  'request-headers',
  'request-trailers',
  'response-headers',
  'response-trailers',
] as const;
export const ACTIONS = ['continue', 'pause'] as const;
export const BODY_TYPES = ['request-body', 'response-body'] as const;
export const STREAM_TYPES = ['request', 'response'] as const;
/** The ABI's numbers of BODY_TYPES. */
export const BODY_BUFFERS = [BufferType.HTTP_REQUEST_BODY, BufferType.HTTP_RESPONSE_BODY] as const;
/** Of calls: MAP_TYPES goes on with them, as the ABI's numbers do. */
export const CALL_MAP_TYPES = [
  'grpc-initial-metadata',
  'grpc-trailing-metadata',
  'http-response-headers',
  'http-response-trailers',
] as const;
export const CALL_BYTES_TYPES = ['http-response-body', 'grpc-message', 'foreign-function-arguments'] as const;
/** The ABI's numbers of CALL_BYTES_TYPES. */
export const CALL_BUFFERS = [
  BufferType.HTTP_CALL_RESPONSE_BODY,
  BufferType.GRPC_CALL_MESSAGE,
  BufferType.FOREIGN_FUNCTION_ARGUMENTS,
] as const;
export const METRIC_TYPES = ['counter', 'gauge', 'histogram'] as const;
export const LOG_LEVEL_NAMES = ['trace', 'debug', 'info', 'warn', 'error', 'critical'] as const;

/** The guest broke the canonical ABI: it traps. */
export function trap(what: string): WebAssembly.RuntimeError {
  return new WebAssembly.RuntimeError(`canonical ABI: ${what}`);
}

/** An export, called with numbers as Proxy-Wasm's callbacks are. */
export type Callback = (a: number, b: number, c: number) => number;

/** on-http-call-response, the one with more arguments. */
export type HttpCallCallback = (
  plugin: number,
  call: number,
  headers: number,
  body: number,
  trailers: number,
) => number;

/** What a plugin hears beyond its streams, as far as it exports the interfaces of it. */
export interface EventCallbacks {
  readonly tick?: Callback;
  readonly httpCallResponse?: HttpCallCallback;
  readonly grpcInitialMetadata?: Callback;
  readonly grpcMessage?: Callback;
  readonly grpcTrailingMetadata?: Callback;
  readonly grpcClose?: Callback;
  readonly queueReady?: Callback;
  readonly foreignFunction?: Callback;
}

/** The functions of interfaces that a filter may export beside its callbacks, and what they are. */
export const EVENTS: Readonly<Record<string, Readonly<Record<string, keyof EventCallbacks>>>> = {
  'tick-events': { 'on-tick': 'tick' },
  'http-call-events': { 'on-http-call-response': 'httpCallResponse' },
  'grpc-call-events': {
    'on-grpc-initial-metadata': 'grpcInitialMetadata',
    'on-grpc-message': 'grpcMessage',
    'on-grpc-trailing-metadata': 'grpcTrailingMetadata',
    'on-grpc-close': 'grpcClose',
  },
  'queue-events': { 'on-queue-ready': 'queueReady' },
  'foreign-function-events': { 'on-foreign-function': 'foreignFunction' },
};

/** The callbacks of the world in the form of Proxy-Wasm's: contexts by id, a parent of 0 for the plugin's. */
export interface FilterCallbacks {
  readonly contextCreate: Callback;
  readonly vmStart: Callback;
  readonly configure: Callback;
  readonly requestHeaders: Callback | undefined;
  readonly requestBody: Callback | undefined;
  readonly requestTrailers: Callback | undefined;
  readonly responseHeaders: Callback | undefined;
  readonly responseBody: Callback | undefined;
  readonly responseTrailers: Callback | undefined;
  readonly done: Callback;
  readonly log: Callback;
  readonly delete: Callback;
}

/** The interfaces of which a filter exports one, and what they see. */
export const INTERFACES: Readonly<Record<string, { readonly response: boolean; readonly body: boolean }>> = {
  http: { response: true, body: true },
  'http-headers': { response: true, body: false },
  'http-request-headers': { response: false, body: false },
};
