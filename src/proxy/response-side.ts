import type { Duplex } from 'node:stream';
import { UpstreamError } from '../errors.ts';
import { FieldMap, fieldValue, type RawFields, removeField } from '../message/fields.ts';
import { ResponseHeaders } from '../message/headers.ts';
import type { HttpExchange } from './exchange.ts';
import { cleanTrailers, removeOwnFields } from './framing.ts';
import { STATUS_CODES } from './node-http.ts';
import { readResponseHead } from './response-head.ts';
import { ResponseWriter } from './response-writer.ts';
import type { UpgradeHandler } from './transport.ts';
import { joinTunnel, switchProtocols } from './tunnel.ts';
import { failureStatus, failureText } from './upstream-error.ts';

const EMPTY = Buffer.alloc(0);

/** The way of a response: from an upstream (or from us) through the chain, if it looks at it, to the client. */
export class ResponseSide implements UpgradeHandler {
  /** Body bytes received from the upstream, or sent as a local response. */
  size = 0;
  readonly #exchange: HttpExchange;
  readonly #writer: ResponseWriter;
  /** What the upstream said. */
  #status = 0;
  #statusText = '';
  /** Body bytes to come, or -1: not known before it ends. */
  #length = -1;
  #announcesTrailers = false;
  /** The response to send is a filter's, with a body of `#ownLength` bytes (-1: not known), `#ownSize` of them sent. */
  #own = false;
  #ownLength = -1;
  #ownSize = 0;
  /** A response is on its way: the upstream's, a filter's, or ours. */
  #begun = false;
  #local = false;
  #received = false;
  /** Passed the chain, but waits for the body to know how long it is. */
  #held: ResponseHeaders | undefined;
  /** A body of ours that waits until its headers have passed the chain. */
  #waiting: Buffer | undefined;
  #chainFull = false;
  #tunnel: Duplex | undefined;
  /** What the upstream switches to. */
  #protocol = '';

  constructor(exchange: HttpExchange) {
    this.#exchange = exchange;
    this.#writer = new ResponseWriter(exchange, full => this.#clientFull(full));
  }

  /** Of the head that went out; 0: none did. */
  get statusSent(): number {
    return this.#writer.status;
  }

  /** All of the response was handed to the connection. */
  get ended(): boolean {
    return this.#writer.ended;
  }

  /** Body bytes from the upstream; or sent, when they are not the upstream's. */
  get sizeSeen(): number {
    return this.#own ? this.#ownSize : this.size;
  }

  onInformation(status: number, headers: RawFields): void {
    const { req, res, over, ends } = this.#exchange;
    // It is not to this client that the upstream says it.
    if (ends !== undefined) return;
    // HTTP/1.0 has no 1xx; a pipelined response whose turn hasn't come has no socket.
    if (status < 100 || over || this.#begun || req.httpVersionMinor === 0 || res.socket === null) return;
    if (readResponseHead(headers) === undefined) return;
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Information'}\r\n`;
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    res.socket.write(`${head}\r\n`, 'latin1');
  }

  onHeaders(status: number, statusText: string, raw: RawFields): boolean {
    const head = readResponseHead(raw);
    if (head === undefined || status < 200) {
      this.#upstreamFailed(new UpstreamError('UPSTREAM_PROTOCOL', 'response', 'ambiguous framing'));
      return true;
    }
    this.#begun = true;
    this.#status = status;
    this.#statusText = statusText;
    this.#length = head.length;
    this.#announcesTrailers = head.announcesTrailers;
    const { stream, chain, requestHeaders, ends } = this.#exchange;
    const bodyless = ends === undefined ? this.#writer.hasNoBody(status) : status === 204 || status === 304;
    // A filter may have changed the method: without a body on either side, there is none.
    const end = bodyless || requestHeaders.method === 'HEAD' || head.length === 0;
    if (end) this.#last();
    if (stream !== undefined && chain.response) {
      stream.onResponseHeaders(new ResponseHeaders(status, raw), end);
    } else {
      const lost = end && head.length > 0 && !this.#writer.hasNoBody(status);
      if (status === 204 || lost) removeField(raw, 'content-length');
      if (lost) raw.push('Content-Length', '0');
      this.#writeHead(status, raw, !end && head.length < 0, head.announcesTrailers);
      if (end) this.#writer.end();
    }
    return end || !this.#full;
  }

  onData(chunk: Buffer): boolean {
    // The client asked for no body.
    if (this.#received) return true;
    this.size += chunk.length;
    const last = this.size === this.#length;
    if (last) this.#last();
    if (this.#throughChain) this.#exchange.stream!.onResponseData(chunk, last);
    else this.#write(chunk, last);
    return last || !this.#full;
  }

  onComplete(trailers: RawFields): void {
    if (this.#received) return;
    this.#last();
    cleanTrailers(trailers);
    if (!this.#throughChain) this.#writer.end(EMPTY, trailers);
    else if (trailers.length > 0) this.#exchange.stream!.onResponseTrailers(new FieldMap(trailers));
    else this.#exchange.stream!.onResponseData(EMPTY, true);
  }

  onUpgrade(raw: RawFields, tunnel: Duplex): void {
    const { stream, chain } = this.#exchange;
    this.#begun = true;
    this.#received = true;
    this.#tunnel = tunnel;
    this.#protocol = fieldValue(raw, 'upgrade') ?? this.#exchange.upgrade;
    readResponseHead(raw);
    // Shown to filters as it came; what is sent is ours.
    raw.push('Upgrade', this.#protocol);
    if (stream !== undefined && chain.response) stream.onResponseHeaders(new ResponseHeaders(101, raw), true);
    else this.#switch(raw);
  }

  onError(error: UpstreamError): void {
    if (this.#exchange.over) return;
    // A body whose last byte came is whole: what its connection does after that is nothing to the client.
    if (this.#received) return;
    this.#exchange.request.tries?.failed(error);
    if (!this.#begun && this.#exchange.request.retry(error)) return;
    this.#upstreamFailed(error);
  }

  /** All of the upstream's response is here. */
  #last(): void {
    this.#received = true;
    this.#exchange.request.tries?.end();
  }

  /** The upstream has no endpoint left to try. */
  noEndpoint(): void {
    this.#upstreamFailed(new UpstreamError('UPSTREAM_CONNECT', 'connect', 'no endpoint'), 503);
  }

  beginLocal(): void {
    this.#begun = true;
    this.#local = true;
    this.#own = false;
    this.#received = true;
    this.#length = -1;
    this.#held = undefined;
    this.#waiting = undefined;
    this.#dropTunnel();
  }

  /** A filter makes the response itself. */
  take(length: number): void {
    this.#own = true;
    this.#ownLength = length;
  }

  /** Headers that passed the chain. */
  sendHeaders(headers: ResponseHeaders, endOfStream: boolean): void {
    if (this.#writer.headSent) return;
    if (this.#tunnel !== undefined) {
      if (headers.status === 101) {
        this.#switch(headers.raw);
        return;
      }
      this.#dropTunnel();
    }
    const { raw, status, mutated } = headers;
    const length = this.#sending;
    let keepsLength = length >= 0;
    if (mutated || this.#local) {
      keepsLength = removeOwnFields(raw) && keepsLength;
      if (keepsLength) raw.push('Content-Length', String(length));
    }
    const announces =
      mutated || this.#local ? fieldValue(raw, 'trailer') !== undefined : this.#announcesTrailers;
    if (this.#writer.hasNoBody(status)) {
      if (status === 204) removeField(raw, 'content-length');
      // A HEAD's local response tells the length of what would have been sent.
      if (this.#local && !endOfStream && status !== 204) this.#held = headers;
      else this.#writeHead(status, raw, false, announces);
    } else if (endOfStream) {
      if (keepsLength && length > 0) removeField(raw, 'content-length');
      if (!keepsLength || length > 0) raw.push('Content-Length', '0');
      this.#writeHead(status, raw, false, announces);
    } else if (
      this.#local ||
      (keepsLength && this.#throughChain && this.#exchange.chain.changesResponseBody)
    ) {
      this.#held = headers;
    } else {
      this.#writeHead(status, raw, !keepsLength, announces);
    }
    if (endOfStream) {
      this.#writer.end();
    } else if (this.#waiting !== undefined) {
      const body = this.#waiting;
      this.#waiting = undefined;
      this.#write(body, true);
    } else {
      this.#flow();
    }
  }

  /** Body that passed the chain. */
  sendData(chunk: Buffer, endOfStream: boolean): void {
    if (this.#local) this.size += chunk.length;
    else if (this.#own) this.#ownSize += chunk.length;
    if (this.#held !== undefined) this.#release(endOfStream ? chunk.length : this.#lengthStillRight(chunk));
    this.#write(chunk, endOfStream);
  }

  sendTrailers(trailers: FieldMap): void {
    if (this.#held !== undefined) this.#release(-1);
    this.#writer.end(EMPTY, cleanTrailers(trailers.raw.slice()));
  }

  pause(paused: boolean): void {
    this.#chainFull = paused;
    this.#flow();
  }

  /** Answers with a short text of ours, past the filters; resets the connection when a head is out. */
  answer(status: number, text: string): void {
    if (this.#exchange.over) return;
    if (this.#writer.headSent) {
      this.reset();
      return;
    }
    this.beginLocal();
    this.#local = false;
    const body = Buffer.from(`${status} ${text}\n`);
    const raw = ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(body.length)];
    this.#writeHead(status, raw, false, false);
    this.#write(body, true);
  }

  /** Breaks the client's connection off: it must not take what it has for a whole response. */
  reset(): void {
    this.#exchange.request.abandon();
    this.#dropTunnel();
    const { socket } = this.#exchange.connection;
    socket.resetAndDestroy();
  }

  /** The exchange is over. */
  close(): void {
    this.#writer.close();
    this.#dropTunnel();
  }

  get #throughChain(): boolean {
    const { stream, chain } = this.#exchange;
    return stream !== undefined && chain.response && chain.responseBody;
  }

  /** The upstream must wait: for the client, for the chain, or for headers that a filter holds back. */
  get #full(): boolean {
    if (this.#own) return this.#chainFull;
    return this.#chainFull || this.#writer.full || !(this.#writer.headSent || this.#throughChain);
  }

  /** Body bytes to send, as far as is known: -1 not. */
  get #sending(): number {
    return this.#own ? this.#ownLength : this.#length;
  }

  #clientFull(full: boolean): void {
    this.#exchange.ends?.responseFull(full);
    if (!full) this.#flow();
  }

  #flow(): void {
    if (!this.#full) this.#exchange.request.resume();
  }

  #upstreamFailed(error: UpstreamError, status = failureStatus(error)): void {
    const { request, stream, chain, ends } = this.#exchange;
    request.tries?.failed(error);
    this.#exchange.logUpstreamError(error, request.endpoint);
    if (ends === undefined) request.abandon();
    else request.drop();
    if (ends?.upstreamFailed(error, status) === true) return;
    const text = `upstream ${failureText(error)}`;
    if (this.#begun || stream === undefined || !chain.response) {
      this.answer(status, text);
      return;
    }
    // As in Envoy, filters see the failure as they would see a response.
    const body = Buffer.from(`${status} ${text}\n`);
    const raw = ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(body.length)];
    this.#begun = true;
    this.#received = true;
    this.#status = status;
    this.#length = body.length;
    const end = this.#writer.hasNoBody(status);
    if (!end && !chain.responseBody) this.#waiting = body;
    stream.onResponseHeaders(new ResponseHeaders(status, raw), end);
    if (!end && chain.responseBody && !this.#local && !this.#exchange.over) stream.onResponseData(body, true);
  }

  /**
   * The length that was declared, when so far no filter changed the body; else -1. All of a body but not its end: a filter
   * adds trailers, which need chunks.
   */
  #lengthStillRight(start: Buffer): number {
    const changed = this.#exchange.stream?.responseBodyChanged === true;
    const length = this.#sending;
    if (this.#local || changed || start.length === length) return -1;
    this.#writer.promise(length);
    return length;
  }

  /** Sends the head that was held; `length` -1 when it isn't known yet. */
  #release(length: number): void {
    const { raw, status } = this.#held!;
    this.#held = undefined;
    removeField(raw, 'content-length');
    if (length >= 0) raw.push('Content-Length', String(length));
    this.#writeHead(status, raw, length < 0, fieldValue(raw, 'trailer') !== undefined);
  }

  #writeHead(status: number, raw: RawFields, chunked: boolean, announcesTrailers: boolean): void {
    const reason = status === this.#status ? this.#statusText : '';
    this.#writer.head({
      status,
      reason,
      raw,
      chunked,
      announcesTrailers,
      // A filter may answer first and read on.
      last: this.#local || (this.#received && !this.#own),
    });
  }

  #write(chunk: Buffer, end: boolean): void {
    if (end) this.#writer.end(chunk);
    else this.#writer.write(chunk);
  }

  #switch(raw: RawFields): void {
    const tunnel = this.#tunnel!;
    this.#tunnel = undefined;
    this.#writer.handOver();
    const { res, connection } = this.#exchange;
    switchProtocols(res, connection.socket, this.#protocol, raw);
    joinTunnel(connection.socket, tunnel);
  }

  #dropTunnel(): void {
    this.#tunnel?.destroy();
    this.#tunnel = undefined;
  }
}
