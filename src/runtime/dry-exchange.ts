import type { Exchange, FilterChain, FilterStream, StreamFailure } from '../chain/types.ts';
import type { FieldMap, RawFields } from '../message/fields.ts';
import { RequestHeaders, ResponseHeaders } from '../message/headers.ts';
import type { ConnectionInfo, UpstreamInfo } from '../message/info.ts';

const CONNECTION: ConnectionInfo = {
  id: 1,
  sourceAddress: '127.0.0.1',
  sourcePort: 50_000,
  destinationAddress: '127.0.0.1',
  destinationPort: 8080,
  tlsVersion: '',
  requestedServerName: '',
};
const UPSTREAM: UpstreamInfo = { name: 'dry-run', address: '127.0.0.1', port: 9000 };

const REQUEST_FIELDS: RawFields = [
  ...['user-agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36'],
  ...['accept', 'text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8'],
  ...['accept-language', 'en-GB,en;q=0.9'],
  ...['accept-encoding', 'gzip, deflate, br'],
  ...['cookie', 'session=0123456789abcdef; theme=dark'],
  ...['x-forwarded-for', '192.0.2.1'],
  ...['x-forwarded-proto', 'http'],
  ...['x-request-id', '3f2504e0-4f89-41d3-9a0c-0305e82c3301'],
];
const RESPONSE_FIELDS: RawFields = [
  ...['content-type', 'application/json'],
  ...['date', 'Sat, 21 Nov 2026 10:28:24 GMT'],
  ...['server', 'dry-run'],
  ...['cache-control', 'no-cache'],
  ...['etag', '"33a64df551425fcc"'],
];

/** JSON of 1 KiB. */
const BODY = Buffer.from(JSON.stringify({ text: 'x'.repeat(1024 - '{"text":""}'.length) }));
const LENGTH: RawFields = ['content-length', String(BODY.length)];
const BODY_FIELDS: RawFields = ['content-type', 'application/json', ...LENGTH];

/** Which way a stream that is not over has stopped. */
export type Direction = 'request' | 'response';

/** Both ends of a chain in memory: one usual request and its response, with bodies where filters look at them. */
export class DryExchange implements Exchange {
  readonly connection = CONNECTION;
  readonly protocol = 'HTTP/1.1';
  readonly startTime = Date.now();
  readonly routeName = 'dry-run';
  upstream: UpstreamInfo | undefined;
  requestSize = 0;
  responseSize = 0;
  readonly requestHeaders: RequestHeaders;
  /** Status that a filter answered with; undefined: none did. */
  answered: number | undefined;
  /** Why it failed; undefined: it didn't. */
  failure: string | undefined;
  /** A filter closed the stream. */
  closed = false;
  readonly #bodies: { readonly request: boolean; readonly response: boolean };
  readonly #stream: FilterStream;
  #local = false;
  #requestEnded = false;
  #responseBegun = false;
  #responseEnded = false;

  constructor(chain: FilterChain) {
    const { requestBody: request, responseBody: response } = chain;
    this.#bodies = { request, response };
    const fields = request ? [...REQUEST_FIELDS, ...BODY_FIELDS] : [...REQUEST_FIELDS];
    this.requestHeaders = new RequestHeaders(
      request ? 'POST' : 'GET',
      '/',
      'www.example.com',
      'http',
      fields,
    );
    this.#stream = chain.open(this);
  }

  /** Brings the request, and the response when the request has passed. */
  begin(): void {
    const stream = this.#stream;
    stream.onRequestHeaders(!this.#bodies.request);
    if (this.#bodies.request && !this.over) {
      this.requestSize = BODY.length;
      stream.onRequestData(BODY, true);
    }
    this.goOn();
  }

  /** Brings the response, if that has become possible. */
  goOn(): void {
    if (!this.#requestEnded || this.#responseBegun || this.over) return;
    this.#responseBegun = true;
    this.upstream = UPSTREAM;
    const { response: body } = this.#bodies;
    const fields = body ? [...RESPONSE_FIELDS, ...LENGTH] : [...RESPONSE_FIELDS];
    this.#stream.onResponseHeaders(new ResponseHeaders(200, fields), !body);
    if (!body || this.over) return;
    this.responseSize = BODY.length;
    this.#stream.onResponseData(BODY, true);
  }

  /** Nothing more is to come, well or not. */
  get over(): boolean {
    return this.#responseEnded || this.closed || this.failure !== undefined;
  }

  /** Where it is stopped, while it isn't over. */
  get direction(): Direction {
    return this.#responseBegun || this.#local ? 'response' : 'request';
  }

  finish(): void {
    this.#stream.finish();
  }

  // Exchange: what the chain brings.

  sendRequestHeaders(endOfStream: boolean): void {
    this.#requestEnded = endOfStream;
  }

  sendRequestData(_chunk: Buffer, endOfStream: boolean): void {
    this.#requestEnded = endOfStream;
  }

  sendRequestTrailers(): void {
    this.#requestEnded = true;
  }

  sendResponseHeaders(headers: ResponseHeaders, endOfStream: boolean): void {
    if (this.#local) this.answered = headers.status;
    this.#responseEnded = endOfStream;
  }

  sendResponseData(_chunk: Buffer, endOfStream: boolean): void {
    this.#responseEnded = endOfStream;
  }

  sendResponseTrailers(_trailers: FieldMap): void {
    this.#responseEnded = true;
  }

  beginLocalResponse(): void {
    this.#local = true;
  }

  fail({ details }: StreamFailure): void {
    this.failure = details;
  }

  reset(): void {
    this.closed = true;
  }

  pauseRequest(): void {}
  pauseResponse(): void {}
  clearRouteCache(): void {}
  takeRequest(): void {}
  takeResponse(): void {}
  dropUpstream(): void {}
}
