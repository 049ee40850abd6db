import type { FieldMap } from '../message/fields.ts';
import type { RequestHeaders, ResponseHeaders } from '../message/headers.ts';
import type {
  ConnectionInfo,
  ExchangeInfo,
  TargetInfo,
  UpstreamInfo,
  UpstreamTries,
} from '../message/info.ts';
import { type Direction, REQUEST, RESPONSE } from '../plugin/types.ts';
import type { Exchange, StreamFailure } from './types.ts';

/** What the two halves of a chain need of the filter between them. */
export interface Middle {
  /** Shared by both halves. */
  readonly properties: Map<string, Buffer>;
  requestCame(endOfStream: boolean): void;
  responseCame(headers: ResponseHeaders, endOfStream: boolean): void;
  dataCame(direction: Direction, chunk: Buffer, endOfStream: boolean): void;
  trailersCame(direction: Direction, trailers: FieldMap): void;
  /** Filters hold all they may of what comes to their half from outside. */
  pauseOutside(direction: Direction, paused: boolean): void;
  /** Of what comes to it from the middle. */
  pauseMiddle(direction: Direction, paused: boolean): void;
  /** A filter of the first half answers. */
  beforeAnswers(): void;
  /** A filter of the second half answers the request that went there. */
  behindAnswers(): void;
  /** The stream can't go on. False: it had ended. */
  end(): boolean;
}

/** One end of each half is the whole chain's, the other one the filter between them. */
abstract class Half implements ExchangeInfo {
  protected readonly outer: Exchange;
  protected readonly middle: Middle;
  readonly requestHeaders: RequestHeaders;

  constructor(outer: Exchange, middle: Middle, requestHeaders: RequestHeaders) {
    this.outer = outer;
    this.middle = middle;
    this.requestHeaders = requestHeaders;
  }

  get connection(): ConnectionInfo {
    return this.outer.connection;
  }

  get protocol(): string {
    return this.outer.protocol;
  }

  get startTime(): number {
    return this.outer.startTime;
  }

  get routeName(): string {
    return this.outer.routeName;
  }

  get target(): TargetInfo | undefined {
    return this.outer.target;
  }

  get upstream(): UpstreamInfo | undefined {
    return this.outer.upstream;
  }

  get requestSize(): number {
    return this.outer.requestSize;
  }

  get responseSize(): number {
    return this.outer.responseSize;
  }

  get responseStatus(): number {
    return this.outer.responseStatus ?? 0;
  }

  get tries(): UpstreamTries | undefined {
    return this.outer.tries;
  }

  get clientGone(): boolean {
    return this.outer.clientGone === true;
  }

  get properties(): Map<string, Buffer> {
    return this.middle.properties;
  }

  fail(failure: StreamFailure): void {
    if (this.middle.end()) this.outer.fail(failure);
  }

  reset(reason: string): void {
    if (this.middle.end()) this.outer.reset(reason);
  }

  clearRouteCache(): void {
    this.outer.clearRouteCache();
  }

  takeRequest(length: number): void {
    this.outer.takeRequest(length);
  }

  /** Its response ends in the middle. */
  takeResponse(): void {}

  dropUpstream(): void {
    this.outer.dropUpstream();
  }
}

/** Where the filters before stand: between the client and the middle. */
export class BeforeHalf extends Half implements Exchange {
  sendRequestHeaders(endOfStream: boolean): void {
    this.middle.requestCame(endOfStream);
  }

  sendRequestData(chunk: Buffer, endOfStream: boolean): void {
    this.middle.dataCame(REQUEST, chunk, endOfStream);
  }

  sendRequestTrailers(trailers: FieldMap): void {
    this.middle.trailersCame(REQUEST, trailers);
  }

  sendResponseHeaders(headers: ResponseHeaders, endOfStream: boolean): void {
    this.outer.sendResponseHeaders(headers, endOfStream);
  }

  sendResponseData(chunk: Buffer, endOfStream: boolean): void {
    this.outer.sendResponseData(chunk, endOfStream);
  }

  sendResponseTrailers(trailers: FieldMap): void {
    this.outer.sendResponseTrailers(trailers);
  }

  pauseRequest(paused: boolean): void {
    this.middle.pauseOutside(REQUEST, paused);
  }

  pauseResponse(paused: boolean): void {
    this.middle.pauseMiddle(RESPONSE, paused);
  }

  beginLocalResponse(): void {
    this.middle.beforeAnswers();
    this.outer.beginLocalResponse();
  }
}

/** Where the filters behind stand: between the middle and the upstream. */
export class BehindHalf extends Half implements Exchange {
  sendRequestHeaders(endOfStream: boolean): void {
    this.outer.sendRequestHeaders(endOfStream);
  }

  sendRequestData(chunk: Buffer, endOfStream: boolean): void {
    this.outer.sendRequestData(chunk, endOfStream);
  }

  sendRequestTrailers(trailers: FieldMap): void {
    this.outer.sendRequestTrailers(trailers);
  }

  sendResponseHeaders(headers: ResponseHeaders, endOfStream: boolean): void {
    this.middle.responseCame(headers, endOfStream);
  }

  sendResponseData(chunk: Buffer, endOfStream: boolean): void {
    this.middle.dataCame(RESPONSE, chunk, endOfStream);
  }

  sendResponseTrailers(trailers: FieldMap): void {
    this.middle.trailersCame(RESPONSE, trailers);
  }

  pauseRequest(paused: boolean): void {
    this.middle.pauseMiddle(REQUEST, paused);
  }

  pauseResponse(paused: boolean): void {
    this.middle.pauseOutside(RESPONSE, paused);
  }

  beginLocalResponse(): void {
    this.middle.behindAnswers();
  }
}
