import type { Result } from '../component/http/bodies.ts';
import { type ErrorCode, errorCodeOf } from '../component/http/error-code.ts';
import type { HandlerHost } from '../component/http/imports.ts';
import { PendingResponse } from '../component/http/incoming.ts';
import { Inflow } from '../component/http/inflow.ts';
import type { Outflow, OutflowTarget } from '../component/http/outflow.ts';
import type { OutgoingRequest, OutgoingResponse, RequestOptions } from '../component/http/outgoing.ts';
import { nameOf } from '../component/http/variants.ts';
import type { UpstreamError } from '../errors.ts';
import type { FieldMap } from '../message/fields.ts';
import { RequestHeaders, ResponseHeaders } from '../message/headers.ts';
import { Exit } from './death.ts';
import type { TakenContext, TakenStream } from './taken.ts';
import { type Direction, REQUEST, RESPONSE } from './types.ts';
import { NOWHERE, sendError, setLength, targetOf } from './wasi-http-messages.ts';
import type { GuestWithOutput, WasiHttpPlugin } from './wasi-http-plugin.ts';
import { OwnRequests } from './wasi-http-requests.ts';

const GONE: ErrorCode = { tag: 'connection-terminated' };
const SWITCHING = 101;

/** One request in a `wasi:http` handler: what comes and goes in the chain, and the guest between. */
export class WasiHttpContext implements TakenContext, HandlerHost {
  readonly #plugin: WasiHttpPlugin;
  readonly #stream: TakenStream;
  readonly #guest: GuestWithOutput;
  readonly #requests: OwnRequests;
  readonly #requestIn: Inflow;
  #requestOut: Outflow | undefined;
  /** The chain's answer to what was sent down. */
  #pending: PendingResponse | undefined;
  #responseIn: Inflow | undefined;
  #responseOut: Outflow | undefined;
  #answered = false;
  /** The upstream switched protocols: the guest may say so too. */
  #switching = false;
  /** The guest has returned, or is dead. */
  #ended = false;
  #killed = false;
  /** The stream is over. */
  #over = false;
  /** The plugin counts it no more. */
  #left = false;
  #timer: NodeJS.Timeout;

  constructor(plugin: WasiHttpPlugin, stream: TakenStream, guest: GuestWithOutput) {
    this.#plugin = plugin;
    this.#stream = stream;
    this.#guest = guest;
    const source = { pause: (paused: boolean) => stream.pause(REQUEST, paused), drop() {} };
    // Not asked for until the guest wants it: it may answer without.
    this.#requestIn = new Inflow(plugin.bufferedBody, source, false);
    this.#requests = new OwnRequests(plugin, bytes => this.#moved(bytes));
    this.#timer = setTimeout(() => this.#silent(), plugin.pauseTime).unref();
  }

  // TakenContext: what comes.

  onRequestHeaders(endOfStream: boolean): void {
    if (endOfStream) this.#requestIn.end();
    else this.#stream.pause(REQUEST, true);
    queueMicrotask(() => this.#run());
  }

  onResponseHeaders(headers: ResponseHeaders, endOfStream: boolean): void {
    const source = {
      pause: (paused: boolean) => this.#stream.pause(RESPONSE, paused),
      drop: () => {
        this.#stream.dropUpstream();
        // Nobody reads what it still sends.
        this.#requestOut?.fail();
      },
    };
    this.#responseIn = new Inflow(this.#plugin.bufferedBody, source, true);
    if (endOfStream) this.#responseIn.end();
    this.#switching = headers.status === SWITCHING;
    this.#pending!.came(headers.status, headers.raw, this.#responseIn);
    if (this.#ended) this.#responseIn.drop();
    this.#timer.refresh();
  }

  onData(direction: Direction, chunk: Buffer, endOfStream: boolean): void {
    const inflow = direction === REQUEST ? this.#requestIn : this.#responseIn!;
    inflow.push(chunk);
    if (endOfStream) inflow.end();
    this.#moved(chunk.length);
  }

  onTrailers(direction: Direction, trailers: FieldMap): void {
    (direction === REQUEST ? this.#requestIn : this.#responseIn!).end(trailers.raw);
    this.#timer.refresh();
  }

  onUpstreamFailed(error: UpstreamError): void {
    const code = errorCodeOf(error, this.#responseIn !== undefined);
    this.#pending?.fail(code);
    this.#responseIn?.fail(code);
    this.#requestOut?.fail(code);
    this.#timer.refresh();
  }

  onDrain(direction: Direction): void {
    (direction === REQUEST ? this.#requestOut : this.#responseOut)?.drain();
    this.#timer.refresh();
  }

  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#requestIn.fail(GONE);
    this.#pending?.fail(GONE);
    this.#responseIn?.fail(GONE);
    this.#requestOut?.fail();
    this.#responseOut?.fail();
    // It may do what it likes for a while, for a log or a cache.
    if (this.#ended) this.#gone();
    else this.#timer.refresh();
  }

  // HandlerHost: what the guest does. It is on the stack.

  respond(answer: Result<OutgoingResponse, ErrorCode>): void {
    if (this.#answered) return;
    this.#answered = true;
    const { outflow } = answer.tag === 'ok' ? answer.val : { outflow: undefined };
    this.#responseOut = outflow;
    queueMicrotask(() => {
      if (this.#over) outflow?.fail();
      else if (answer.tag === 'ok') this.#respond(answer.val);
      else this.#respondError(answer.val);
    });
  }

  send(request: OutgoingRequest, options: RequestOptions | undefined): PendingResponse {
    const method = nameOf(request.method());
    // A transport may write it in capitals.
    if (method.toUpperCase() === 'CONNECT') throw { tag: 'HTTP-request-method-invalid' } satisfies ErrorCode;
    const { authority } = this.#stream.requestHeaders;
    const wanted = request.authority() ?? '';
    const own = wanted === '' || wanted.toLowerCase() === authority.toLowerCase();
    if (!own) return this.#requests.send(request, wanted, options);
    // The client chose that name, and must not choose between the chain and an upstream.
    if (wanted !== '' && this.#requests.grants(wanted)) {
      const what = `a request to ${wanted}, a granted upstream that the client named as its host`;
      this.#requests.refuse(what, 'no authority, for the chain, or another name of the upstream');
    }
    if (this.#pending !== undefined) {
      const remedy = 'capabilities: {upstreams: [NAME]} and a request to that upstream';
      this.#requests.refuse('a second request down the chain', remedy);
    }
    const pending = new PendingResponse();
    const outflow = request.outflow;
    this.#pending = pending;
    this.#requestOut = outflow;
    const go = () => {
      if (!this.#over) {
        this.#forward(request, method);
        return;
      }
      pending.fail(GONE);
      outflow?.fail(GONE);
    };
    queueMicrotask(() => {
      // Many make a body of any request, and end it at once: upstreams like a GET better without.
      if (outflow?.untouched === true) setImmediate(go);
      else go();
    });
    return pending;
  }

  // Parts.

  #run(): void {
    if (this.#over) {
      this.#returned(undefined);
      return;
    }
    const { method, path, scheme, authority, raw } = this.#stream.requestHeaders;
    this.#guest.guest.handle({ method, path, scheme, authority }, raw, this.#requestIn, this).then(
      () => this.#returned(undefined),
      error => this.#returned(error ?? new Error('it failed')),
    );
  }

  #forward(request: OutgoingRequest, method: string): void {
    const { authority, scheme } = this.#stream.requestHeaders;
    const { outflow, raw, target } = request;
    const length = outflow?.length ?? 0;
    const end = outflow === undefined || outflow.empty;
    setLength(raw, length);
    this.#stream.sendRequestHeaders(new RequestHeaders(method, target, authority, scheme, raw), length, end);
    if (!end) outflow.attach(this.#target(REQUEST));
  }

  #respond(response: OutgoingResponse): void {
    const status = response.statusCode();
    if (status === SWITCHING && !this.#switching) {
      this.#stream.fail(502, 'the handler answered 101 to a request that no upstream switches for');
      return;
    }
    const { outflow, raw } = response;
    const bodyless =
      this.#guest.guest.instance.isHead || status === 204 || status === 304 || status === SWITCHING;
    const length = bodyless ? response.length : (outflow?.length ?? 0);
    const end = bodyless || outflow === undefined || outflow.empty;
    setLength(raw, status === SWITCHING ? -1 : length);
    this.#stream.sendResponseHeaders(new ResponseHeaders(status, raw), length, end);
    if (!end) outflow.attach(this.#target(RESPONSE));
    // What the guest writes there goes nowhere.
    else outflow?.attach(NOWHERE);
    this.#timer.refresh();
  }

  #respondError(code: ErrorCode): void {
    this.#plugin.state.log.debug(
      { filter: this.#plugin.name, code: code.tag },
      `the handler answered with the error ${code.tag}`,
    );
    sendError(this.#stream, code, this.#guest.guest.instance.isHead);
  }

  #target(direction: Direction): OutflowTarget {
    return targetOf(this.#stream, direction, {
      moved: bytes => this.#moved(bytes),
      broken: reason => this.#broken(direction, reason),
    });
  }

  #broken(direction: Direction, reason: string): void {
    const { state, name } = this.#plugin;
    if (direction === RESPONSE) {
      this.#stream.fail(502, reason);
      return;
    }
    state.log.debug({ filter: name }, `a request was given up: ${reason}`);
    this.#stream.dropUpstream();
    const code: ErrorCode = { tag: 'internal-error', val: reason };
    this.#pending?.fail(code);
    this.#responseIn?.fail(code);
  }

  #moved(bytes: number): void {
    // Afterwards it is another request's.
    if (!this.#ended) this.#guest.guest.moved(bytes);
    this.#timer.refresh();
  }

  /** Nothing moved for `pauseTime`. */
  #silent(): void {
    if (!this.#over && this.#waitsForOthers) {
      this.#timer.refresh();
      return;
    }
    this.#plugin.hit('pauseTime');
    const { pauseTime } = this.#plugin;
    this.#killed = true;
    const what = this.#answered ? 'sent nothing more' : 'answered nothing';
    if (!this.#over) this.#stream.fail(504, `the handler ${what} for limits.pauseTime (${pauseTime} ms)`);
    this.#guest.guest.close();
  }

  /** The filter ends, and its streams have. */
  kill(): void {
    if (this.#ended) return;
    this.#killed = true;
    this.#guest.guest.close();
  }

  /** It is the client, an upstream or a filter that is slow. */
  get #waitsForOthers(): boolean {
    if (this.#pending?.settled === false || this.#requestIn.starved || this.#responseIn?.starved === true)
      return true;
    return this.#requestOut?.stuck === true || this.#responseOut?.stuck === true || this.#requests.waits;
  }

  #returned(error: unknown): void {
    this.#ended = true;
    const { flush } = this.#guest;
    const exited = error instanceof Exit && error.status === 0;
    if (error !== undefined && !this.#killed && !exited) this.#died(error);
    else if (!this.#answered && !this.#over && !this.#killed) {
      this.#stream.fail(500, 'the handler returned without a response');
    }
    flush();
    this.#plugin.release(this.#guest, error === undefined && !this.#killed);
    clearTimeout(this.#timer);
    // What it holds of the chain is nobody's any more.
    this.#requestIn.drop();
    this.#responseIn?.drop();
    this.#requestOut?.break('the handler returned before it was finished');
    this.#responseOut?.break('the handler returned before it was finished');
    this.#requests.abort();
    if (this.#pending?.settled === false) queueMicrotask(() => this.#stream.dropUpstream());
    if (this.#over) this.#gone();
  }

  #died(error: unknown): void {
    const death = this.#plugin.died(error, this.#guest.guest);
    if (this.#over) return;
    // All it had to say was said.
    if (this.#answered && this.#responseOut?.over !== false) return;
    const sent = this.#answered || this.#pending !== undefined;
    this.#stream.fail(sent && this.#plugin.failOpen ? 502 : 503, death.message);
  }

  #gone(): void {
    if (this.#left) return;
    this.#left = true;
    clearTimeout(this.#timer);
    this.#plugin.contextGone(this);
  }
}
