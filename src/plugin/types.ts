import type { LimitName } from '../config/types.ts';
import type { HostState } from '../errors.ts';
import type { BodyBuffer } from '../message/body.ts';
import type { FieldMap, RawFields } from '../message/fields.ts';
import type { RequestHeaders, ResponseHeaders } from '../message/headers.ts';
import type { ExchangeInfo } from '../message/info.ts';
import type { TakenContext, TakenStream } from './taken.ts';
import type { TcpFilterContext, TcpPhases, TcpStream } from './tcp.ts';

/** The two directions of a stream. */
export const REQUEST = 0;
export const RESPONSE = 1;
export type Direction = typeof REQUEST | typeof RESPONSE;

/** Which phases of a stream a filter takes part in: known from its exports, when it is loaded. */
export interface Phases {
  readonly requestHeaders: boolean;
  readonly requestBody: boolean;
  readonly requestTrailers: boolean;
  readonly responseHeaders: boolean;
  readonly responseBody: boolean;
  readonly responseTrailers: boolean;
  /** It hears of the stream's end, and may read there what it took no part in. */
  readonly end?: boolean;
  /** It imports the hostcall that changes bodies; Rust modules always do, whether they call it or not. */
  readonly changesBodies: boolean;
}

/** An answer that a filter gives in place of the upstream. */
export interface LocalResponse {
  /** 200-999 */
  readonly status: number;
  /** For logs: never sent. */
  readonly details: string;
  readonly body: Buffer;
  readonly headers: RawFields;
  /** 0-16, or -1 when absent. */
  readonly grpcStatus: number;
}

/** What a filter's context may ask of the stream it belongs to: the chain implements it. */
export interface HttpStream {
  readonly info: ExchangeInfo;
  readonly requestHeaders: RequestHeaders;
  readonly responseHeaders: ResponseHeaders | undefined;
  /** Empty maps until there are trailers. */
  readonly requestTrailers: FieldMap;
  readonly responseTrailers: FieldMap;
  /** What filters set with proxy_set_property, by path. */
  readonly properties: Map<string, Buffer>;
  /** Details of the local response that ended the stream; empty without. */
  readonly localResponseDetails: string;

  /** All of these take effect when the guest has returned. */
  resume(context: FilterContext, direction: Direction): void;
  close(context: FilterContext): void;
  /** The first one wins. */
  localResponse(context: FilterContext, response: LocalResponse): void;
  clearRouteCache(): void;
  /** The context's VM died: what is stopped in it will never be resumed. `hostState`: as of the GuestError. */
  died(context: FilterContext, reason: string, hostState?: HostState): void;
  /** A filter changes the body of that direction, now. */
  bodyChanged(context: FilterContext, direction: Direction): void;
}

/**
 * One filter on one stream. Callbacks throw GuestError when the guest fails; the context is then of no further
 * use but for `finish`.
 */
export interface FilterContext {
  /** Name of the filter. */
  readonly name: string;
  /** A HeadersAction. */
  onHeaders(direction: Direction, count: number, endOfStream: boolean): number;
  /** A BodyAction. `body` is all that this filter holds, the new chunk included; it may change it. */
  onBody(direction: Direction, body: BodyBuffer, endOfStream: boolean): number;
  /** A TrailersAction. */
  onTrailers(direction: Direction, count: number): number;
  /** The direction it had stopped goes on: maps and buffers of that phase are closed to it. */
  onResume(direction: Direction): void;
  /** The stream is over: done, log, delete. Never throws. */
  finish(): void;
}

/** A filter, configured and started. */
export interface Plugin {
  /** Its name in the configuration. */
  readonly name: string;
  readonly phases: Phases;
  /** By direction: it was seen to change a body or to add trailers, so it will again. */
  readonly seenChanging: [request: boolean, response: boolean];
  /** Bytes it may hold of a body. */
  readonly bufferedBody: number;
  /** Milliseconds that a stream may stay stopped in it. */
  readonly pauseTime: number;
  /** `onFailure: open`: streams go on without it when it dies. */
  readonly failOpen: boolean;
  /** A stream goes on without it: called once for each. */
  skipped(): void;
  /** A stream reached a limit in it: to be counted. */
  hit(limit: LimitName): void;
  /** Starts its part of a stream. @throws GuestError, PluginError */
  open(stream: HttpStream): FilterContext;
  /**
   * Present when its messages are its own (taken.ts): then it is called in place of `open`, and `phases` count for
   * nothing. @throws GuestError, PluginError
   */
  takeOver?(stream: TakenStream): TakenContext;
  /** Present when it can be part of TCP streams. */
  readonly tcp?: TcpPhases | undefined;
  /** Starts its part of a TCP stream; present with `tcp`. @throws GuestError, PluginError */
  openTcp?(stream: TcpStream): TcpFilterContext;
  /** Ends its root context: done, log, delete. Never throws. */
  close(): void;
}

/** A plugin that may be taken out of use. */
export interface LoadedPlugin extends Plugin {
  /** It takes no new streams: chains that have it must be built again. */
  readonly retired: boolean;
}
