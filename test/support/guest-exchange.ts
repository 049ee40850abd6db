import { afterEach } from 'node:test';
import type { Exchange, FilterChain, FilterStream, StreamFailure } from '../../src/chain/types.ts';
import { FieldMap, type RawFields } from '../../src/message/fields.ts';
import { RequestHeaders, ResponseHeaders } from '../../src/message/headers.ts';
import type { ConnectionInfo, TargetInfo, UpstreamInfo, UpstreamTries } from '../../src/message/info.ts';

const CONNECTION: ConnectionInfo = {
  id: 7,
  sourceAddress: '192.0.2.1',
  sourcePort: 40000,
  destinationAddress: '192.0.2.2',
  destinationPort: 8080,
  tlsVersion: '',
  requestedServerName: '',
};

/** Both ends of a chain, on paper: keeps what was sent, in order, as one line each. */
export class FakeExchange implements Exchange {
  connection: ConnectionInfo = CONNECTION;
  target: TargetInfo | undefined = undefined;
  tries: UpstreamTries | undefined = undefined;
  clientGone = false;
  responseStatus = 0;
  readonly protocol = 'HTTP/1.1';
  readonly startTime = 1_700_000_000_000;
  readonly routeName = 'route';
  upstream: UpstreamInfo | undefined = undefined;
  requestSize = 0;
  responseSize = 0;
  readonly requestHeaders: RequestHeaders;
  readonly events: string[] = [];
  failure: StreamFailure | undefined;
  /** Response headers that reached the client. */
  response: ResponseHeaders | undefined;
  requestTrailers: FieldMap | undefined;
  responseTrailers: FieldMap | undefined;
  stream!: FilterStream;
  /** Called with every event, on the stack of what caused it. */
  on: ((event: string) => void) | undefined;

  constructor(raw: RawFields = [], method = 'GET', path = '/') {
    this.requestHeaders = new RequestHeaders(method, path, 'example.com', 'http', raw);
  }

  #event(text: string): void {
    this.events.push(text);
    this.on?.(text);
  }

  sendRequestHeaders(end: boolean): void {
    this.#event(`> headers${end ? ' end' : ''}`);
  }

  sendRequestData(chunk: Buffer, end: boolean): void {
    this.#event(`> ${chunk.toString('latin1')}${end ? ' end' : ''}`);
  }

  sendRequestTrailers(trailers: FieldMap): void {
    this.requestTrailers = trailers;
    this.#event('> trailers');
  }

  sendResponseHeaders(headers: ResponseHeaders, end: boolean): void {
    this.response = headers;
    this.#event(`< ${headers.status}${end ? ' end' : ''}`);
  }

  sendResponseData(chunk: Buffer, end: boolean): void {
    this.#event(`< ${chunk.toString('latin1')}${end ? ' end' : ''}`);
  }

  sendResponseTrailers(trailers: FieldMap): void {
    this.responseTrailers = trailers;
    this.#event('< trailers');
  }

  pauseRequest(paused: boolean): void {
    this.#event(paused ? 'pause request' : 'unpause request');
  }

  pauseResponse(paused: boolean): void {
    this.#event(paused ? 'pause response' : 'unpause response');
  }

  beginLocalResponse(): void {
    this.#event('local');
  }

  fail(failure: StreamFailure): void {
    this.failure = failure;
    this.#event(`fail ${failure.status}`);
  }

  reset(reason: string): void {
    this.#event(`reset: ${reason}`);
  }

  clearRouteCache(): void {
    this.#event('clear route cache');
  }

  takeRequest(length: number): void {
    this.#event(`take request ${length}`);
  }

  takeResponse(length: number): void {
    this.#event(`take response ${length}`);
  }

  dropUpstream(): void {
    this.#event('drop upstream');
  }
}

/** Streams that a test leaves open would keep the process waiting for their timers. */
const open = new Set<FilterStream>();
afterEach(() => {
  for (const stream of open) stream.finish();
  open.clear();
});

/** A stream on a chain, driven by the test. */
export class Drive {
  readonly exchange: FakeExchange;
  readonly stream: FilterStream;

  constructor(chain: FilterChain, exchange = new FakeExchange()) {
    this.exchange = exchange;
    this.stream = chain.open(exchange);
    exchange.stream = this.stream;
    open.add(this.stream);
  }

  get events(): string[] {
    return this.exchange.events;
  }

  /** What was sent since the last call. */
  take(): string[] {
    return this.exchange.events.splice(0);
  }

  headers(end = false): this {
    this.stream.onRequestHeaders(end);
    return this;
  }

  data(text: string, end = false): this {
    this.exchange.requestSize += text.length;
    this.stream.onRequestData(Buffer.from(text, 'latin1'), end);
    return this;
  }

  trailers(raw: RawFields = ['x-trailer', 'request']): this {
    this.stream.onRequestTrailers(new FieldMap(raw));
    return this;
  }

  responseHeaders(status = 200, raw: RawFields = [], end = false): this {
    this.stream.onResponseHeaders(new ResponseHeaders(status, raw), end);
    return this;
  }

  responseData(text: string, end = false): this {
    this.exchange.responseSize += text.length;
    this.stream.onResponseData(Buffer.from(text, 'latin1'), end);
    return this;
  }

  responseTrailers(raw: RawFields = ['x-trailer', 'response']): this {
    this.stream.onResponseTrailers(new FieldMap(raw));
    return this;
  }

  finish(): this {
    this.stream.finish();
    return this;
  }

  /** A whole exchange with bodies and trailers both ways, then its end. */
  whole(): this {
    this.headers().data('request body', false).trailers();
    this.responseHeaders(200, ['content-type', 'text/html']).responseData('response body').responseTrailers();
    return this.finish();
  }
}
