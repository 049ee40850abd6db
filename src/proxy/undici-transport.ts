import { connect as connectSocket } from 'node:net';
import type { Readable } from 'node:stream';
import type { buildConnector, Dispatcher, Pool as UndiciPool } from 'undici';
import { UpstreamError } from '../errors.ts';
import type { RawFields } from '../message/fields.ts';
import { HttpProxyTransport } from './http-proxy-transport.ts';
import type {
  Transport,
  TransportOptions,
  UpgradeHandler,
  UpstreamCall,
  UpstreamHandler,
  UpstreamRequest,
} from './transport.ts';
import { Pool } from './undici-pool.ts';
import { connectError, timeoutError, upstreamError } from './upstream-error.ts';

// undici's own timers tick twice a second; below this a timer of ours keeps the response timeout exact.
const COARSE_TIMER_MS = 1000;

/**
 * Requests through an undici pool, by its lowest interface: raw bytes in, flat lists out. The idle timeout is
 * undici's and coarse: it ends a silent response up to a second late.
 */
export class UndiciTransport implements Transport {
  readonly #pool: UndiciPool;
  readonly #httpProxy: HttpProxyTransport;
  readonly #queueTimeout: number;
  readonly #responseTimeout: number;

  constructor(options: TransportOptions) {
    const { host, port, connections, timeouts, maxHeaderSize } = options;
    this.#pool = new Pool(`http://${host.includes(':') ? `[${host}]` : host}:${port}`, {
      connections,
      connect: connector(host, port, timeouts.connect),
      headersTimeout: timeouts.response,
      bodyTimeout: timeouts.idle,
      maxHeaderSize,
    });
    this.#httpProxy = new HttpProxyTransport(options);
    this.#queueTimeout = timeouts.connect;
    this.#responseTimeout = timeouts.response < COARSE_TIMER_MS ? timeouts.response : 0;
  }

  dispatch(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall {
    const { body, path } = request;
    // undici can't send request trailers, which any chunked request may end with, nor the target `*`.
    if ((body !== null && body.length < 0) || path.charCodeAt(0) !== 47) {
      return this.#httpProxy.dispatch(request, handler);
    }
    const call = new UndiciCall(handler, body !== null, this.#responseTimeout);
    const ready = call.dispatched(
      this.#pool.dispatch(
        {
          path,
          method: request.method as Dispatcher.HttpMethod,
          headers: request.headers,
          // RequestBody has the part of Readable's interface that undici uses.
          body: body as unknown as Readable | null,
        },
        call,
      ),
    );
    if (!ready) call.waitForConnection(this.#queueTimeout);
    return call;
  }

  upgrade(request: UpstreamRequest, handler: UpgradeHandler): UpstreamCall {
    return this.#httpProxy.upgrade(request, handler);
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.destroy(), this.#httpProxy.close()]);
  }
}

/**
 * True while a socket's error is being reported. undici takes a reset for the end of a response that lasts until the
 * connection closes; within such a report nothing can really complete.
 */
let breaking = false;

function noteBreak(): void {
  breaking = true;
  queueMicrotask(() => {
    breaking = false;
  });
}

/** undici's connector, with an exact timeout and errors that say that it was the connecting that failed. */
function connector(host: string, port: number, timeout: number): buildConnector.connector {
  return (_options, callback) => {
    const options = { host, port, noDelay: true, keepAlive: true, highWaterMark: 64 * 1024 };
    const socket = connectSocket(options);
    const timer = timeout > 0 ? setTimeout(expire, timeout) : undefined;
    function expire() {
      socket.destroy(timeoutError('connect', 'no connection', timeout));
    }
    function onError(error: Error) {
      clearTimeout(timer);
      callback(error instanceof UpstreamError ? error : connectError(error), null);
    }
    socket.once('error', onError);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeListener('error', onError);
      // Before undici's own listener.
      socket.on('error', noteBreak);
      callback(null, socket);
    });
  };
}

/** One request in undici: its handler, and our handle on it. */
class UndiciCall implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #handler: UpstreamHandler;
  readonly #hasBody: boolean;
  readonly #responseTimeout: number;
  #abort: ((error?: Error) => void) | undefined;
  #resume: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dispatching = true;
  #over = false;
  #answered = false;
  #stopped = false;

  constructor(handler: UpstreamHandler, hasBody: boolean, responseTimeout: number) {
    this.#handler = handler;
    this.#hasBody = hasBody;
    this.#responseTimeout = responseTimeout;
  }

  resume(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    // Not at once: undici's parser can't be entered while another connection's is on the stack.
    queueMicrotask(() => {
      if (!this.#over && !this.#stopped) this.#resume?.();
    });
  }

  abort(): void {
    if (this.#over) return;
    this.#end();
    this.#abort?.();
  }

  /** The pool has the request; passes on whether it has a connection free for the next. */
  dispatched(ready: boolean): boolean {
    this.#dispatching = false;
    return ready;
  }

  /** All connections are busy: bounds the wait for one. */
  waitForConnection(timeout: number): void {
    if (timeout === 0 || this.#over || this.#abort !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.onError(timeoutError('connect', 'no connection free', timeout));
    }, timeout);
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#clearTimer();
    // Given up while it waited: to throw gives the connection to the next request, to abort would close it.
    if (this.#over) throw new Error('given up');
    this.#abort = abort;
  }

  onRequestSent(): void {
    if (this.#responseTimeout === 0 || this.#over || this.#answered) return;
    this.#timer = setTimeout(() => {
      this.#abort?.(timeoutError('response', 'no response headers', this.#responseTimeout));
    }, this.#responseTimeout);
  }

  onResponseStarted(): void {
    this.#answered = true;
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    if (this.#over) return true;
    if (status < 200) {
      this.#handler.onInformation(status, decodeFields(raw));
      return true;
    }
    this.#clearTimer();
    this.#resume = resume;
    return this.#go(this.#handler.onHeaders(status, statusText, decodeFields(raw)));
  }

  onData(chunk: Buffer): boolean {
    return this.#over || this.#go(this.#handler.onData(chunk));
  }

  onComplete(trailers: unknown): void {
    if (this.#over) return;
    if (breaking) {
      this.onError(new Error('connection reset in the response body'));
      return;
    }
    this.#over = true;
    // The types say strings; the raw interface hands out what the parser has: buffers.
    this.#handler.onComplete(decodeFields(trailers as Buffer[]));
  }

  onError(error: Error): void {
    if (this.#over) return;
    if (this.#dispatching) {
      queueMicrotask(() => this.onError(error));
      return;
    }
    this.#end();
    this.#handler.onError(upstreamError(error, this.#answered || !this.#hasBody ? 'response' : 'request'));
  }

  #go(on: boolean): boolean {
    this.#stopped = !on;
    return on;
  }

  #end(): void {
    this.#over = true;
    this.#clearTimer();
  }

  #clearTimer(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** What `toString('latin1')` calls, twice as fast for a few bytes. */
type Latin1Bytes = Buffer & { latin1Slice(): string };

function decodeFields(raw: readonly Buffer[]): RawFields {
  const fields = new Array<string>(raw.length);
  for (let i = 0; i < raw.length; i++) fields[i] = (raw[i] as Latin1Bytes).latin1Slice();
  return fields;
}
