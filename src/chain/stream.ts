import { GuestError, type HostState, ModuleError, PluginError } from '../errors.ts';
import type { Log } from '../log.ts';
import { FieldMap } from '../message/fields.ts';
import type { RequestHeaders, ResponseHeaders } from '../message/headers.ts';
import type { ExchangeInfo } from '../message/info.ts';
import { reportGuestError } from '../plugin/death.ts';
import {
  type Direction,
  type FilterContext,
  type HttpStream,
  type LocalResponse,
  type Plugin,
  REQUEST,
  RESPONSE,
} from '../plugin/types.ts';
import { Asked, type Mark } from './asked.ts';
import { Flow, type FlowOwner } from './flow.ts';
import type { GuardOwner } from './guard.ts';
import { localMessage } from './local-response.ts';
import { Sources } from './sources.ts';
import { changesBody, openStage, type Stage, stageOf } from './stage.ts';
import type { Exchange, FilterStream } from './types.ts';

/** One exchange in a chain: its filters' contexts, its two directions, and what filters asked of it. */
export class Stream implements FilterStream, HttpStream, FlowOwner, GuardOwner {
  readonly #exchange: Exchange;
  readonly #plugins: readonly Plugin[];
  readonly log: Log;
  /** Contexts of the filters that the request reached, in request order. */
  readonly #stages: Stage[] = [];
  readonly #request: Flow;
  #response: Flow | undefined;
  #responseHeaders: ResponseHeaders | undefined;
  #responseSent = false;
  #requestTrailers: FieldMap | undefined;
  #responseTrailers: FieldMap | undefined;
  #properties: Map<string, Buffer> | undefined;
  /** A bit a direction: its body was changed. */
  #changed = 0;
  /** Undefined: no source was ever to be paused. */
  #sources: Sources | undefined;
  /** The request direction was ended by a local response. */
  #answered = false;
  /** Nothing more may happen but `finish`. */
  #over = false;
  #finished = false;

  /** Undefined: no filter asked for anything yet. */
  #asked: Asked | undefined;
  /** What they had asked for when the last guarded callback began. */
  #mark: Mark | undefined;

  localResponseDetails = '';
  localResponseFilter = '';

  constructor(exchange: Exchange, plugins: readonly Plugin[], log: Log) {
    this.#exchange = exchange;
    this.#plugins = plugins;
    this.log = log;
    this.#request = new Flow(this, REQUEST, 0, plugins.length);
  }

  // FilterStream: what arrives.

  onRequestHeaders(endOfStream: boolean): void {
    if (!this.#over) this.#headers(this.#request, endOfStream);
  }

  onRequestData(chunk: Buffer, endOfStream: boolean): void {
    if (!this.#over && !this.#answered) this.#data(this.#request, chunk, endOfStream);
  }

  onRequestTrailers(trailers: FieldMap): void {
    if (this.#over || this.#answered) return;
    this.#requestTrailers = trailers;
    this.#trailers(this.#request);
  }

  onResponseHeaders(headers: ResponseHeaders, endOfStream: boolean): void {
    if (this.#over || this.#answered) return;
    this.#responseHeaders = headers;
    const count = this.#plugins.length;
    this.#response = new Flow(this, RESPONSE, count - this.#stages.length, count);
    this.#headers(this.#response, endOfStream);
  }

  onResponseData(chunk: Buffer, endOfStream: boolean): void {
    const flow = this.#response;
    if (!this.#over && !this.#answered && flow !== undefined) this.#data(flow, chunk, endOfStream);
  }

  onResponseTrailers(trailers: FieldMap): void {
    const flow = this.#response;
    if (this.#over || this.#answered || flow === undefined) return;
    this.#responseTrailers = trailers;
    this.#trailers(flow);
  }

  #headers(flow: Flow, endOfStream: boolean): void {
    try {
      flow.headersFrom(flow.first, endOfStream);
    } catch (error) {
      this.#fail(error);
    }
  }

  #data(flow: Flow, chunk: Buffer, endOfStream: boolean): void {
    try {
      flow.dataFrom(flow.first, chunk, endOfStream);
    } catch (error) {
      this.#fail(error);
    }
  }

  #trailers(flow: Flow): void {
    try {
      flow.trailersFrom(flow.first);
    } catch (error) {
      this.#fail(error);
    }
  }

  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#end();
    for (const { context } of this.#stages) context.finish();
  }

  // HttpStream: what contexts see and ask for.

  get info(): ExchangeInfo {
    return this.#exchange;
  }

  get requestHeaders(): RequestHeaders {
    return this.#exchange.requestHeaders;
  }

  get responseHeaders(): ResponseHeaders | undefined {
    return this.#responseHeaders;
  }

  get requestTrailers(): FieldMap {
    this.#requestTrailers ??= new FieldMap();
    return this.#requestTrailers;
  }

  get responseTrailers(): FieldMap {
    this.#responseTrailers ??= new FieldMap();
    return this.#responseTrailers;
  }

  get properties(): Map<string, Buffer> {
    this.#properties ??= this.#exchange.properties ?? new Map();
    return this.#properties;
  }

  resume(context: FilterContext, direction: Direction): void {
    this.#ask().resume(context, direction);
  }

  close(_context: FilterContext): void {
    this.#ask().closing = true;
  }

  localResponse(context: FilterContext, response: LocalResponse): void {
    this.#ask().local ??= { by: context, response };
  }

  clearRouteCache(): void {
    if (!this.#over) this.#exchange.clearRouteCache();
  }

  bodyChanged(context: FilterContext, direction: Direction): void {
    const stage = stageOf(this.#stages, context);
    // A change by a filter that may be skipped counts when it has left the filter: its guard knows.
    if (stage?.guard === undefined) this.#changed |= 1 << direction;
    if (stage !== undefined) stage.plugin.seenChanging[direction] = true;
  }

  died(context: FilterContext, reason: string, hostState: HostState = 'whole'): void {
    const guard = stageOf(this.#stages, context)?.guard;
    guard?.died(reason, hostState);
    if (!this.#stoppedIn(context)) return;
    if (guard === undefined) this.#failWith(503, context.name, reason);
    else this.release(context);
  }

  get requestBodyChanged(): boolean {
    return this.#bodyChanged(REQUEST);
  }

  get responseBodyChanged(): boolean {
    return this.#bodyChanged(RESPONSE);
  }

  #bodyChanged(direction: Direction): boolean {
    return (this.#changed & (1 << direction)) !== 0 || changesBody(this.#plugins, this.#stages, direction);
  }

  #stoppedIn(context: FilterContext): boolean {
    return this.#request.stoppedIn(context) || this.#response?.stoppedIn(context) === true;
  }

  /** To be carried out after the guest returned, also when it was called for another stream. */
  #ask(): Asked {
    this.#asked ??= new Asked();
    const asked = this.#asked;
    if (!asked.scheduled) {
      asked.scheduled = true;
      queueMicrotask(() => {
        asked.scheduled = false;
        try {
          this.#carryOut(asked);
        } catch (error) {
          this.#fail(error);
        }
      });
    }
    return asked;
  }

  #carryOut(asked: Asked): void {
    if (this.#over) return;
    if (asked.urgent) {
      this.#divert(asked);
      return;
    }
    for (;;) {
      const next = asked.nextResume();
      if (next === undefined || this.#over) break;
      const { context, direction } = next;
      if (direction === RESPONSE) this.#response?.resume(context);
      else if (!this.#answered) this.#request.resume(context);
    }
    for (let context = asked.nextRelease(); context !== undefined; context = asked.nextRelease()) {
      this.#goOnWithout(context);
    }
  }

  #goOnWithout(context: FilterContext): void {
    if (this.#over || !this.#stoppedIn(context)) return;
    const guard = stageOf(this.#stages, context)!.guard!;
    if (!guard.skipped && !guard.skip(guard.death)) {
      this.#failWith(503, context.name, guard.death?.message ?? '');
      return;
    }
    this.#request.resume(context);
    if (!this.#over) this.#response?.resume(context);
  }

  // FlowOwner: what the two directions need.

  stage(direction: Direction, index: number): Stage {
    if (direction === RESPONSE) return this.#stages[this.#plugins.length - 1 - index]!;
    let stage = this.#stages[index];
    if (stage === undefined) {
      stage = openStage(this.#plugins[index]!, this);
      this.#stages.push(stage);
    }
    return stage;
  }

  entering(direction: Direction, context: FilterContext): void {
    this.#asked?.forgetResumes(context, direction);
  }

  diverted(flow: Flow): boolean {
    if (this.#over) return true;
    if (this.#asked?.urgent === true) this.#divert(this.#asked);
    return this.#over || (flow.direction === REQUEST ? this.#answered : flow !== this.#response);
  }

  headerCount(direction: Direction): number {
    return direction === REQUEST ? this.#exchange.requestHeaders.count : this.#responseHeaders!.count;
  }

  trailerCount(direction: Direction): number {
    return (direction === REQUEST ? this.#requestTrailers : this.#responseTrailers)?.count ?? 0;
  }

  sendHeaders(direction: Direction, endOfStream: boolean): void {
    if (direction === REQUEST) {
      this.#exchange.sendRequestHeaders(endOfStream);
    } else {
      this.#responseSent = true;
      this.#exchange.sendResponseHeaders(this.#responseHeaders!, endOfStream);
    }
  }

  sendData(direction: Direction, chunk: Buffer, endOfStream: boolean): void {
    if (direction === REQUEST) this.#exchange.sendRequestData(chunk, endOfStream);
    else this.#exchange.sendResponseData(chunk, endOfStream);
  }

  sendTrailers(direction: Direction): void {
    if (direction === REQUEST) this.#exchange.sendRequestTrailers(this.requestTrailers);
    else this.#exchange.sendResponseTrailers(this.responseTrailers);
  }

  pauseSource(direction: Direction, paused: boolean): void {
    this.#sources ??= new Sources(this.#exchange);
    this.#sources.pause(direction, paused);
  }

  overLimit(flow: Flow, plugin: Plugin): void {
    plugin.hit('bufferedBody');
    const status = flow.direction === REQUEST ? 413 : 500;
    this.#failWith(
      status,
      plugin.name,
      `the filter held more than limits.bufferedBody (${plugin.bufferedBody} bytes)`,
    );
  }

  overTime(_flow: Flow, plugin: Plugin): void {
    plugin.hit('pauseTime');
    this.#failWith(
      504,
      plugin.name,
      `nothing resumed the stream for limits.pauseTime (${plugin.pauseTime} ms)`,
    );
  }

  // GuardOwner: what filters that may be skipped need.

  fields(direction: Direction, trailers: boolean): FieldMap {
    if (direction === REQUEST) return trailers ? this.requestTrailers : this.requestHeaders;
    return trailers ? this.responseTrailers : this.#responseHeaders!;
  }

  mark(): void {
    this.#mark = this.#asked?.mark();
  }

  forget(): void {
    this.#asked?.forgetSince(this.#mark);
  }

  release(context: FilterContext): void {
    this.#ask().release(context);
  }

  // What filters asked for, and what goes wrong.

  /** Carries out a close or a local response: the stream leaves the course it was on. */
  #divert(asked: Asked): void {
    const { local, closing } = asked;
    asked.local = undefined;
    if (closing || local === undefined || this.#responseSent) {
      const reason = closing
        ? 'a filter closed the stream'
        : 'a local response came after response headers were sent';
      this.#end();
      this.#exchange.reset(reason);
      return;
    }
    const { by, response } = local;
    const first = this.#firstAfterLocal(by);
    this.#request.end();
    this.#response?.end();
    for (const { guard } of this.#stages) guard?.forget();
    this.#answered = true;
    this.localResponseDetails = response.details === '' ? 'local_response' : response.details;
    this.localResponseFilter = by.name;
    const { headers, body } = localMessage(this.requestHeaders, response);
    headers.mutated = true;
    this.#responseHeaders = headers;
    this.#responseTrailers = undefined;
    const flow = new Flow(this, RESPONSE, first, this.#plugins.length);
    this.#response = flow;
    this.#exchange.beginLocalResponse();
    flow.headersFrom(first, body.length === 0);
    if (body.length > 0 && !this.diverted(flow)) flow.dataFrom(first, body, true);
  }

  /** A filter that answers a response passes it to those after it; before any response, all reached see it. */
  #firstAfterLocal(by: FilterContext): number {
    const count = this.#plugins.length;
    if (this.#response === undefined) return count - this.#stages.length;
    return count - this.#stages.findIndex(s => s.context === by);
  }

  #end(): void {
    this.#over = true;
    this.#sources?.end();
    this.#request.end();
    this.#response?.end();
  }

  #failWith(status: number, filter: string, details: string): void {
    if (this.#over) return;
    this.#end();
    this.#exchange.fail({ status, filter, details });
  }

  #fail(error: unknown): void {
    // From opening the next stage. That a filter is down was told when it went down.
    const opening = error instanceof PluginError || error instanceof ModuleError;
    if (!opening || error.code !== 'PLUGIN_DOWN') reportGuestError(this.log, error);
    const details = error instanceof Error ? error.message : String(error);
    const next = opening ? (this.#plugins[this.#stages.length]?.name ?? '') : '';
    const filter = error instanceof GuestError ? error.filter : next;
    this.#failWith(opening || error instanceof GuestError ? 503 : 500, filter, details);
  }
}
