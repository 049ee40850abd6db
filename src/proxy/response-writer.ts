import { isFieldValue, type RawFields, removeField } from '../message/fields.ts';
import type { HttpExchange } from './exchange.ts';
import { type HeadHolder, sendHeadSoon } from './late-head.ts';
import { STATUS_CODES } from './node-http.ts';

const EMPTY = Buffer.alloc(0);

/** A client that takes nothing for this long is cut, in ms. */
const SEND_TIME = 60_000;

/** A response's head, as it is to be written. */
export interface OutgoingHead {
  readonly status: number;
  /** Empty: the usual one. */
  readonly reason: string;
  /** Without hop-by-hop fields; Content-Length when the length is known. The writer may change it. */
  readonly raw: RawFields;
  /** A body follows whose length isn't known. */
  readonly chunked: boolean;
  /** A Trailer field is there. */
  readonly announcesTrailers: boolean;
  /** The rest of the request's body is not wanted: the connection may have to close. */
  readonly last: boolean;
}

/** Writes one response to the client's connection, and keeps its framing true. */
export class ResponseWriter implements HeadHolder {
  headSent = false;
  /** Of the head that was sent; 0 before. */
  status = 0;
  /** All of the response was handed to the connection. */
  ended = false;
  /** The client must take what it was sent before there is more. */
  full = false;
  readonly #exchange: HttpExchange;
  readonly #onFull: (full: boolean) => void;
  /** Body bytes that the head sent promises though a filter could still change them, and those sent; -1: none. */
  #promised = -1;
  #sent = 0;
  #bodyless = false;
  /** Node has the head and sends it with what is written next. */
  #headWaits = false;
  /** The connection closes after this, with request body still to come. */
  #closing = false;
  #sendTimer: NodeJS.Timeout | undefined;

  /** `onFull`: called when `full` changes. */
  constructor(exchange: HttpExchange, onFull: (full: boolean) => void) {
    this.#exchange = exchange;
    this.#onFull = onFull;
    // Node would chunk for an HTTP/1.0 client that sends `TE: chunked`.
    if (exchange.req.httpVersionMinor === 0) exchange.res.useChunkedEncodingByDefault = false;
  }

  /** True when no body may follow a head with that status: RFC 9110 section 6.4.1. */
  hasNoBody(status: number): boolean {
    return status === 204 || status === 304 || this.#exchange.req.method === 'HEAD';
  }

  head(head: OutgoingHead): void {
    const { res, request, context } = this.#exchange;
    const { status, reason, raw, chunked } = head;
    this.#bodyless = this.hasNoBody(status);
    // Node refuses to announce trailers where none can follow.
    if (head.announcesTrailers && !(chunked && res.useChunkedEncodingByDefault)) removeField(raw, 'trailer');
    this.#closing = head.last && request.owesMuch;
    if (this.#closing || context.draining) raw.push('Connection', 'close');
    if (reason !== '' && reason !== STATUS_CODES[status] && isFieldValue(reason)) {
      res.writeHead(status, reason, raw);
    } else {
      res.writeHead(status, raw);
    }
    this.headSent = true;
    this.status = status;
    // Without a body, the end follows at once.
    if (this.#bodyless) return;
    this.#headWaits = true;
    sendHeadSoon(this);
  }

  sendLateHead(): void {
    if (!this.#headWaits) return;
    this.#headWaits = false;
    const { res, over } = this.#exchange;
    // What flushHeaders does, but that writes fields as UTF-8.
    if (!over && !res.destroyed) res.write('', 'latin1');
  }

  /** The head said `length` while a filter could still change the body: anything else resets the connection. */
  promise(length: number): void {
    this.#promised = length;
  }

  write(chunk: Buffer): void {
    if (this.ended || this.#bodyless || chunk.length === 0) return;
    if (!this.#keepsPromise(chunk.length, false)) return;
    const { res } = this.#exchange;
    this.#headWaits = false;
    if (res.write(chunk)) return;
    this.full = true;
    this.#onFull(true);
    if (this.#sendTimer !== undefined) {
      this.#sendTimer.refresh();
      return;
    }
    // One timer per response that ever had to wait; while nothing waits it does nothing.
    this.#sendTimer = setTimeout(() => {
      if (this.full) this.#exchange.response.reset();
    }, SEND_TIME);
    res.on('drain', () => {
      this.full = false;
      this.#onFull(false);
    });
  }

  end(chunk: Buffer = EMPTY, trailers: RawFields = []): void {
    if (this.ended || !this.#keepsPromise(chunk.length, true)) return;
    this.ended = true;
    this.#headWaits = false;
    const { res, request } = this.#exchange;
    if (trailers.length > 0) {
      const pairs: [string, string][] = [];
      for (let i = 0; i < trailers.length; i += 2) pairs.push([trailers[i]!, trailers[i + 1]!]);
      res.addTrailers(pairs);
    }
    const empty = chunk.length === 0 || this.#bodyless;
    if (this.#closing) {
      // Closing at once would reset the connection under an answer that the client hasn't read.
      if (this.#bodyless) res.flushHeaders();
      else res.write(chunk);
      request.discard(() => res.end());
    } else if (empty) {
      res.end();
    } else {
      res.end(chunk);
    }
  }

  /** The connection has become a tunnel. */
  handOver(): void {
    this.headSent = true;
    this.status = 101;
    this.ended = true;
  }

  close(): void {
    clearTimeout(this.#sendTimer);
  }

  /** False: the body is not as long as its head says. The client must not take it for whole. */
  #keepsPromise(size: number, end: boolean): boolean {
    if (this.#promised < 0) return true;
    this.#sent += size;
    if (this.#sent <= this.#promised && (!end || this.#sent === this.#promised)) return true;
    this.#exchange.context.log.error(
      { part: 'filter', route: this.#exchange.route.name, promised: this.#promised, sent: this.#sent },
      'a filter changed the length of a response body whose start had passed: connection reset, next time chunked',
    );
    this.ended = true;
    this.#exchange.response.reset();
    return false;
  }
}
