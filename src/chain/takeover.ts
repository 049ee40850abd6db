import { GuestError, ModuleError, PluginError, type UpstreamError } from '../errors.ts';
import type { Log } from '../log.ts';
import { BodyBuffer } from '../message/body.ts';
import type { FieldMap } from '../message/fields.ts';
import { RequestHeaders, type ResponseHeaders } from '../message/headers.ts';
import type { ExchangeInfo } from '../message/info.ts';
import { reportGuestError } from '../plugin/death.ts';
import type { TakenContext, TakenStream } from '../plugin/taken.ts';
import { type Direction, type Plugin, REQUEST, RESPONSE } from '../plugin/types.ts';
import { BeforeHalf, BehindHalf, type Middle } from './halves.ts';
import { Stream } from './stream.ts';
import type { Exchange, FilterChain, FilterStream, StreamEnds } from './types.ts';
import { By, Valves } from './valves.ts';

/** Where the stream is with the filter in the middle. */
const At = {
  /** The request has not reached it. */
  BEFORE: 0,
  TAKEN: 1,
  SKIPPED: 2,
  /** It has no more part in it. */
  CUT: 3,
} as const;

/** What a filter that may be skipped was given of its request: it would go on as it came. */
class Kept {
  readonly body = new BodyBuffer();
  end = false;
  trailers: FieldMap | undefined;
}

/**
 * A chain with a filter that takes streams over. Those before it and those behind it are chains of their own, each with
 * its own messages; the filter stands between them.
 */
export class TakeoverStream implements FilterStream, StreamEnds, TakenStream, Middle {
  readonly info: ExchangeInfo;
  readonly requestHeaders: RequestHeaders;
  readonly #exchange: Exchange;
  readonly #plugin: Plugin;
  readonly #log: Log;
  readonly #before: FilterStream;
  readonly #chainBehind: FilterChain;
  #behind: FilterStream | undefined;
  #context: TakenContext | undefined;
  #at: number = At.BEFORE;
  #over = false;
  #headersEnd = false;
  /** Undefined: something was sent, or too much came to keep it. */
  #kept: Kept | undefined;
  #requestSent = false;
  #responseSent = false;
  /** The upstream's response has begun. */
  #responseBegun = false;
  /** Nothing more of the response that comes goes to the filter. */
  #responseBroken = false;
  #failure: { readonly error: UpstreamError; readonly status: number } | undefined;
  readonly #valves: Valves;
  #properties: Map<string, Buffer> | undefined;

  constructor(exchange: Exchange, before: readonly Plugin[], plugin: Plugin, behind: FilterChain, log: Log) {
    const { method, path, authority, scheme, raw } = exchange.requestHeaders;
    // What is behind the filter writes to the exchange's own.
    this.requestHeaders = new RequestHeaders(method, path, authority, scheme, raw.slice());
    this.info = exchange;
    this.#exchange = exchange;
    this.#valves = new Valves(exchange);
    this.#plugin = plugin;
    this.#chainBehind = behind;
    this.#log = log;
    this.#before = new Stream(new BeforeHalf(exchange, this, this.requestHeaders), before, log);
    if (plugin.failOpen) this.#kept = new Kept();
  }

  get properties(): Map<string, Buffer> {
    this.#properties ??= this.#exchange.properties ?? new Map();
    return this.#properties;
  }

  get ends(): StreamEnds {
    return this;
  }

  // FilterStream: what arrives from the client and the upstream.

  onRequestHeaders(endOfStream: boolean): void {
    this.#before.onRequestHeaders(endOfStream);
  }

  onRequestData(chunk: Buffer, endOfStream: boolean): void {
    this.#before.onRequestData(chunk, endOfStream);
  }

  onRequestTrailers(trailers: FieldMap): void {
    this.#before.onRequestTrailers(trailers);
  }

  onResponseHeaders(headers: ResponseHeaders, endOfStream: boolean): void {
    this.#responseBegun = true;
    this.#behind?.onResponseHeaders(headers, endOfStream);
  }

  onResponseData(chunk: Buffer, endOfStream: boolean): void {
    this.#behind?.onResponseData(chunk, endOfStream);
  }

  onResponseTrailers(trailers: FieldMap): void {
    this.#behind?.onResponseTrailers(trailers);
  }

  get requestBodyChanged(): boolean {
    const behind = this.#behind?.requestBodyChanged === true;
    return behind || (!this.#requestSent && this.#before.requestBodyChanged);
  }

  get responseBodyChanged(): boolean {
    if (this.#before.responseBodyChanged) return true;
    return !this.#responseSent && this.#behind?.responseBodyChanged === true;
  }

  get localResponseDetails(): string {
    return this.#before.localResponseDetails || (this.#behind?.localResponseDetails ?? '');
  }

  get localResponseFilter(): string {
    return this.#before.localResponseFilter || (this.#behind?.localResponseFilter ?? '');
  }

  finish(): void {
    this.#setOver();
    this.#before.finish();
    this.#cut();
    this.#behind?.finish();
  }

  // StreamEnds.

  requestFull(full: boolean): void {
    const inner = this.#behind?.ends;
    if (inner !== undefined) inner.requestFull(full);
    else this.#sink(REQUEST, By.FAR, full);
  }

  responseFull(full: boolean): void {
    this.#sink(RESPONSE, By.FAR, full);
  }

  upstreamFailed(error: UpstreamError, status: number): boolean {
    const inner = this.#behind?.ends;
    if (inner !== undefined) return inner.upstreamFailed(error, status);
    if (this.#at !== At.TAKEN) return false;
    if (this.#responseBegun) {
      this.#broke(error);
      return true;
    }
    // Filters behind see a response; if they leave it as it is, the one in the middle gets the error.
    this.#failure = { error, status };
    return false;
  }

  // Middle: what comes to the filter.

  requestCame(endOfStream: boolean): void {
    if (this.#over || this.#at !== At.BEFORE) return;
    this.#headersEnd = endOfStream;
    try {
      this.#context = this.#plugin.takeOver!(this);
    } catch (error) {
      this.#notOpened(error);
      return;
    }
    this.#at = At.TAKEN;
    this.#context.onRequestHeaders(endOfStream);
  }

  responseCame(headers: ResponseHeaders, endOfStream: boolean): void {
    if (this.#at === At.SKIPPED) {
      this.#before.onResponseHeaders(headers, endOfStream);
    } else if (this.#at === At.TAKEN) {
      const failure = this.#failure;
      if (failure !== undefined && headers.status === failure.status) this.#broke(failure.error);
      else this.#context!.onResponseHeaders(headers, endOfStream);
    }
  }

  dataCame(direction: Direction, chunk: Buffer, endOfStream: boolean): void {
    if (this.#at === At.TAKEN) {
      if (direction === RESPONSE && this.#responseBroken) return;
      if (direction === REQUEST && this.#kept !== undefined) this.#keep(this.#kept, chunk, endOfStream);
      this.#context!.onData(direction, chunk, endOfStream);
    } else if (this.#at === At.SKIPPED) {
      if (direction === REQUEST) this.#behind!.onRequestData(chunk, endOfStream);
      else this.#before.onResponseData(chunk, endOfStream);
    }
  }

  trailersCame(direction: Direction, trailers: FieldMap): void {
    if (this.#at === At.TAKEN) {
      if (direction === RESPONSE && this.#responseBroken) return;
      if (direction === REQUEST && this.#kept !== undefined) this.#kept.trailers = trailers;
      this.#context!.onTrailers(direction, trailers);
    } else if (this.#at === At.SKIPPED) {
      if (direction === REQUEST) this.#behind!.onRequestTrailers(trailers);
      else this.#before.onResponseTrailers(trailers);
    }
  }

  pauseOutside(direction: Direction, paused: boolean): void {
    this.#valves.source(direction, By.FILTERS, paused);
  }

  pauseMiddle(direction: Direction, paused: boolean): void {
    this.#sink(direction, By.FILTERS, paused);
  }

  beforeAnswers(): void {
    this.#cut();
    this.#behind?.finish();
  }

  behindAnswers(): void {
    this.#failure = undefined;
    if (this.#at === At.SKIPPED) this.#exchange.beginLocalResponse();
    else this.#exchange.dropUpstream();
  }

  end(): boolean {
    if (this.#over) return false;
    this.#setOver();
    this.#cut();
    return true;
  }

  // TakenStream: what the filter does.

  pause(direction: Direction, paused: boolean): void {
    const inner = this.#behind?.ends;
    if (direction === RESPONSE && inner !== undefined) inner.responseFull(paused);
    else this.#valves.source(direction, By.OWN, paused);
  }

  full(direction: Direction): boolean {
    return this.#valves.full(direction);
  }

  sendRequestHeaders(headers: RequestHeaders, length: number, endOfStream: boolean): void {
    if (this.#at !== At.TAKEN || this.#requestSent) return;
    this.#requestSent = true;
    this.#kept = undefined;
    headers.mutated = true;
    this.#exchange.takeRequest(length);
    this.#openBehind(headers).onRequestHeaders(endOfStream);
  }

  sendResponseHeaders(headers: ResponseHeaders, length: number, endOfStream: boolean): void {
    if (this.#at !== At.TAKEN || this.#responseSent) return;
    this.#responseSent = true;
    this.#kept = undefined;
    headers.mutated = true;
    this.#exchange.takeResponse(length);
    this.#before.onResponseHeaders(headers, endOfStream);
  }

  sendData(direction: Direction, chunk: Buffer, endOfStream: boolean): void {
    if (this.#at !== At.TAKEN) return;
    if (direction === REQUEST) this.#behind?.onRequestData(chunk, endOfStream);
    else this.#before.onResponseData(chunk, endOfStream);
  }

  sendTrailers(direction: Direction, trailers: FieldMap): void {
    if (this.#at !== At.TAKEN) return;
    if (direction === REQUEST) this.#behind?.onRequestTrailers(trailers);
    else this.#before.onResponseTrailers(trailers);
  }

  dropUpstream(): void {
    if (this.#at !== At.TAKEN) return;
    this.#responseBroken = true;
    this.#behind?.finish();
    this.#exchange.dropUpstream();
  }

  fail(status: number, details: string): void {
    if (this.#over || this.#at !== At.TAKEN) return;
    if (this.#plugin.failOpen && this.#kept !== undefined) {
      this.#skip(details, false);
      return;
    }
    this.end();
    this.#exchange.fail({ status, filter: this.#plugin.name, details });
  }

  // Parts.

  #notOpened(error: unknown): void {
    const down = error instanceof PluginError && error.code === 'PLUGIN_DOWN';
    const details = error instanceof Error ? error.message : String(error);
    const known = error instanceof GuestError || error instanceof PluginError || error instanceof ModuleError;
    if (known && this.#plugin.failOpen && this.#kept !== undefined) {
      this.#skip(details, down);
      return;
    }
    if (!down) reportGuestError(this.#log, error);
    this.end();
    this.#exchange.fail({ status: known ? 503 : 500, filter: this.#plugin.name, details });
  }

  #keep(kept: Kept, chunk: Buffer, endOfStream: boolean): void {
    if (kept.body.length + chunk.length > this.#plugin.bufferedBody) {
      this.#kept = undefined;
      return;
    }
    kept.body.append(chunk);
    kept.end = endOfStream;
  }

  /** The request goes on as it came to the filter, and the filter is no part of the stream any more. */
  #skip(details: string, quiet: boolean): void {
    const { name } = this.#plugin;
    const text = `filter ${name} skipped: ${details}`;
    if (quiet) this.#log.debug({ filter: name }, text);
    else this.#log.warn({ filter: name }, text);
    this.#plugin.skipped();
    const kept = this.#kept!;
    this.#kept = undefined;
    this.#context?.finish();
    this.#at = At.SKIPPED;
    const behind = this.#openBehind(this.requestHeaders);
    behind.onRequestHeaders(this.#headersEnd);
    if (kept.body.length > 0 || kept.end) behind.onRequestData(kept.body.take(), kept.end);
    if (kept.trailers !== undefined) behind.onRequestTrailers(kept.trailers);
    for (const direction of [REQUEST, RESPONSE] as const) {
      this.#valves.source(direction, By.OWN, false);
      this.#valves.source(direction, By.FAR, this.full(direction));
    }
  }

  #openBehind(headers: RequestHeaders): FilterStream {
    const outer = this.#exchange.requestHeaders;
    outer.raw = headers.raw;
    outer.mutated ||= headers.mutated;
    outer.method = headers.method;
    outer.path = headers.path;
    outer.authority = headers.authority;
    outer.scheme = headers.scheme;
    this.#behind = this.#chainBehind.open(new BehindHalf(this.#exchange, this, outer));
    return this.#behind;
  }

  #broke(error: UpstreamError): void {
    if (this.#responseBroken) return;
    this.#responseBroken = true;
    this.#context!.onUpstreamFailed(error);
  }

  #cut(): void {
    const taken = this.#at === At.TAKEN;
    this.#at = At.CUT;
    if (taken) this.#context!.finish();
  }

  #setOver(): void {
    this.#over = true;
    this.#valves.over = true;
  }

  #sink(direction: Direction, by: number, full: boolean): void {
    const drained = this.#valves.sink(direction, by, full);
    if (this.#at === At.SKIPPED) this.#valves.source(direction, By.FAR, this.full(direction));
    else if (drained && this.#at === At.TAKEN) this.#context!.onDrain(direction);
  }
}
