import type { FieldMap } from '../message/fields.ts';
import type { ResponseHeaders } from '../message/headers.ts';
import { cleanTrailers } from '../proxy/framing.ts';
import type { NodeResponse } from './node-response.ts';
import { applyHead, clearHead, toPairs } from './response-head.ts';

/** What of a response's framing is known when its head passes the chain. */
export interface Framing {
  /** Content-Length as the handler (or the local response) set it. */
  readonly length: string | undefined;
  /** The length of the body may differ from that. */
  readonly open: boolean;
}

/** The client's end of a response: what passed the chain goes out here, with the right framing. */
export class ClientResponse {
  readonly node: NodeResponse;
  readonly #isHead: boolean;
  /** Content-Length follows from the body, if all of it is at hand when the head is written. */
  #lengthOpen = false;
  #bodyless = false;
  #headSent = false;
  #ended = false;
  #ready = false;
  /** The head goes out as soon as it is ready. */
  #flush = false;

  constructor(node: NodeResponse, isHead: boolean) {
    this.node = node;
    this.#isHead = isHead;
  }

  /** The head was handed to Node. */
  get headSent(): boolean {
    return this.#headSent || this.node.headersSent;
  }

  /** All of the response was. */
  get ended(): boolean {
    return this.#ended;
  }

  /** True: no body follows such a head, whatever was written. */
  isBodyless(status: number): boolean {
    return this.#isHead || status === 204 || status === 304;
  }

  /** Makes the head ready: Node writes it with the first of the body. */
  setHead(headers: ResponseHeaders, framing: Framing): void {
    const { node } = this;
    const { res } = node;
    this.#ready = true;
    this.#bodyless = this.isBodyless(headers.status);
    if (headers.mutated) applyHead(node, headers, framing.length);
    const had = res.hasHeader('content-length');
    // The length that a HEAD tells is that of a body which filters would have changed: better none than a wrong one.
    if (had && (headers.status === 204 || framing.open)) node.removeHeader('content-length');
    this.#lengthOpen = framing.open || !had;
  }

  /** The head as `setHead` made it, and with `endOfStream` the end. */
  head(headers: ResponseHeaders, framing: Framing, endOfStream: boolean): void {
    this.setHead(headers, framing);
    if (endOfStream) this.data(EMPTY, true);
    else if (this.#flush) this.flush();
  }

  /** Body that passed the chain; `callback` when it was handed to the system. */
  data(chunk: Buffer, endOfStream: boolean, callback?: () => void): void {
    if (this.#ended) return;
    if (endOfStream) this.#writeHead(this.#lengthOpen && !this.#bodyless ? chunk.length : -1);
    else this.#writeHead(-1);
    const { node } = this;
    this.#ended = endOfStream;
    const sends = chunk.length > 0 && !this.#bodyless;
    if (endOfStream) {
      if (sends) node.end(chunk);
      else node.end();
    } else if (sends) {
      node.write(chunk, callback);
      return;
    }
    callback?.();
  }

  /** The end of a response with trailers. */
  trailers(trailers: FieldMap): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#writeHead(-1);
    this.node.addTrailers(toPairs(cleanTrailers(trailers.raw.slice())));
    this.node.end();
  }

  /** Sends the head now, or as soon as it is there. */
  flush(): void {
    this.#flush = true;
    if (!this.#ready || this.#ended) return;
    this.#writeHead(-1);
    this.node.flushHeaders();
  }

  /** A short text of ours in place of any response. No head may be out. */
  answer(status: number, text: string): void {
    const { node } = this;
    this.#ended = true;
    this.#headSent = true;
    const { res } = node;
    const body = `${status} ${text}\n`;
    clearHead(node);
    node.removeHeader('transfer-encoding');
    res.statusCode = status;
    res.statusMessage = '';
    res.sendDate = true;
    node.setHeader('Content-Type', 'text/plain; charset=utf-8');
    node.setHeader('Content-Length', String(body.length));
    node.writeHead(status);
    if (this.isBodyless(status)) node.end();
    else node.end(body);
  }

  #writeHead(length: number): void {
    const { node } = this;
    const { res } = node;
    if (this.headSent) return;
    this.#headSent = true;
    const chunked = res.hasHeader('transfer-encoding');
    if (length >= 0 && !chunked) node.setHeader('Content-Length', String(length));
    const both = chunked && res.hasHeader('content-length');
    // With a status that allows no body, from a filter, the handler's framing is void.
    if (chunked && this.#bodyless && (both || !this.#isHead)) node.removeHeader('transfer-encoding');
    else if (both) node.removeHeader('content-length');
    // Node refuses to announce trailers where none can follow.
    if (res.hasHeader('trailer') && (this.#bodyless || res.hasHeader('content-length'))) {
      node.removeHeader('trailer');
    }
    node.writeHead(res.statusCode);
  }
}

const EMPTY = Buffer.alloc(0);
