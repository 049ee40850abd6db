import type { Exchange, FilterChain, FilterStream } from '../../src/chain/types.ts';
import type { FieldMap } from '../../src/message/fields.ts';
import type { ResponseHeaders } from '../../src/message/headers.ts';

/** A chain without filters. */
export const EMPTY_CHAIN: FilterChain = {
  filters: [],
  empty: true,
  requestBody: false,
  responseBody: false,
  changesRequestBody: false,
  changesResponseBody: false,
  response: false,
  open() {
    throw new Error('an empty chain has no streams');
  },
};

/** A filter written as plain callbacks; what it doesn't have passes things on. */
export interface FakeFilter {
  onRequestHeaders?(stream: FakeStream, endOfStream: boolean): void;
  onRequestData?(stream: FakeStream, chunk: Buffer, endOfStream: boolean): void;
  onRequestTrailers?(stream: FakeStream, trailers: FieldMap): void;
  onResponseHeaders?(stream: FakeStream, headers: ResponseHeaders, endOfStream: boolean): void;
  onResponseData?(stream: FakeStream, chunk: Buffer, endOfStream: boolean): void;
  onResponseTrailers?(stream: FakeStream, trailers: FieldMap): void;
}

/** What a fake chain recorded. */
export interface FakeStream extends FilterStream {
  readonly exchange: Exchange;
  /** Names of the callbacks, in order; with `:end` where the stream ended. */
  readonly events: string[];
  finished: number;
  /** A filter that changes a body says so here before it sends any. */
  requestBodyChanged: boolean;
  responseBodyChanged: boolean;
}

/** A chain of one fake filter. Its flags follow from the callbacks it has, unless overridden. */
export class FakeChain implements FilterChain {
  readonly filters = ['fake'];
  readonly empty = false;
  readonly requestBody: boolean;
  readonly responseBody: boolean;
  readonly changesRequestBody: boolean;
  readonly changesResponseBody: boolean;
  readonly response: boolean;
  readonly streams: FakeStream[] = [];
  readonly #filter: FakeFilter;
  readonly #bodiesChanged: boolean;

  /** `bodiesChanged`: what streams tell of their bodies; by default, that they are changed where they can be. */
  constructor(filter: FakeFilter = {}, flags: Partial<FilterChain> & { bodiesChanged?: boolean } = {}) {
    const requestBody = filter.onRequestData !== undefined || filter.onRequestTrailers !== undefined;
    const responseBody = filter.onResponseData !== undefined || filter.onResponseTrailers !== undefined;
    this.#filter = filter;
    this.requestBody = flags.requestBody ?? requestBody;
    this.responseBody = flags.responseBody ?? responseBody;
    this.changesRequestBody = flags.changesRequestBody ?? this.requestBody;
    this.changesResponseBody = flags.changesResponseBody ?? this.responseBody;
    this.#bodiesChanged = flags.bodiesChanged ?? true;
    this.response = flags.response ?? (this.responseBody || filter.onResponseHeaders !== undefined);
  }

  /** The stream opened last. */
  get last(): FakeStream {
    return this.streams.at(-1)!;
  }

  open(exchange: Exchange): FilterStream {
    const filter = this.#filter;
    const events: string[] = [];
    const note = (name: string, end: boolean) => events.push(end ? `${name}:end` : name);
    const stream: FakeStream = {
      exchange,
      events,
      finished: 0,
      requestBodyChanged: this.#bodiesChanged && this.changesRequestBody,
      responseBodyChanged: this.#bodiesChanged && this.changesResponseBody,
      localResponseDetails: '',
      localResponseFilter: '',
      onRequestHeaders(end) {
        note('request headers', end);
        if (filter.onRequestHeaders === undefined) exchange.sendRequestHeaders(end);
        else filter.onRequestHeaders(stream, end);
      },
      onRequestData(chunk, end) {
        note('request data', end);
        if (filter.onRequestData === undefined) exchange.sendRequestData(chunk, end);
        else filter.onRequestData(stream, chunk, end);
      },
      onRequestTrailers(trailers) {
        events.push('request trailers');
        if (filter.onRequestTrailers === undefined) exchange.sendRequestTrailers(trailers);
        else filter.onRequestTrailers(stream, trailers);
      },
      onResponseHeaders(headers, end) {
        note('response headers', end);
        if (filter.onResponseHeaders === undefined) exchange.sendResponseHeaders(headers, end);
        else filter.onResponseHeaders(stream, headers, end);
      },
      onResponseData(chunk, end) {
        note('response data', end);
        if (filter.onResponseData === undefined) exchange.sendResponseData(chunk, end);
        else filter.onResponseData(stream, chunk, end);
      },
      onResponseTrailers(trailers) {
        events.push('response trailers');
        if (filter.onResponseTrailers === undefined) exchange.sendResponseTrailers(trailers);
        else filter.onResponseTrailers(stream, trailers);
      },
      finish() {
        stream.finished++;
        events.push('finish');
      },
    };
    this.streams.push(stream);
    return stream;
  }
}
