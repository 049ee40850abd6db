import type { HttpCallRequest } from '../abi/host.ts';
import type { UpstreamError } from '../errors.ts';
import { BodyBuffer } from '../message/body.ts';
import { FieldMap, type RawFields } from '../message/fields.ts';
import { ResponseHeaders } from '../message/headers.ts';
import type { PluginState } from './state.ts';
import type { OwnCall, OwnRequestHandler } from './upstreams.ts';

/** What came of an HTTP call; without headers it failed. */
export interface HttpCallResult {
  readonly headers: FieldMap;
  readonly body: BodyBuffer;
  readonly trailers: FieldMap;
  /** As proxy_get_status has it. */
  readonly code: number;
  readonly message: string;
}

/** Envoy's BrokenConnection. */
const BROKEN_CONNECTION = 9;

/** A request that a guest made, until its answer is whole or it failed. */
export class HttpCall implements OwnRequestHandler {
  readonly #state: PluginState;
  readonly #ended: (result: HttpCallResult) => void;
  readonly #call: OwnCall;
  readonly #timer: NodeJS.Timeout | undefined;
  #over = false;
  #status = 0;
  #headers: RawFields = [];
  readonly #body = new BodyBuffer();
  /** Bytes of bodies, both ways. */
  #held: number;

  /** `ended` is called once, unless it is aborted, and not before this returns. */
  constructor(state: PluginState, request: HttpCallRequest, ended: (result: HttpCallResult) => void) {
    this.#state = state;
    this.#ended = ended;
    const { upstream, headers, body, trailers, timeout } = request;
    const { method, path, authority, raw } = headers;
    this.#held = body.length;
    state.counters.callBytes += body.length;
    // Trailers need a body that has no length.
    const length = trailers.length > 0 ? -1 : body.length;
    const timeouts = {
      connect: undefined,
      firstByte: timeout === 0 ? undefined : timeout,
      betweenBytes: undefined,
    };
    const own = { method, path, authority, headers: raw, length, timeouts };
    this.#call = state.services.upstreams.send(upstream, own, this);
    if (length !== 0) {
      if (body.length > 0) this.#call.write(body);
      this.#call.end(trailers);
    }
    // Of the whole answer, as in Envoy.
    if (timeout > 0)
      this.#timer = setTimeout(() => this.#fail(`no answer within ${timeout} ms`), timeout).unref();
  }

  /** Nothing is heard of it any more. */
  abort(): void {
    if (this.#over) return;
    this.#finish();
    this.#call.abort();
  }

  onHeaders(status: number, headers: RawFields): void {
    if (this.#over) return;
    this.#status = status;
    this.#headers = headers;
    if (!this.#state.mayHold(headers)) this.#fail('the answer has headers over the limits of the filter');
  }

  onData(chunk: Buffer): void {
    if (this.#over) return;
    const { limits, counters } = this.#state;
    const { bufferedBody, callBytes } = limits;
    if (this.#body.length + chunk.length > bufferedBody) {
      counters.limitHits.bufferedBody++;
      this.#fail(`the answer has more than limits.bufferedBody (${bufferedBody} bytes)`);
    } else if (counters.callBytes + chunk.length > callBytes) {
      counters.limitHits.callBytes++;
      this.#fail(`calls under way hold more than limits.callBytes (${callBytes} bytes)`);
    } else {
      this.#held += chunk.length;
      counters.callBytes += chunk.length;
      this.#body.append(chunk);
    }
  }

  onEnd(trailers: RawFields): void {
    if (this.#over) return;
    if (!this.#state.mayHold(trailers)) {
      this.#fail('the answer has trailers over the limits of the filter');
      return;
    }
    this.#finish();
    this.#ended({
      headers: new ResponseHeaders(this.#status, this.#headers),
      body: this.#body,
      trailers: new FieldMap(trailers),
      code: this.#status,
      message: '',
    });
  }

  onError(error: UpstreamError): void {
    if (!this.#over) this.#fail(error.message);
  }

  onDrain(): void {}

  #fail(reason: string): void {
    this.abort();
    this.#ended(failed(reason));
  }

  #finish(): void {
    this.#over = true;
    this.#state.counters.callBytes -= this.#held;
    clearTimeout(this.#timer);
  }
}

/** What a call has that failed: nothing. */
export function failed(reason: string): HttpCallResult {
  return {
    headers: new FieldMap(),
    body: new BodyBuffer(),
    trailers: new FieldMap(),
    code: BROKEN_CONNECTION,
    message: reason,
  };
}
