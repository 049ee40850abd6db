import type { UpstreamError } from '../errors.ts';
import type { FieldMap } from '../message/fields.ts';
import type { RequestHeaders, ResponseHeaders } from '../message/headers.ts';
import type { ExchangeInfo } from '../message/info.ts';
import type { Direction } from './types.ts';

/**
 * What a filter that takes a stream over may do with it: the chain implements it. The request that comes ends in the
 * filter, and so does the response that comes; what it sends each way, when it likes, is a message of its own, which
 * its neighbours see as any other. Nothing may be called while a guest is on the stack: neighbours run in it.
 */
export interface TakenStream {
  readonly info: ExchangeInfo;
  /** The request as the filters before left it. */
  readonly requestHeaders: RequestHeaders;
  /** What filters set with proxy_set_property, by path. */
  readonly properties: Map<string, Buffer>;

  /** True: it holds all it may of what comes that way. A request that is paused from its head on isn't asked for. */
  pause(direction: Direction, paused: boolean): void;
  /** True: what it sends that way would only pile up; `onDrain` follows. */
  full(direction: Direction): boolean;

  /**
   * To the filters behind and the upstream. `length`: bytes of the body to follow, -1 when not known; a Content-Length
   * among the headers must say the same. Once at the most.
   */
  sendRequestHeaders(headers: RequestHeaders, length: number, endOfStream: boolean): void;
  /** To the filters before and the client; whether or not a response has come. Once at the most. */
  sendResponseHeaders(headers: ResponseHeaders, length: number, endOfStream: boolean): void;
  /** An empty chunk only with `endOfStream`. */
  sendData(direction: Direction, chunk: Buffer, endOfStream: boolean): void;
  /** The end of that message, with trailers. */
  sendTrailers(direction: Direction, trailers: FieldMap): void;

  /** It needs no more of the response that comes, nor of the request it sends: the upstream's call ends. */
  dropUpstream(): void;
  /**
   * It can't go on: the stream goes on without it (`onFailure: open`, while nothing of it was sent), or ends with
   * `status` and a short text of ours, or a reset when part of a response is out. `details` is for the log.
   */
  fail(status: number, details: string): void;
}

/** One filter on one stream that it took over. None of these may throw; each returns before anything is sent. */
export interface TakenContext {
  onRequestHeaders(endOfStream: boolean): void;
  /** What answers the request it sent. */
  onResponseHeaders(headers: ResponseHeaders, endOfStream: boolean): void;
  /** A chunk may be empty only with `endOfStream`. It is the filter's to keep. */
  onData(direction: Direction, chunk: Buffer, endOfStream: boolean): void;
  onTrailers(direction: Direction, trailers: FieldMap): void;
  /** In place of a response, or of the rest of one. */
  onUpstreamFailed(error: UpstreamError): void;
  /** What it sends that way goes through again. */
  onDrain(direction: Direction): void;
  /** The stream is over, or goes on without it: nothing more may be sent. */
  finish(): void;
}
