import type { Host } from '../../abi/host.ts';
import { Status } from '../../abi/types.ts';

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
export const LOG_LEVEL_NAMES = ['trace', 'debug', 'info', 'warn', 'error', 'critical'] as const;

/** The guest broke the canonical ABI: it traps. */
export function trap(what: string): WebAssembly.RuntimeError {
  return new WebAssembly.RuntimeError(`canonical ABI: ${what}`);
}

/** An export, called with numbers as Proxy-Wasm's callbacks are. */
export type Callback = (a: number, b: number, c: number) => number;

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
