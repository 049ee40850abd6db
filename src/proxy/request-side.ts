import type { UpstreamError } from '../errors.ts';
import { FieldMap, fieldValue, type RawFields, removeField } from '../message/fields.ts';
import type { HttpExchange } from './exchange.ts';
import { cleanTrailers, removeOwnFields } from './framing.ts';
import { type BodySource, RequestBody } from './request-body.ts';
import type { RequestHead } from './request-head.ts';
import type { UpstreamCall, UpstreamRequest } from './transport.ts';
import { Tries } from './tries.ts';
import type { Endpoint } from './upstream.ts';

const EMPTY = Buffer.alloc(0);
/** Of a body that nobody wants, this much is read, for so long, that the client sees our answer: bytes, and ms. */
const DISCARD_BYTES = 1024 * 1024;
const DISCARD_TIME = 2000;
/** A body up to this length is expected to arrive whole: its connection is kept after an early answer. */
const SMALL_BODY = 64 * 1024;
/** RFC 9110 section 9.2.1: repeating one changes nothing. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** The way of a request: from the client through the chain, if it looks at bodies, to an upstream. */
export class RequestSide implements BodySource {
  /** Body bytes received. */
  size = 0;
  readonly #exchange: HttpExchange;
  /** As the client declared: 0 without a body, -1 chunked. */
  readonly #length: number;
  /** The request to send has a body of a filter's; then `#ownLength` is what `#length` is of the client's. */
  #own = false;
  #ownLength = 0;
  #expectsContinue: boolean;
  #outgoing: UpstreamRequest | undefined;
  #body: RequestBody | null = null;
  #call: UpstreamCall | undefined;
  #endpoint: Endpoint | undefined;
  #tried: Endpoint[] | undefined;
  /** Only where there are filters, who may ask. */
  tries: Tries | undefined;
  #repeated = false;
  /** Headers have passed the chain but wait for the body to know how long it is. */
  #held = false;
  /** Body bytes that the head sent promises though a filter could still change them, and those sent; -1: none. */
  #promised = -1;
  #sent = 0;
  /** The chain has its headers. */
  #started = false;
  #reading = false;
  #received = false;
  #abandoned = false;
  #chainFull = false;
  #bodyFull = false;
  #discarded = 0;
  #onDiscarded: (() => void) | undefined;

  constructor(exchange: HttpExchange, head: RequestHead) {
    this.#exchange = exchange;
    this.#length = head.length;
    this.#expectsContinue = head.expectsContinue;
  }

  /** URL of the endpoint tried last; empty before. */
  get endpoint(): string {
    return this.#endpoint?.url ?? '';
  }

  /** The client still owes body, more of it than is worth waiting for. */
  get owesMuch(): boolean {
    return (this.#length < 0 || this.#length > SMALL_BODY) && !this.#exchange.req.complete;
  }

  start(): void {
    const { stream, chain } = this.#exchange;
    const bodyless = this.#length === 0;
    if (stream === undefined) {
      this.sendHeaders(bodyless);
      return;
    }
    stream.onRequestHeaders(bodyless);
    this.#started = true;
    // Also while headers are paused: the filter may be waiting for the body. A connection that stood idle asked for
    // the body within onRequestHeaders already.
    if (!bodyless && chain.requestBody && !this.#reading && !this.#abandoned && !this.#unasked) this.#read();
  }

  /** A filter makes the request itself. */
  take(length: number): void {
    this.#own = true;
    this.#ownLength = length;
  }

  /** Ends the call; what the client sends goes on to the chain. */
  drop(): void {
    this.#call?.abort();
    this.#body?.destroy();
  }

  sendHeaders(endOfStream: boolean): void {
    if (this.#abandoned || !this.#exchange.reroute()) return;
    const { chain, requestHeaders } = this.#exchange;
    const length = this.#sending;
    if (endOfStream || length === 0) {
      this.#dispatch(0);
    } else if (
      length < 0 ||
      (requestHeaders.mutated && fieldValue(requestHeaders.raw, 'content-length') === undefined)
    ) {
      this.#dispatch(-1);
    } else if (this.#throughChain && chain.changesRequestBody) {
      this.#held = true;
    } else {
      this.#dispatch(length);
    }
  }

  sendData(chunk: Buffer, endOfStream: boolean): void {
    if (this.#abandoned) return;
    if (this.#held) {
      this.#held = false;
      this.#dispatch(endOfStream ? chunk.length : this.#lengthStillRight(chunk));
    }
    if (this.#keepsPromise(chunk.length, endOfStream)) this.#write(chunk, endOfStream);
  }

  sendTrailers(trailers: FieldMap): void {
    if (this.#abandoned) return;
    if (this.#held) {
      this.#held = false;
      this.#dispatch(-1);
    }
    this.#body?.end(cleanTrailers(trailers.raw.slice()));
  }

  pause(paused: boolean): void {
    this.#chainFull = paused;
    if (!paused && this.#startsLate) this.#read();
    else this.#flow();
  }

  bodyWanted(): void {
    const { ends } = this.#exchange;
    if (ends !== undefined) {
      ends.requestFull(false);
      return;
    }
    this.#bodyFull = false;
    if (!this.#reading && !this.#abandoned && !this.#exchange.over) this.#read();
    this.#flow();
  }

  /** Another endpoint, or the same once more, gets the request whose last try ended with `error`. False: none does. */
  retry(error: UpstreamError): boolean {
    const endpoint = this.#endpoint;
    if (endpoint === undefined || this.#abandoned) return false;
    const { upstream } = this.#exchange.route;
    if (error.phase === 'connect') {
      upstream.refused(endpoint);
      this.#tried ??= [];
      this.#tried.push(endpoint);
    } else {
      // A kept-alive connection may have been closed as the request went out. Only what can be repeated is.
      if (error.code !== 'UPSTREAM_RESET' || this.#body !== null || this.#repeated) return false;
      if (!SAFE_METHODS.has(this.#outgoing!.method)) return false;
      this.#repeated = true;
    }
    const next = upstream.pick(this.#tried);
    if (next === undefined) return false;
    this.#body?.removeAllListeners();
    this.#try(next);
    return true;
  }

  resume(): void {
    this.#call?.resume();
  }

  /** Ends the call, or never makes it, and drops what is left of the body. */
  abandon(): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    this.#call?.abort();
    this.#body?.destroy();
  }

  /** The exchange is over. What the client still sends is read for a while, then its connection goes. */
  close(): void {
    this.abandon();
    const { req } = this.#exchange;
    if (req.complete || req.destroyed || this.#length === 0) return;
    this.discard(() => {
      if (!req.complete) req.socket.destroy();
    });
  }

  /** Reads and drops what is left of the body, within limits, then calls `done`. */
  discard(done: () => void): void {
    const { req } = this.#exchange;
    // A client that waits for a 100 sends no body before it.
    if (req.complete || req.destroyed || this.#expectsContinue) {
      done();
      return;
    }
    const timer = setTimeout(() => this.#onDiscarded?.(), DISCARD_TIME);
    this.#onDiscarded = () => {
      this.#onDiscarded = undefined;
      clearTimeout(timer);
      done();
    };
    if (!this.#reading) this.#read();
    req.once('close', () => this.#onDiscarded?.());
    req.resume();
  }

  /** Body bytes to send, as far as is known: -1 not. */
  get #sending(): number {
    return this.#own ? this.#ownLength : this.#length;
  }

  /** A filter that may not want the body has it paused: the client isn't asked for it yet. */
  get #unasked(): boolean {
    return this.#chainFull && this.#exchange.ends !== undefined;
  }

  get #startsLate(): boolean {
    const { ends, over, req } = this.#exchange;
    return (
      ends !== undefined && this.#started && !this.#reading && this.#length !== 0 && !over && !req.destroyed
    );
  }

  /** The length that was declared, when so far no filter changed the body or adds trailers at its end; else -1. */
  #lengthStillRight(start: Buffer): number {
    const length = this.#sending;
    if (this.#exchange.stream?.requestBodyChanged === true || start.length === length) return -1;
    this.#promised = length;
    return length;
  }

  /** False: the body is not as long as its head says, and the request can't go on. */
  #keepsPromise(size: number, end: boolean): boolean {
    if (this.#promised < 0) return true;
    this.#sent += size;
    if (this.#sent <= this.#promised && (!end || this.#sent === this.#promised)) return true;
    const details =
      'a filter changed the length of a request body whose start had passed; next time it is chunked';
    this.#exchange.fail({ status: 500, filter: this.#exchange.chain.filters.join(', '), details });
    return false;
  }

  get #throughChain(): boolean {
    return this.#exchange.stream !== undefined && this.#exchange.chain.requestBody;
  }

  #dispatch(length: number): void {
    const { requestHeaders, stream } = this.#exchange;
    // Filters may read their headers until the end: what only the wire needs goes into a copy.
    const fields = stream === undefined ? requestHeaders.raw : requestHeaders.raw.slice();
    if (requestHeaders.mutated) {
      removeOwnFields(fields);
      if (length > 0) fields.push('Content-Length', String(length));
    } else if (length !== this.#length) {
      removeField(fields, 'content-length');
      if (length > 0) fields.push('Content-Length', String(length));
    }
    fields.push('Host', requestHeaders.authority);
    this.#body = length === 0 ? null : new RequestBody(length, this);
    const { method, path } = requestHeaders;
    // A filter may have made another request of a handshake.
    const upgrade = this.#body === null ? this.#exchange.upgrade : '';
    this.#outgoing = { method, path, headers: fields, upgrade, body: this.#body };
    const endpoint = this.#exchange.route.upstream.pick();
    if (endpoint !== undefined) this.#try(endpoint);
    // Not at once: the chain is on the stack.
    else queueMicrotask(() => this.#exchange.response.noEndpoint());
  }

  #try(endpoint: Endpoint): void {
    const { response } = this.#exchange;
    this.#endpoint = endpoint;
    this.#exchange.upstream = endpoint.info;
    if (this.#exchange.stream !== undefined) {
      this.tries ??= new Tries();
      this.tries.begin();
    }
    this.#call =
      this.#outgoing!.upgrade !== ''
        ? endpoint.transport.upgrade(this.#outgoing!, response)
        : endpoint.transport.dispatch(this.#outgoing!, response);
  }

  #read(): void {
    this.#reading = true;
    const { req, res } = this.#exchange;
    if (this.#expectsContinue) {
      this.#expectsContinue = false;
      // A filter may have answered before it asks: then the client has been told.
      if (!res.headersSent) res.writeContinue();
    }
    req.on('data', (chunk: Buffer) => this.#onData(chunk));
    req.on('end', () => this.#onEnd());
    this.#flow();
  }

  #onData(chunk: Buffer): void {
    this.size += chunk.length;
    if (this.#abandoned) {
      this.#discarded += chunk.length;
      // Enough: the client has the rest of the time to read the answer.
      if (this.#discarded > DISCARD_BYTES && this.#onDiscarded !== undefined) this.#exchange.req.pause();
      return;
    }
    const last = this.size === this.#length;
    if (last) this.#received = true;
    if (this.#throughChain) this.#exchange.stream!.onRequestData(chunk, last);
    else this.#write(chunk, last);
  }

  #onEnd(): void {
    if (this.#abandoned) {
      this.#onDiscarded?.();
      return;
    }
    if (this.#received) return;
    this.#received = true;
    const trailers: RawFields = cleanTrailers(this.#exchange.req.rawTrailers);
    if (!this.#throughChain) this.#body?.end(trailers);
    else if (trailers.length > 0) this.#exchange.stream!.onRequestTrailers(new FieldMap(trailers));
    else this.#exchange.stream!.onRequestData(EMPTY, true);
  }

  #write(chunk: Buffer, end: boolean): void {
    const body = this.#body;
    if (body === null) return;
    if (chunk.length > 0 && !body.write(chunk)) this.#full();
    if (end) body.end();
  }

  #full(): void {
    const { ends } = this.#exchange;
    if (ends !== undefined) {
      ends.requestFull(true);
      return;
    }
    this.#bodyFull = true;
    this.#flow();
  }

  /** The client is read as long as neither the chain nor the upstream has its hands full. */
  #flow(): void {
    if (!this.#reading || this.#exchange.over) return;
    const { req } = this.#exchange;
    if (this.#abandoned || !(this.#chainFull || this.#bodyFull)) req.resume();
    else req.pause();
  }
}
