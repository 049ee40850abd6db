import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { isRefusedField, prepare, setFields } from './http-proxy-call.ts';
import type { TransportOptions, UpgradeHandler, UpstreamCall, UpstreamRequest } from './transport.ts';
import { connectError, timeoutError, upstreamError } from './upstream-error.ts';

/**
 * One handshake in http-proxy, which knows only WebSocket's: the true method and protocol are set on its request. It writes a response head of its own making to the "client socket" and then
 * pipes. So it gets one end of a pair: the first thing that comes out of the other end is that head, which is
 * dropped (ours follows once the response filters have seen it); what comes after is tunnel, or a refusal's body.
 */
export class UpgradeCall implements UpstreamCall {
  // What http-proxy reads of a client's request.
  readonly method = 'GET';
  readonly url: string;
  readonly headers: Record<string, string> = { connection: 'Upgrade', upgrade: 'websocket' };
  readonly socket = { destroyed: false };
  /** The end that http-proxy takes for the client's socket. */
  readonly near: Duplex;

  readonly #far: Duplex;
  readonly #request: UpstreamRequest;
  readonly #handler: UpgradeHandler;
  readonly #options: TransportOptions;
  readonly #calls: Set<UpgradeCall>;
  #outgoing: ClientRequest | undefined;
  #upstream: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #connected = false;
  #answered = false;
  #over = false;

  constructor(
    request: UpstreamRequest,
    handler: UpgradeHandler,
    options: TransportOptions,
    calls: Set<UpgradeCall>,
  ) {
    this.url = request.path;
    this.#request = request;
    this.#handler = handler;
    this.#options = options;
    this.#calls = calls;
    const [near, far] = duplexPair();
    // http-proxy tunes what it takes for a socket.
    this.near = Object.assign(near, { setTimeout() {}, setNoDelay() {}, setKeepAlive() {} });
    this.#far = far;
    near.on('error', () => {});
    far.on('error', () => {});
    calls.add(this);
  }

  on(): this {
    return this;
  }

  /** http-proxy made the request and sends it when this returns. */
  begin(outgoing: ClientRequest): void {
    this.#outgoing = outgoing;
    prepare(outgoing, this.#request, this.#options.maxHeaderSize);
    setFields(outgoing, this.#request.headers);
    outgoing.setHeader('Connection', 'Upgrade');
    outgoing.method = this.#request.method;
    outgoing.setHeader('Upgrade', this.#request.upgrade);
    const { connect, response } = this.#options.timeouts;
    this.#arm(connect, () => this.#fail(timeoutError('connect', 'no connection', connect)));
    outgoing.on('socket', socket => {
      socket.once('connect', () => {
        this.#connected = true;
        this.#arm(response, () => this.#fail(timeoutError('response', 'no response headers', response)));
      });
    });
    outgoing.on('upgrade', (answer, socket: Socket) => this.#onUpgrade(answer, socket));
    outgoing.on('response', answer => this.#onRefusal(answer));
    outgoing.on('close', () => {
      if (!this.#answered) this.onError(new Error('connection closed'));
    });
  }

  onError(error: Error): void {
    if (this.#over) return;
    if (this.#connected || isRefusedField(error)) this.#fail(upstreamError(error, 'response'));
    else this.#fail(connectError(error));
  }

  resume(): void {
    if (!this.#over) this.#far.resume();
  }

  abort(): void {
    if (this.#over) return;
    this.#finish();
    this.#outgoing?.destroy();
    this.#upstream?.destroy();
    this.near.destroy();
    this.#far.destroy();
  }

  #onUpgrade(answer: IncomingMessage, socket: Socket): void {
    this.#answered = true;
    if (this.#over) {
      socket.destroy();
      return;
    }
    clearTimeout(this.#timer);
    this.#upstream = socket;
    const far = this.#far;
    socket.once('close', () => {
      this.#finish();
      // Ends the tunnel also where http-proxy's pipe doesn't: after an error.
      this.near.end();
    });
    far.once('close', () => this.abort());
    far.once('data', () => {
      far.pause();
      this.#handler.onUpgrade(answer.rawHeaders, far);
    });
  }

  #onRefusal(answer: IncomingMessage): void {
    this.#answered = true;
    if (this.#over) {
      answer.destroy();
      return;
    }
    const { idle } = this.#options.timeouts;
    this.#arm(idle, () => this.#fail(timeoutError('response', 'no more of the body', idle)));
    const far = this.#far;
    answer.once('error', error => this.onError(error));
    far.once('data', () => {
      far.on('data', (chunk: Buffer) => {
        this.#timer?.refresh();
        if (!this.#over && !this.#handler.onData(chunk)) far.pause();
      });
      far.once('end', () => {
        if (this.#over) return;
        this.#finish();
        this.#handler.onComplete(answer.rawTrailers);
      });
      const { statusCode = 0, statusMessage = '' } = answer;
      if (!this.#handler.onHeaders(statusCode, statusMessage, answer.rawHeaders)) far.pause();
    });
  }

  #fail(error: ReturnType<typeof upstreamError>): void {
    if (this.#over) return;
    this.abort();
    this.#handler.onError(error);
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#calls.delete(this);
  }

  #arm(ms: number, expire: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = ms === 0 ? undefined : setTimeout(expire, ms);
  }
}
