import type { ClientRequest, IncomingMessage, InformationEvent } from 'node:http';
import type { Socket } from 'node:net';
import type { RawFields } from '../message/fields.ts';
import type { TransportOptions, UpstreamCall, UpstreamHandler, UpstreamRequest } from './transport.ts';
import { connectError, timeoutError, upstreamError } from './upstream-error.ts';

/** Sets exactly these fields on a request that nothing was sent of yet; repeated names keep every value. */
export function setFields(outgoing: ClientRequest, fields: RawFields): void {
  for (const name of outgoing.getHeaderNames()) outgoing.removeHeader(name);
  for (let i = 0; i < fields.length; i += 2) outgoing.appendHeader(fields[i]!, fields[i + 1]!);
}

/** What both kinds of request need before they are sent: the true target, and limits on the response's head. */
export function prepare(outgoing: ClientRequest, request: UpstreamRequest, maxHeaderSize: number): void {
  outgoing.path = request.path;
  outgoing.maxHeadersCount = 0;
  // Read when the connection is assigned; http-proxy has no option for it.
  (outgoing as ClientRequest & { maxHeaderSize: number }).maxHeaderSize = maxHeaderSize;
}

/** One request in http-proxy: the "client request" and "body" that it reads, and our handle on it. */
export class HttpProxyCall implements UpstreamCall {
  // What http-proxy reads of a client's request.
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string> = {};
  readonly socket = { destroyed: false };

  readonly #request: UpstreamRequest;
  readonly #handler: UpstreamHandler;
  readonly #options: TransportOptions;
  #outgoing: ClientRequest | undefined;
  #response: IncomingMessage | undefined;
  #timer: NodeJS.Timeout | undefined;
  #connected = false;
  #sent = false;
  #stopped = false;
  #over = false;

  constructor(request: UpstreamRequest, handler: UpstreamHandler, options: TransportOptions) {
    this.method = request.method;
    this.url = request.path;
    this.#request = request;
    this.#handler = handler;
    this.#options = options;
  }

  /** http-proxy listens for the end of the client's request: `abort` does that. */
  on(): this {
    return this;
  }

  /** http-proxy's `buffer` option: called in place of piping the client's request, with the request just made. */
  pipe(outgoing: ClientRequest): void {
    this.#outgoing = outgoing;
    const { body, headers } = this.#request;
    prepare(outgoing, this.#request, this.#options.maxHeaderSize);
    setFields(outgoing, headers);
    if (body !== null && body.length < 0) outgoing.setHeader('Transfer-Encoding', 'chunked');
    const { connect } = this.#options.timeouts;
    this.#arm(connect, () => this.#fail(timeoutError('connect', 'no connection', connect)));
    outgoing.on('socket', socket => this.#onSocket(socket));
    outgoing.on('information', info => this.#onInformation(info));
    outgoing.on('close', () => this.#onClose());
    if (body === null) outgoing.end();
  }

  onResponse(response: IncomingMessage): void {
    if (this.#over) {
      response.destroy();
      return;
    }
    this.#response = response;
    const { idle } = this.#options.timeouts;
    this.#arm(idle, () => this.#fail(timeoutError('response', 'no more of the body', idle)));
    response.pause();
    response.on('data', chunk => this.#onData(chunk));
    response.on('end', () => this.#onEnd());
    response.on('error', error => this.onError(error));
    // A copy: the agent reads its own when the connection comes back.
    const fields = response.rawHeaders.slice();
    const { statusCode = 0, statusMessage = '' } = response;
    if (this.#handler.onHeaders(statusCode, statusMessage, fields)) response.resume();
    else this.#stop();
  }

  onError(error: Error): void {
    if (this.#over) return;
    if (!this.#connected && !isRefusedField(error)) {
      this.#fail(connectError(error));
      return;
    }
    this.#fail(upstreamError(error, this.#response !== undefined || this.#sent ? 'response' : 'request'));
  }

  resume(): void {
    if (!this.#stopped || this.#over) return;
    this.#stopped = false;
    this.#timer?.refresh();
    this.#response?.resume();
  }

  abort(): void {
    if (this.#over) return;
    this.#finish();
    this.#outgoing?.destroy();
  }

  #onSocket(socket: Socket): void {
    if (this.#over) return;
    if (socket.connecting) socket.once('connect', () => this.#onConnect());
    else this.#onConnect();
  }

  #onConnect(): void {
    if (this.#over) return;
    this.#connected = true;
    const { response } = this.#options.timeouts;
    const { body } = this.#request;
    this.#arm(response, () => {
      // While the client is the slow one, there is no response to wait for.
      if (!this.#sent && this.#outgoing?.writableNeedDrain === false) this.#timer?.refresh();
      else this.#fail(timeoutError('response', 'no response headers', response));
    });
    if (body === null) {
      this.#sent = true;
      return;
    }
    const outgoing = this.#outgoing!;
    outgoing.on('drain', () => body.resume());
    body.on('data', (chunk: Buffer) => {
      if (!outgoing.write(chunk)) body.pause();
    });
    body.once('end', () => {
      this.#sent = true;
      if (this.#response === undefined) this.#timer?.refresh();
      if (body.trailers.length > 0) outgoing.addTrailers(pairs(body.trailers));
      outgoing.end();
    });
    body.resume();
  }

  #onInformation(info: InformationEvent): void {
    if (!this.#over && info.statusCode !== 100) this.#handler.onInformation(info.statusCode, info.rawHeaders);
  }

  #onData(chunk: Buffer): void {
    if (this.#over) return;
    this.#timer?.refresh();
    if (!this.#handler.onData(chunk)) this.#stop();
  }

  #onEnd(): void {
    if (this.#over) return;
    const response = this.#response!;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#handler.onComplete(response.rawTrailers);
  }

  /** The connection went without a response or an error: node:http does that to a 101 nobody asked for. */
  #onClose(): void {
    if (this.#response === undefined) this.onError(new Error('bad upgrade'));
    else if (!this.#response.complete) this.onError(new Error('connection closed'));
  }

  #stop(): void {
    this.#stopped = true;
    this.#response?.pause();
  }

  #fail(error: ReturnType<typeof upstreamError>): void {
    if (this.#over) return;
    this.#finish();
    this.#outgoing?.destroy();
    this.#handler.onError(error);
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  #arm(ms: number, expire: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (ms === 0) return;
    this.#timer = setTimeout(() => {
      // A silence that we asked for is no silence.
      if (this.#stopped) this.#timer?.refresh();
      else expire();
    }, ms);
  }
}

/** node:http threw before it connected: a field or a target that it won't send. */
export function isRefusedField(error: NodeJS.ErrnoException): boolean {
  return error.code?.startsWith('ERR_') === true;
}

function pairs(fields: RawFields): [string, string][] {
  const out: [string, string][] = [];
  for (let i = 0; i < fields.length; i += 2) out.push([fields[i]!, fields[i + 1]!]);
  return out;
}
