import type { Phases } from './types.ts';

/** An export, called with numbers; surplus arguments are dropped by the engine. */
export type GuestFunction = (a: number, b: number, c: number) => number;

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
  readonly done: GuestFunction | undefined;
  readonly log: GuestFunction | undefined;
  readonly delete: GuestFunction | undefined;
}

/** Callback, its export, and whether it is called (false: its chapter comes later). */
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
  done: 'proxy_on_done',
  log: 'proxy_on_log',
  delete: 'proxy_on_delete',
} as const satisfies Record<keyof Callbacks, string>;

/** Callbacks of chapters that come later: never called, however a module exports them. */
export const UNCALLED_CALLBACKS: readonly string[] = [
  'proxy_on_tick',
  'proxy_on_http_call_response',
  'proxy_on_grpc_receive_initial_metadata',
  'proxy_on_grpc_receive',
  'proxy_on_grpc_receive_trailing_metadata',
  'proxy_on_grpc_close',
  'proxy_on_queue_ready',
  'proxy_on_foreign_function',
  'proxy_on_new_connection',
  'proxy_on_downstream_data',
  'proxy_on_downstream_connection_close',
  'proxy_on_upstream_data',
  'proxy_on_upstream_connection_close',
];

export function callbacksOf(exports: WebAssembly.Exports): Callbacks {
  const find = (name: string) => exports[name] as GuestFunction | undefined;
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
    done: find(EXPORTS.done),
    log: find(EXPORTS.log),
    delete: find(EXPORTS.delete),
  };
}

/** The phases a module takes part in, from the names of its exported callbacks. */
export function phasesOf(callbacks: ReadonlySet<string>, changesBodies: boolean): Phases {
  return {
    requestHeaders: callbacks.has(EXPORTS.requestHeaders),
    requestBody: callbacks.has(EXPORTS.requestBody),
    requestTrailers: callbacks.has(EXPORTS.requestTrailers),
    responseHeaders: callbacks.has(EXPORTS.responseHeaders),
    responseBody: callbacks.has(EXPORTS.responseBody),
    responseTrailers: callbacks.has(EXPORTS.responseTrailers),
    changesBodies,
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
