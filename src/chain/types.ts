import type { UpstreamError } from '../errors.ts';
import type { FieldMap } from '../message/fields.ts';
import type { RequestHeaders, ResponseHeaders } from '../message/headers.ts';
import type { ExchangeInfo } from '../message/info.ts';

export type { ConnectionInfo, ExchangeInfo, UpstreamInfo } from '../message/info.ts';

/**
 * The two ends that a filter chain stands between: implemented by the proxy's exchange and by adapters.
 * The chain calls the `send…` methods with what has passed all filters, in HTTP order, per direction.
 * It never calls one while an `on…` method of the stream for the same direction is not on the stack or
 * scheduled by a filter's resume; it never calls any after `finish()`.
 */
export interface Exchange extends ExchangeInfo {
  readonly requestHeaders: RequestHeaders;

  /** Request headers passed every filter. `endOfStream`: no body and no trailers follow. */
  sendRequestHeaders(endOfStream: boolean): void;
  /** Never called with an empty chunk unless `endOfStream`. */
  sendRequestData(chunk: Buffer, endOfStream: boolean): void;
  /** The end of the request, with its trailers. */
  sendRequestTrailers(trailers: FieldMap): void;
  sendResponseHeaders(headers: ResponseHeaders, endOfStream: boolean): void;
  sendResponseData(chunk: Buffer, endOfStream: boolean): void;
  sendResponseTrailers(trailers: FieldMap): void;

  /** True: filters hold all they may of this direction, stop reading its source. False: go on. */
  pauseRequest(paused: boolean): void;
  pauseResponse(paused: boolean): void;

  /**
   * A filter answers the request itself: end the upstream call (or never make it) and drop what is left of the
   * request body. The answer follows through `sendResponseHeaders` and `sendResponseData`.
   */
  beginLocalResponse(): void;
  /**
   * The stream can't go on: answer with `status` and a short text of our own, past the filters, or reset the
   * connection when response headers are out. The exchange then ends and calls `finish()`.
   */
  fail(failure: StreamFailure): void;
  /** A filter asked for the stream to be closed: reset both sides. The exchange then ends. */
  reset(reason: string): void;
  /** Asks the router again: request headers changed, or an 0.1.0 module called proxy_clear_route_cache. */
  clearRouteCache(): void;

  /**
   * The headers that `sendRequestHeaders` brings next are those of a filter's own message, whose body has nothing to do
   * with the client's: `length` bytes, or -1. From then on calls for that direction come at any time.
   */
  takeRequest(length: number): void;
  /** The same of `sendResponseHeaders`; a response that comes from the upstream is the filter's to read. */
  takeResponse(length: number): void;
  /** The upstream's call ends; neither the request nor the response does. */
  dropUpstream(): void;
  /** Properties of filters before this stream's: chains in a chain share them. */
  readonly properties?: Map<string, Buffer>;
}

/** Why the proxy itself must answer. `details` is for the log, never for the client. */
export interface StreamFailure {
  readonly status: number;
  /** Name of the filter at fault. */
  readonly filter: string;
  readonly details: string;
}

/** One exchange on its way through a chain. The exchange calls `on…` as things arrive. */
export interface FilterStream {
  /** `exchange.requestHeaders` are complete. */
  onRequestHeaders(endOfStream: boolean): void;
  /** A chunk may be empty only with `endOfStream`. Ownership passes to the chain. */
  onRequestData(chunk: Buffer, endOfStream: boolean): void;
  /** The end of a request that has trailers. */
  onRequestTrailers(trailers: FieldMap): void;
  onResponseHeaders(headers: ResponseHeaders, endOfStream: boolean): void;
  onResponseData(chunk: Buffer, endOfStream: boolean): void;
  onResponseTrailers(trailers: FieldMap): void;
  /** A filter changed that body, or was seen to change such bodies before: its Content-Length can't be kept. */
  readonly requestBodyChanged: boolean;
  readonly responseBodyChanged: boolean;
  /** The exchange is over, however it went: done, log and delete for each context. Calls after the first do nothing. */
  finish(): void;
  /** What `proxy_send_local_response` gave as details, for the access log; empty without. */
  readonly localResponseDetails: string;
  readonly localResponseFilter: string;
  /** Present when a filter of the chain sends messages of its own: tells it of the ends. */
  readonly ends?: StreamEnds;
}

/** What filters with messages of their own must know of both ends; the exchange doesn't act on these itself then. */
export interface StreamEnds {
  /** What was sent to the upstream piles up; false: it has gone. */
  requestFull(full: boolean): void;
  /** What was sent to the client. */
  responseFull(full: boolean): void;
  /** True: it was heard, and there is nothing more to do. False: `status` is to be shown to filters as a response. */
  upstreamFailed(error: UpstreamError, status: number): boolean;
}

/** The chain of a route, which may have to be loaded before it can run. */
export interface ChainSource {
  /** Names of its filters, in request order. */
  readonly filters: readonly string[];
  /** At once when its filters are loaded. Never rejects: requests of a filter that can't be loaded fail in the chain. */
  ready(): FilterChain | Promise<FilterChain>;
}

/** Filters in order, ready to run. */
export interface FilterChain {
  /** Names of its filters, in request order. */
  readonly filters: readonly string[];
  /** True without filters: the exchange needs no stream at all. */
  readonly empty: boolean;
  /** False: no filter looks at this body or these trailers; they may pass by the chain untouched. */
  readonly requestBody: boolean;
  readonly responseBody: boolean;
  /** False: no filter of the chain can change this body, so its Content-Length stays right. True: ask the stream. */
  readonly changesRequestBody: boolean;
  readonly changesResponseBody: boolean;
  /** False: no filter looks at the response at all; it may pass by the chain untouched. */
  readonly response: boolean;
  open(exchange: Exchange): FilterStream;
}
