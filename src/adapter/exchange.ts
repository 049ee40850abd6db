import { AsyncResource } from 'node:async_hooks';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Exchange, FilterChain, FilterStream, StreamEnds, StreamFailure } from '../chain/types.ts';
import { UpstreamError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { FieldMap } from '../message/fields.ts';
import { type RequestHeaders, ResponseHeaders } from '../message/headers.ts';
import { parseLength } from '../proxy/framing.ts';
import { ClientResponse } from './client-response.ts';
import { EmbeddedConnection } from './connection.ts';
import { HandlerResponse, type ResponseSink } from './handler-response.ts';
import { NodeResponse } from './node-response.ts';
import { RequestBody, type RequestSink } from './request-body.ts';
import { applyHead, type RequestHead, readHead } from './request-head.ts';

/** What an exchange needs of the chain it belongs to. */
export interface ExchangeContext {
  readonly chain: FilterChain;
  readonly log: Log;
  /** Called once, when the exchange is over. */
  exchangeEnded(): void;
}

const EMPTY = Buffer.alloc(0);

/** One request to the user's own server, on its way through the chain to the user's handler and back. */
export class EmbeddedExchange implements Exchange, RequestSink, ResponseSink {
  readonly connection: EmbeddedConnection;
  readonly requestHeaders: RequestHeaders;
  readonly startTime = Date.now();
  readonly protocol: string;
  readonly routeName = '';
  readonly upstream = undefined;
  protected readonly res: ServerResponse;
  /** The handler has the request. */
  protected handed = false;
  readonly #context: ExchangeContext;
  readonly #req: IncomingMessage;
  readonly #head: RequestHead;
  readonly #stream: FilterStream;
  /** A filter sends messages of its own. */
  protected readonly ends: StreamEnds | undefined;
  readonly #body: RequestBody | undefined;
  readonly #node: NodeResponse;
  readonly #client: ClientResponse;
  readonly #handler: HandlerResponse;
  #next: () => void;
  #starting = true;
  /** Request headers passed every filter. */
  #passed = false;
  /** A filter, or Weir itself, answers. */
  #answered = false;
  #handlerLength: string | undefined;
  #responseSize = 0;
  /** Body bytes of a request that a filter made itself: -1 not known; undefined: it is the client's. */
  #ownRequest: number | undefined;
  /** A filter makes the response itself. */
  #ownResponse = false;
  /** The handler has begun to answer. */
  #handlerAnswers = false;
  /** The connection was broken off: nothing is sent any more. */
  #broken = false;
  #over = false;

  /** `next` is called once, with the request as the filters left it; never when a filter answers. */
  constructor(context: ExchangeContext, req: IncomingMessage, res: ServerResponse, next: () => void) {
    const { chain } = context;
    this.#context = context;
    this.#req = req;
    this.res = res;
    this.#next = next;
    this.connection = EmbeddedConnection.of(req.socket);
    this.protocol = req.httpVersionMinor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
    this.#head = readHead(req);
    this.requestHeaders = this.#head.headers;
    this.#node = new NodeResponse(res);
    this.#client = new ClientResponse(this.#node, req.method === 'HEAD');
    this.#handler = new HandlerResponse(this.#node, this.#client, this, chain.responseBody);
    const { length } = this.#head;
    this.#stream = chain.open(this);
    this.ends = this.#stream.ends;
    const body = chain.requestBody && (length !== 0 || this.ends !== undefined);
    this.#body = body ? new RequestBody(req, this, length) : undefined;
  }

  /** Runs the request filters; calls `next` before it returns when none of them pauses. */
  start(): void {
    this.connection.add(this);
    this.res.once('close', () => this.#responseClosed());
    this.#stream.onRequestHeaders(this.#head.length === 0);
    if (!this.#answered) this.#body?.start();
    this.#starting = false;
    // Whatever resumes it later runs for another request: `next` must not.
    if (!this.#ready && !this.#answered) this.#next = AsyncResource.bind(this.#next);
    this.#proceed();
  }

  get requestSize(): number {
    return this.#body?.size ?? Math.max(this.#head.length, 0);
  }

  get responseSize(): number {
    if (this.#responseSize > 0 || this.#context.chain.responseBody) return this.#responseSize;
    return Math.max(parseLength(this.#handlerLength ?? ''), 0);
  }

  // From the parser and the handler, into the chain.

  requestData(chunk: Buffer, endOfStream: boolean): void {
    this.#stream.onRequestData(chunk, endOfStream);
  }

  requestTrailers(trailers: FieldMap): void {
    this.#stream.onRequestTrailers(trailers);
  }

  requestFull(full: boolean): void {
    this.ends?.requestFull(full);
  }

  responseHeaders(headers: ResponseHeaders, endOfStream: boolean): void {
    this.#handlerAnswers = true;
    this.#handlerLength = headers.get('content-length');
    this.#stream.onResponseHeaders(headers, endOfStream);
  }

  responseData(chunk: Buffer, endOfStream: boolean): void {
    if (!this.#ownResponse) this.#responseSize += chunk.length;
    this.#stream.onResponseData(chunk, endOfStream);
  }

  responseTrailers(trailers: FieldMap): void {
    this.#stream.onResponseTrailers(trailers);
  }

  // From the chain.

  sendRequestHeaders(endOfStream: boolean): void {
    if (this.#answered) {
      this.#noHandler();
      return;
    }
    this.#passed = true;
    // The handler waits for an end that is the filter's to give.
    if (endOfStream && this.ends !== undefined) this.#body?.send(EMPTY, true);
    if (!this.#starting) this.#proceedSoon();
  }

  sendRequestData(chunk: Buffer, endOfStream: boolean): void {
    this.#body?.send(chunk, endOfStream);
    if (endOfStream && !this.#starting) this.#proceedSoon();
  }

  sendRequestTrailers(trailers: FieldMap): void {
    this.#body?.sendTrailers(trailers);
    if (!this.#starting) this.#proceedSoon();
  }

  sendResponseHeaders(headers: ResponseHeaders, endOfStream: boolean): void {
    if (this.#over || this.#broken) return;
    const { responseBody, changesResponseBody } = this.#context.chain;
    if (this.#answered && !this.#ownResponse) {
      headers.mutated = true;
      const open = this.#head.method !== 'HEAD' || changesResponseBody;
      this.#client.head(headers, { length: headers.get('content-length'), open }, endOfStream);
      return;
    }
    const length = this.#ownResponse ? headers.get('content-length') : this.#handlerLength;
    const framing = { length, open: responseBody && changesResponseBody };
    if (responseBody) {
      this.#client.head(headers, framing, endOfStream);
    } else {
      this.#client.setHead(headers, framing);
      this.#handler.pass();
    }
  }

  sendResponseData(chunk: Buffer, endOfStream: boolean): void {
    if (this.#over || this.#broken) return;
    if (this.#answered || this.#ownResponse) this.#responseSize += chunk.length;
    this.#client.data(chunk, endOfStream, this.#ownResponse ? undefined : this.#handler.takeCallback());
    if (this.#ownResponse && this.#node.needDrain) this.ends!.responseFull(true);
  }

  sendResponseTrailers(trailers: FieldMap): void {
    if (!this.#over && !this.#broken) this.#client.trailers(trailers);
  }

  pauseRequest(paused: boolean): void {
    this.#body?.pause(paused);
  }

  pauseResponse(paused: boolean): void {
    if (!this.#answered) this.#handler.pause(paused);
  }

  beginLocalResponse(): void {
    if (this.#over) return;
    this.#takeAnswer();
    // A response that the chain doesn't look at is the handler's alone: once begun it can only be broken off.
    if (!this.canAnswer) this.#break();
  }

  fail(failure: StreamFailure): void {
    const { status, filter, details } = failure;
    this.#context.log.warn({ part: 'filter', filter, status, details }, 'filter failed');
    if (this.#over) return;
    this.#takeAnswer();
    if (this.canAnswer) this.#client.answer(status, (STATUS_CODES[status] ?? 'error').toLowerCase());
    else this.#break();
  }

  reset(reason: string): void {
    this.#context.log.debug({ part: 'filter', reason }, 'stream closed by a filter');
    if (this.#over) return;
    this.#answered = true;
    this.#break();
  }

  clearRouteCache(): void {}

  takeRequest(length: number): void {
    this.#ownRequest = length;
  }

  takeResponse(_length: number): void {
    if (this.#over) return;
    this.#ownResponse = true;
    this.#responseSize = 0;
    this.res.on('drain', () => {
      if (!this.#node.needDrain) this.ends!.responseFull(false);
    });
    if (this.#handlerAnswers) return;
    // The handler's turn is over, or never comes; what the client sends is still the filter's.
    this.#answered = true;
    this.#handler.mute();
    this.prepareAnswer();
  }

  dropUpstream(): void {
    if (!this.#over && !this.#ownResponse) this.#handler.mute();
  }

  // The connection.

  get responseStarted(): boolean {
    return this.#node.headersSent;
  }

  connectionClosed(): void {
    this.finish();
  }

  /** From here on the handler has no say. */
  #takeAnswer(): void {
    this.#answered = true;
    this.#handler.mute();
    this.#body?.abandon(this.handed);
    this.prepareAnswer();
  }

  /** Something other than the handler is about to write to `res`. */
  protected prepareAnswer(): void {}

  /** Nothing of another response is out. */
  protected get canAnswer(): boolean {
    return !this.#client.headSent;
  }

  /** Gives the request to the handler. */
  protected hand(next: () => void): void {
    if (this.#context.chain.response) this.#handler.install();
    next();
  }

  /** The exchange is over: contexts end. Calls after the first do nothing. */
  protected finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.connection.remove(this);
    this.#stream.finish();
    this.#context.exchangeEnded();
  }

  get #ready(): boolean {
    return this.#passed && this.#body?.late !== true;
  }

  /** Not on the chain's stack: what the handler throws is not a filter's failure. */
  #proceedSoon(): void {
    if (!this.handed && this.#ready) queueMicrotask(() => this.#proceed());
  }

  #proceed(): void {
    if (this.handed || this.#answered || this.#over || !this.#ready) return;
    this.handed = true;
    const mayChange = this.#body !== undefined && this.#context.chain.changesRequestBody;
    applyHead(this.#req, this.#head, mayChange, this.#ownRequest);
    this.hand(this.#next);
  }

  /** Where there is no handler any more, there is no answer. */
  #noHandler(): void {
    queueMicrotask(() => {
      const error = new UpstreamError('UPSTREAM_RESET', 'request', 'the request was answered before');
      if (this.#over || this.ends?.upstreamFailed(error, 502) !== false) return;
      this.#stream.onResponseHeaders(new ResponseHeaders(502, []), true);
    });
  }

  #break(): void {
    this.#broken = true;
    this.#body?.abandon(this.handed);
    // When the whole response is out, only what is left of the request is lost.
    if (!this.#client.ended && !this.#node.ended) this.#req.socket.destroy();
  }

  /** A handler may go on reading after it has answered: the filters stay for that. */
  #responseClosed(): void {
    const req = this.#req;
    if (this.ends !== undefined) {
      this.#body?.abandon(this.handed);
      this.finish();
      return;
    }
    const reading = req.readableFlowing !== null || req.listenerCount('readable') > 0;
    if (this.#body?.over === false && reading && !req.destroyed) req.once('close', () => this.finish());
    else this.finish();
  }
}
