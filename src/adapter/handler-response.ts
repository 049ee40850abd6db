import type { ServerResponse } from 'node:http';
import { FieldMap, type RawFields } from '../message/fields.ts';
import type { ResponseHeaders } from '../message/headers.ts';
import type { ClientResponse } from './client-response.ts';
import type { NodeResponse, OpenResponse } from './node-response.ts';
import { readHead, setHead, trailerPairs } from './response-head.ts';

/** Where a handler's response goes: into the chain. */
export interface ResponseSink {
  responseHeaders(headers: ResponseHeaders, endOfStream: boolean): void;
  responseData(chunk: Buffer, endOfStream: boolean): void;
  responseTrailers(trailers: FieldMap): void;
}

type Callback = (error?: Error | null) => void;

const EMPTY = Buffer.alloc(0);

/**
 * The handler's end of a response: its calls to `res` arrive here instead of at the connection. The head counts as
 * complete where Node would write it: at `writeHead`, or with the first of the body; `headersSent` is true from then.
 */
export class HandlerResponse {
  readonly #node: NodeResponse;
  readonly #client: ClientResponse;
  readonly #sink: ResponseSink;
  /** The chain looks at bodies. */
  readonly #takesBody: boolean;
  #installed = false;
  #covered = false;
  #committing = false;
  /** The head is complete, as far as the handler goes. */
  #closed = false;
  /** The chain has it. */
  #committed = false;
  /** The handler's head allows no body: HEAD, 204, 304. */
  #bodyless = false;
  #ended = false;
  #passing = false;
  #muted = false;
  #paused = false;
  #owesDrain = false;
  #trailers: RawFields = [];
  /** The callback of the `write` that is on the stack. */
  #callback: Callback | undefined;
  readonly #waiting: Callback[] = [];
  /** Calls that wait for the head to pass, in a chain that takes no bodies. */
  #calls: (() => void)[] = [];

  constructor(node: NodeResponse, client: ClientResponse, sink: ResponseSink, takesBody: boolean) {
    this.#node = node;
    this.#client = client;
    this.#sink = sink;
    this.#takesBody = takesBody;
  }

  /** Takes over the methods of `res`. */
  install(): void {
    this.#installed = true;
    const { res } = this.#node;
    const own: Partial<Record<keyof OpenResponse, unknown>> = {
      writeHead: (status: number, ...rest: unknown[]) => this.#writeHead(status, rest),
      write: (chunk: unknown, encoding: unknown, callback: unknown) => this.#write(chunk, encoding, callback),
      end: (chunk: unknown, encoding: unknown, callback: unknown) => this.#end(chunk, encoding, callback),
      flushHeaders: () => this.#flushHeaders(),
      addTrailers: (trailers: never) => this.#addTrailers(trailers),
      _implicitHeader: () => this.#implicitHeader(),
    };
    Object.assign(res, own);
  }

  /**
   * Lets `res` tell what the handler did where Node doesn't know of it yet. Only then: accessors on a response make it
   * slow for Node too.
   */
  #cover(): void {
    if (this.#covered || this.#passing) return;
    this.#covered = true;
    const node = this.#node;
    Object.defineProperties(node.res, {
      headersSent: { configurable: true, get: () => this.#closed || node.headersSent },
      writableEnded: { configurable: true, get: () => this.#ended || node.ended },
      writableNeedDrain: { configurable: true, get: () => this.#owesDrain || node.needDrain },
    });
  }

  /** Something waits, in a filter or for the first of the body. */
  get #waits(): boolean {
    return this.#paused || !this.#client.headSent || (this.#ended && !this.#client.ended);
  }

  /** The head has passed a chain that takes no bodies: all else goes straight to the connection. */
  pass(): void {
    this.#passing = true;
    const calls = this.#calls;
    this.#calls = [];
    for (const call of calls) call();
    this.#drain();
  }

  /** Somebody else answers: whatever the handler does from now on is dropped, and nothing it does fails. */
  mute(): void {
    if (!this.#installed) this.install();
    this.#muted = true;
    this.#closed = true;
    this.#cover();
    this.#calls = [];
    const { res } = this.#node;
    const nothing = () => res;
    Object.assign(res, { setHeader: nothing, setHeaders: nothing, appendHeader: nothing, removeHeader() {} });
    this.pause(false);
  }

  /** True: filters hold all they may, `write` answers false until they don't. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (paused) return;
    for (const callback of this.#waiting.splice(0)) process.nextTick(callback);
    this.#drain();
  }

  /** The callback to call when the chunk that is being written has reached the connection. */
  takeCallback(): Callback | undefined {
    const callback = this.#callback;
    this.#callback = undefined;
    return callback;
  }

  #drain(): void {
    if (!this.#owesDrain || this.#paused) return;
    this.#owesDrain = false;
    const { res } = this.#node;
    // Not now: a filter is about to send what it held, and that goes first.
    process.nextTick(() => {
      if (!this.#node.needDrain && !this.#paused && !res.destroyed) res.emit('drain');
    });
  }

  #writeHead(status: number, rest: readonly unknown[]): ServerResponse {
    const { res } = this.#node;
    if (this.#muted) return res;
    // What isn't a final status is not a response to filter; what isn't a status is for Node to refuse.
    if (this.#passing || !(status >= 200 && status <= 999)) return this.#node.writeHead(status, ...rest);
    if (this.#closed) {
      const error = new Error('Cannot write headers after they are sent to the client');
      throw Object.assign(error, { code: 'ERR_HTTP_HEADERS_SENT' });
    }
    setHead(res, Math.trunc(status), rest);
    this.#closed = true;
    if (!this.#committing) this.#cover();
    return res;
  }

  #implicitHeader(): void {
    if (this.#passing) this.#node.implicitHeader();
    else if (!this.#closed) this.#node.res.writeHead(this.#node.res.statusCode);
  }

  #commit(endOfStream: boolean): void {
    if (this.#committed) return;
    this.#committing = true;
    try {
      this.#implicitHeader();
    } finally {
      this.#committing = false;
    }
    this.#committed = true;
    const { res } = this.#node;
    this.#bodyless = this.#client.isBodyless(res.statusCode);
    this.#sink.responseHeaders(readHead(res), endOfStream || this.#bodyless);
  }

  #write(chunk: unknown, encoding: unknown, last: unknown): boolean {
    const callback = callbackOf(encoding, last);
    if (this.#muted) {
      if (callback !== undefined) process.nextTick(callback);
      return true;
    }
    // What Node would refuse, it refuses here too.
    if (this.#passing || !isChunk(chunk)) return this.#node.write(chunk, encoding, last);
    // Ended, but held by a filter: http-proxy still pipes into a response that was answered in `proxyRes`.
    if (this.#ended) return this.#client.ended && this.#node.write(chunk, encoding, last);
    this.#commit(false);
    if (!this.#takesBody) return this.#later(() => this.#node.write(chunk, encoding, last));
    const bytes = toBuffer(chunk, encoding, callback !== undefined);
    this.#callback = callback;
    if (bytes.length > 0 && !this.#bodyless) this.#sink.responseData(bytes, false);
    const unsent = this.takeCallback();
    if (unsent !== undefined) {
      // A filter that holds this chunk may wait for the next: only a full one makes the handler wait.
      if (this.#paused) this.#waiting.push(unsent);
      else process.nextTick(unsent);
    }
    if (this.#paused) this.#owesDrain = true;
    if (this.#waits) this.#cover();
    return !this.#paused && !this.#node.needDrain;
  }

  /** Does it now if the head has passed, otherwise when it does. */
  #later(call: () => boolean): boolean {
    if (this.#passing) return call();
    if (this.#muted) return true;
    this.#calls.push(call);
    this.#owesDrain = true;
    this.#cover();
    return false;
  }

  #end(first: unknown, second: unknown, third: unknown): ServerResponse {
    const { res } = this.#node;
    if (this.#passing) return this.#node.end(first, second, third);
    const chunk = typeof first === 'function' ? undefined : first;
    const callback = typeof first === 'function' ? (first as Callback) : callbackOf(second, third);
    if (chunk !== undefined && chunk !== null && !isChunk(chunk)) this.#node.write(chunk);
    if (callback !== undefined) {
      if (res.writableFinished) process.nextTick(callback);
      else res.once('finish', callback);
    }
    if (this.#ended) return res;
    this.#ended = true;
    if (this.#muted) return res;
    const bytes = isChunk(chunk) && chunk.length > 0 ? toBuffer(chunk, second, false) : EMPTY;
    const trailers = this.#takesBody && this.#trailers.length > 0;
    const known = this.#committed;
    this.#commit(bytes.length === 0 && !trailers);
    if (!this.#takesBody) {
      // As it came: Node sends a short text together with the head.
      this.#later(() => this.#node.end(chunk, second) === res);
      return res;
    }
    // Unless the head has said already that nothing follows.
    if (!this.#bodyless && (known || bytes.length > 0 || trailers)) {
      if (!trailers || bytes.length > 0) this.#sink.responseData(bytes, !trailers);
      if (trailers) this.#sink.responseTrailers(new FieldMap(this.#trailers));
    }
    if (this.#waits) this.#cover();
    return res;
  }

  #flushHeaders(): void {
    if (this.#muted) return;
    if (!this.#passing) this.#commit(false);
    if (this.#takesBody) {
      this.#client.flush();
      return;
    }
    this.#later(() => {
      this.#node.flushHeaders();
      return true;
    });
  }

  #addTrailers(trailers: Parameters<ServerResponse['addTrailers']>[0]): void {
    if (this.#muted) return;
    // Node checks them; those that pass the chain replace them.
    this.#node.addTrailers(trailers);
    this.#trailers = trailerPairs(trailers);
  }
}

function isChunk(chunk: unknown): chunk is string | Uint8Array {
  return typeof chunk === 'string' || chunk instanceof Uint8Array;
}

function callbackOf(encoding: unknown, last: unknown): Callback | undefined {
  const callback = typeof encoding === 'function' ? encoding : last;
  return typeof callback === 'function' ? (callback as Callback) : undefined;
}

/** `copy`: the handler is told when the bytes are sent, and may use its buffer again then. */
function toBuffer(chunk: string | Uint8Array, encoding: unknown, copy: boolean): Buffer {
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  }
  return copy ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
