import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Exchange, FilterChain, FilterStream, StreamEnds, StreamFailure } from '../chain/types.ts';
import type { UpstreamError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { FieldMap } from '../message/fields.ts';
import type { RequestHeaders, ResponseHeaders } from '../message/headers.ts';
import type { TargetInfo, UpstreamInfo, UpstreamTries } from '../message/info.ts';
import type { ClientConnection, ConnectionUser } from './client-connection.ts';
import { STATUS_CODES } from './node-http.ts';
import type { RequestHead } from './request-head.ts';
import { RequestSide } from './request-side.ts';
import { ResponseSide } from './response-side.ts';
import type { Route, Router } from './router.ts';

/** What the exchanges of one listener share. */
export interface ExchangeContext {
  readonly router: Router;
  readonly log: Log;
  /** True: the listener is closing, so connections are closed after their answer. */
  readonly draining: boolean;
  /** Called once, when an exchange is over. */
  /** `upgrade`: of a request for one, whatever came of it. */
  exchangeEnded(upgrade: boolean): void;
}

/**
 * One request and its response, between the client's connection, the filter chain and an upstream. What goes each
 * way is in RequestSide and ResponseSide; here is what they share, and the one end that every exchange comes to.
 */
export class HttpExchange implements Exchange, ConnectionUser {
  readonly context: ExchangeContext;
  readonly connection: ClientConnection;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly requestHeaders: RequestHeaders;
  readonly startTime: number;
  /** The protocol that an Upgrade asks for: the exchange ends in a tunnel, or in a refusal. Empty: none. */
  readonly upgrade: string;
  readonly chain: FilterChain;
  /** Undefined: no filters. */
  readonly stream: FilterStream | undefined;
  /** A filter sends messages of its own. */
  readonly ends: StreamEnds | undefined;
  readonly request: RequestSide;
  readonly response: ResponseSide;
  route: Route;
  upstream: UpstreamInfo | undefined = undefined;
  /** The exchange has ended: nothing is sent any more. */
  over = false;
  #routeStale = false;
  readonly #begun = performance.now();

  constructor(
    context: ExchangeContext,
    connection: ClientConnection,
    req: IncomingMessage,
    res: ServerResponse,
    head: RequestHead,
    headers: RequestHeaders,
    route: Route,
    chain: FilterChain,
    upgrade: string,
  ) {
    this.context = context;
    this.connection = connection;
    this.req = req;
    this.res = res;
    this.requestHeaders = headers;
    this.startTime = Date.now();
    this.upgrade = upgrade;
    this.route = route;
    this.chain = chain;
    this.request = new RequestSide(this, head);
    this.response = new ResponseSide(this);
    connection.add(this);
    res.on('close', () => this.#end());
    this.stream = chain.empty ? undefined : chain.open(this);
    this.ends = this.stream?.ends;
  }

  get protocol(): string {
    return this.req.httpVersionMinor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
  }

  get routeName(): string {
    return this.route.name;
  }

  get target(): TargetInfo {
    return this.route.target;
  }

  get requestSize(): number {
    return this.request.size;
  }

  get responseSize(): number {
    return this.response.sizeSeen;
  }

  get responseStatus(): number {
    return this.response.statusSent;
  }

  get tries(): UpstreamTries | undefined {
    return this.request.tries;
  }

  get clientGone(): boolean {
    return this.over && !this.response.ended;
  }

  get responseStarted(): boolean {
    return this.res.headersSent;
  }

  sendRequestHeaders(endOfStream: boolean): void {
    if (!this.over) this.request.sendHeaders(endOfStream);
  }

  sendRequestData(chunk: Buffer, endOfStream: boolean): void {
    if (!this.over) this.request.sendData(chunk, endOfStream);
  }

  sendRequestTrailers(trailers: FieldMap): void {
    if (!this.over) this.request.sendTrailers(trailers);
  }

  sendResponseHeaders(headers: ResponseHeaders, endOfStream: boolean): void {
    if (!this.over) this.response.sendHeaders(headers, endOfStream);
  }

  sendResponseData(chunk: Buffer, endOfStream: boolean): void {
    if (!this.over) this.response.sendData(chunk, endOfStream);
  }

  sendResponseTrailers(trailers: FieldMap): void {
    if (!this.over) this.response.sendTrailers(trailers);
  }

  pauseRequest(paused: boolean): void {
    this.request.pause(paused);
  }

  pauseResponse(paused: boolean): void {
    this.response.pause(paused);
  }

  beginLocalResponse(): void {
    if (this.over) return;
    const { log } = this.context;
    if (this.stream !== undefined && log.isLevelEnabled('debug')) {
      const { localResponseFilter: filter, localResponseDetails: details } = this.stream;
      log.debug({ part: 'filter', filter, route: this.route.name, details }, 'a filter answered');
    }
    this.request.abandon();
    this.response.beginLocal();
  }

  fail(failure: StreamFailure): void {
    if (this.over) return;
    const { status, filter, details } = failure;
    this.context.log.warn(
      { part: 'filter', filter, route: this.route.name, status, details },
      'filter failed',
    );
    this.request.abandon();
    this.response.answer(status, (STATUS_CODES[status] ?? 'error').toLowerCase());
  }

  reset(reason: string): void {
    if (this.over) return;
    this.context.log.debug({ part: 'filter', route: this.route.name, reason }, 'stream closed by a filter');
    this.response.reset();
  }

  clearRouteCache(): void {
    this.#routeStale = true;
  }

  takeRequest(length: number): void {
    this.request.take(length);
  }

  takeResponse(length: number): void {
    this.response.take(length);
  }

  dropUpstream(): void {
    if (!this.over) this.request.drop();
  }

  connectionClosed(): void {
    this.#end();
  }

  /** Asks the router again when filters changed what it goes by. False: no route any more, and answered so. */
  reroute(): boolean {
    if (this.context.router.size < 2 || !(this.#routeStale || this.requestHeaders.mutated)) return true;
    this.#routeStale = false;
    const route = this.context.router.match(this.requestHeaders);
    if (route === undefined) {
      this.request.abandon();
      this.response.answer(404, 'no route');
      return false;
    }
    this.route = route;
    return true;
  }

  /** An upstream failed and no other can be tried. */
  logUpstreamError(error: UpstreamError, endpoint: string): void {
    this.context.log.warn(
      {
        part: `upstream ${error.phase}`,
        upstream: this.route.upstream.name,
        endpoint,
        route: this.route.name,
        code: error.code,
        reason: error.message,
      },
      'upstream failed',
    );
  }

  /** The response is out, or the connection is gone: the one way every exchange ends. */
  #end(): void {
    if (this.over) return;
    this.over = true;
    this.connection.remove(this);
    if (!this.response.ended) {
      this.context.log.debug({ part: 'client', route: this.route.name }, 'client connection closed early');
    }
    this.request.close();
    this.response.close();
    this.stream?.finish();
    this.route.counts.ended(this.response.statusSent, performance.now() - this.#begun);
    this.context.exchangeEnded(this.upgrade !== '');
  }
}
