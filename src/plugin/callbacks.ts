import type { TcpPhases } from './tcp.ts';
import type { Phases } from './types.ts';

/** An export, called with numbers; surplus arguments are dropped by the engine. */
export type GuestFunction = (a: number, b: number, c: number) => number;

/** proxy_on_http_call_response, the one with more arguments. */
export type HttpCallResponseFunction = (
  context: number,
  call: number,
  headers: number,
  body: number,
  trailers: number,
) => number;

/** The callbacks of the specification that Weir calls; undefined when the module doesn't export one. */
export interface Callbacks {
  readonly contextCreate: GuestFunction | undefined;
  readonly vmStart: GuestFunction | undefined;
  readonly configure: GuestFunction | undefined;
  readonly requestHeaders: GuestFunction | undefined;
  readonly requestBody: GuestFunction | undefined;
  readonly requestTrailers: GuestFunction | undefined;
  readonly responseHeaders: GuestFunction | undefined;
  readonly responseBody: GuestFunction | undefined;
  readonly responseTrailers: GuestFunction | undefined;
  readonly tick: GuestFunction | undefined;
  readonly httpCallResponse: HttpCallResponseFunction | undefined;
  readonly grpcInitialMetadata: GuestFunction | undefined;
  readonly grpcMessage: GuestFunction | undefined;
  readonly grpcTrailingMetadata: GuestFunction | undefined;
  readonly grpcClose: GuestFunction | undefined;
  readonly queueReady: GuestFunction | undefined;
  readonly foreignFunction: GuestFunction | undefined;
  readonly newConnection: GuestFunction | undefined;
  readonly downstreamData: GuestFunction | undefined;
  readonly downstreamClose: GuestFunction | undefined;
  readonly upstreamData: GuestFunction | undefined;
  readonly upstreamClose: GuestFunction | undefined;
  readonly done: GuestFunction | undefined;
  readonly log: GuestFunction | undefined;
  readonly delete: GuestFunction | undefined;
}

/** Callbacks and their exports. */
const EXPORTS = {
  contextCreate: 'proxy_on_context_create',
  vmStart: 'proxy_on_vm_start',
  configure: 'proxy_on_configure',
  requestHeaders: 'proxy_on_request_headers',
  requestBody: 'proxy_on_request_body',
  requestTrailers: 'proxy_on_request_trailers',
  responseHeaders: 'proxy_on_response_headers',
  responseBody: 'proxy_on_response_body',
  responseTrailers: 'proxy_on_response_trailers',
  tick: 'proxy_on_tick',
  httpCallResponse: 'proxy_on_http_call_response',
  grpcInitialMetadata: 'proxy_on_grpc_receive_initial_metadata',
  grpcMessage: 'proxy_on_grpc_receive',
  grpcTrailingMetadata: 'proxy_on_grpc_receive_trailing_metadata',
  grpcClose: 'proxy_on_grpc_close',
  queueReady: 'proxy_on_queue_ready',
  foreignFunction: 'proxy_on_foreign_function',
  newConnection: 'proxy_on_new_connection',
  downstreamData: 'proxy_on_downstream_data',
  downstreamClose: 'proxy_on_downstream_connection_close',
  upstreamData: 'proxy_on_upstream_data',
  upstreamClose: 'proxy_on_upstream_connection_close',
  done: 'proxy_on_done',
  log: 'proxy_on_log',
  delete: 'proxy_on_delete',
} as const satisfies Record<keyof Callbacks, string>;

/** Of an instance's exports, but for those that its filter was denied. */
export function callbacksOf(exports: WebAssembly.Exports, denied: readonly string[] = []): Callbacks {
  const find = (name: string) =>
    denied.includes(name) ? undefined : (exports[name] as GuestFunction | undefined);
  return {
    contextCreate: find(EXPORTS.contextCreate),
    vmStart: find(EXPORTS.vmStart),
    configure: find(EXPORTS.configure),
    requestHeaders: find(EXPORTS.requestHeaders),
    requestBody: find(EXPORTS.requestBody),
    requestTrailers: find(EXPORTS.requestTrailers),
    responseHeaders: find(EXPORTS.responseHeaders),
    responseBody: find(EXPORTS.responseBody),
    responseTrailers: find(EXPORTS.responseTrailers),
    tick: find(EXPORTS.tick),
    httpCallResponse: find(EXPORTS.httpCallResponse) as HttpCallResponseFunction | undefined,
    grpcInitialMetadata: find(EXPORTS.grpcInitialMetadata),
    grpcMessage: find(EXPORTS.grpcMessage),
    grpcTrailingMetadata: find(EXPORTS.grpcTrailingMetadata),
    grpcClose: find(EXPORTS.grpcClose),
    queueReady: find(EXPORTS.queueReady),
    foreignFunction: find(EXPORTS.foreignFunction),
    newConnection: find(EXPORTS.newConnection),
    downstreamData: find(EXPORTS.downstreamData),
    downstreamClose: find(EXPORTS.downstreamClose),
    upstreamData: find(EXPORTS.upstreamData),
    upstreamClose: find(EXPORTS.upstreamClose),
    done: find(EXPORTS.done),
    log: find(EXPORTS.log),
    delete: find(EXPORTS.delete),
  };
}

/** What has none. */
export const NO_CALLBACKS = callbacksOf({});

/** Names of all callbacks of the specification. */
export const CALLBACKS: readonly string[] = Object.values(EXPORTS);

/** The phases a module takes part in, from the names of its exported callbacks. */
export function phasesOf(
  exported: ReadonlySet<string>,
  changesBodies: boolean,
  denied: readonly string[] = [],
): Phases {
  const callbacks = new Set([...exported].filter(name => !denied.includes(name)));
  return {
    requestHeaders: callbacks.has(EXPORTS.requestHeaders),
    requestBody: callbacks.has(EXPORTS.requestBody),
    requestTrailers: callbacks.has(EXPORTS.requestTrailers),
    responseHeaders: callbacks.has(EXPORTS.responseHeaders),
    responseBody: callbacks.has(EXPORTS.responseBody),
    responseTrailers: callbacks.has(EXPORTS.responseTrailers),
    end: callbacks.has(EXPORTS.done) || callbacks.has(EXPORTS.log),
    changesBodies,
  };
}

/** The part a module takes in TCP streams, from the names of its exported callbacks. */
export function tcpPhasesOf(exported: ReadonlySet<string>, denied: readonly string[] = []): TcpPhases {
  const has = (name: string) => exported.has(name) && !denied.includes(name);
  return {
    newConnection: has(EXPORTS.newConnection),
    downstreamData: has(EXPORTS.downstreamData),
    downstreamClose: has(EXPORTS.downstreamClose),
    upstreamData: has(EXPORTS.upstreamData),
    upstreamClose: has(EXPORTS.upstreamClose),
  };
}

/** What is left of a component's callbacks when some are denied. */
export function withoutDenied(callbacks: Callbacks, denied: readonly string[]): Callbacks {
  if (denied.length === 0) return callbacks;
  const left: { -readonly [name in keyof Callbacks]: Callbacks[name] } = { ...callbacks };
  for (const name of Object.keys(EXPORTS) as (keyof Callbacks)[])
    if (denied.includes(EXPORTS[name])) left[name] = undefined;
  return left;
}

/** The same of its phases. */
export function phasesWithout(phases: Phases, denied: readonly string[]): Phases {
  const has = (name: Exclude<keyof Phases, 'end' | 'changesBodies'>) =>
    phases[name] && !denied.includes(EXPORTS[name]);
  return {
    ...phases,
    requestHeaders: has('requestHeaders'),
    requestBody: has('requestBody'),
    requestTrailers: has('requestTrailers'),
    responseHeaders: has('responseHeaders'),
    responseBody: has('responseBody'),
    responseTrailers: has('responseTrailers'),
  };
}

/** The phases a component takes part in, from what its interface sees. */
export function phasesSeen(
  sees: { readonly response: boolean; readonly body: boolean },
  changesBodies: boolean,
): Phases {
  return {
    requestHeaders: true,
    requestBody: sees.body,
    requestTrailers: sees.body,
    responseHeaders: sees.response,
    responseBody: sees.response && sees.body,
    responseTrailers: sees.response && sees.body,
    changesBodies,
  };
}
