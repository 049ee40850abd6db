import type { WeirConfig } from '../config/types.ts';
import { UpstreamError } from '../errors.ts';
import type { RawFields } from '../message/fields.ts';
import type { OwnCall, OwnRequest, OwnRequestHandler, Upstreams } from '../plugin/upstreams.ts';
import { cleanTrailers, removeOwnFields } from '../proxy/framing.ts';
import { type BodySource, RequestBody } from '../proxy/request-body.ts';
import { readResponseHead } from '../proxy/response-head.ts';
import type { UpstreamCall, UpstreamHandler } from '../proxy/transport.ts';
import { type Endpoint, startUpstreams, type Upstream } from '../proxy/upstream.ts';
import { timeoutError } from '../proxy/upstream-error.ts';
import { GrpcJsUpstreams } from './grpc/upstreams.ts';

/** What leads to the upstreams of a configuration. */
export interface Calls {
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly grpc: GrpcJsUpstreams;
  /** Ends all connections at once. */
  close(): Promise<void>;
}

/** Opens no connection but those of built-in endpoints. */
export async function openCalls({ upstreams: configs, server }: WeirConfig): Promise<Calls> {
  const upstreams = await startUpstreams(configs.values(), server.maxHeaderSize);
  const grpc = new GrpcJsUpstreams(configs);
  return {
    upstreams,
    grpc,
    close: async () => {
      grpc.close();
      await Promise.all([...upstreams.values()].map(upstream => upstream.close()));
    },
  };
}

/** The upstreams of a proxy, for filters' own requests. */
export class ProxyUpstreams implements Upstreams {
  readonly #upstreams: ReadonlyMap<string, Upstream>;

  constructor(upstreams: ReadonlyMap<string, Upstream>) {
    this.#upstreams = upstreams;
  }

  find(authority: string, granted: readonly string[]): string | undefined {
    const wanted = authority.includes(':') ? authority : `${authority}:80`;
    return granted.find(name => {
      if (name.toLowerCase() === authority) return true;
      const endpoints = this.#upstreams.get(name)?.config.endpoints ?? [];
      return endpoints.some(({ kind, host, port }) => kind === 'http' && hostPort(host, port) === wanted);
    });
  }

  send(upstream: string, request: OwnRequest, handler: OwnRequestHandler): OwnCall {
    return new UpstreamRequestCall(this.#upstreams.get(upstream), request, handler);
  }
}

function hostPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host.toLowerCase()}:${port}`;
}

/** One request of a filter's, over the upstream's transport; another endpoint is tried when one refuses. */
class UpstreamRequestCall implements OwnCall, UpstreamHandler, BodySource {
  readonly #upstream: Upstream | undefined;
  readonly #request: OwnRequest;
  readonly #handler: OwnRequestHandler;
  readonly #body: RequestBody | null;
  readonly #headers: RawFields;
  readonly #tried: Endpoint[] = [];
  #endpoint: Endpoint | undefined;
  #call: UpstreamCall | undefined;
  #timer: NodeJS.Timeout | undefined;
  #paused = false;
  #bodyless = false;
  #over = false;
  full = false;

  constructor(upstream: Upstream | undefined, request: OwnRequest, handler: OwnRequestHandler) {
    this.#upstream = upstream;
    this.#request = request;
    this.#handler = handler;
    const { headers, length, authority } = request;
    removeOwnFields(headers);
    if (length > 0) headers.push('Content-Length', String(length));
    headers.push('Host', authority);
    this.#headers = headers;
    this.#body = length === 0 ? null : new RequestBody(length, this);
    const { connect = 0, firstByte } = request.timeouts;
    if (firstByte !== undefined) this.#arm(connect + firstByte, 'no response headers');
    this.#try();
  }

  write(chunk: Buffer): void {
    if (this.#body?.write(chunk) === false) this.full = true;
  }

  end(trailers: RawFields): void {
    this.#body?.end(cleanTrailers(trailers.slice()));
  }

  pause(paused: boolean): void {
    this.#paused = paused;
    if (!paused) this.#call?.resume();
  }

  abort(): void {
    if (this.#over) return;
    this.#finish();
    this.#call?.abort();
  }

  bodyWanted(): void {
    if (!this.full) return;
    this.full = false;
    this.#handler.onDrain();
  }

  // UpstreamHandler

  onInformation(): void {}

  onHeaders(status: number, _text: string, raw: RawFields): boolean {
    const head = readResponseHead(raw);
    if (head === undefined || status < 200) {
      this.#fail(new UpstreamError('UPSTREAM_PROTOCOL', 'response', 'ambiguous framing'));
      return true;
    }
    this.#bodyless = this.#request.method === 'HEAD';
    this.#betweenBytes();
    this.#handler.onHeaders(status, raw);
    return this.#bodyless || !this.#paused;
  }

  onData(chunk: Buffer): boolean {
    if (this.#over || this.#bodyless) return true;
    this.#betweenBytes();
    this.#handler.onData(chunk);
    return !this.#paused;
  }

  onComplete(trailers: RawFields): void {
    if (this.#over) return;
    this.#finish();
    this.#handler.onEnd(cleanTrailers(trailers));
  }

  onError(error: UpstreamError): void {
    if (this.#over) return;
    if (error.phase === 'connect' && this.#endpoint !== undefined) {
      this.#upstream!.refused(this.#endpoint);
      this.#tried.push(this.#endpoint);
      this.#body?.removeAllListeners();
      if (this.#try()) return;
    }
    this.#fail(error);
  }

  /** False: no endpoint is left. Without any, that is said later: never before `send` has returned. */
  #try(): boolean {
    const endpoint = this.#upstream?.pick(this.#tried.length === 0 ? undefined : this.#tried);
    if (endpoint === undefined) {
      if (this.#endpoint === undefined) {
        const error = new UpstreamError('UPSTREAM_CONNECT', 'connect', 'no endpoint');
        queueMicrotask(() => this.#fail(error));
      }
      return false;
    }
    this.#endpoint = endpoint;
    const { method, path } = this.#request;
    const request = { method, path, headers: this.#headers.slice(), upgrade: '', body: this.#body };
    this.#call = endpoint.transport.dispatch(request, this);
    return true;
  }

  #betweenBytes(): void {
    const { betweenBytes } = this.#request.timeouts;
    clearTimeout(this.#timer);
    if (betweenBytes !== undefined) this.#arm(betweenBytes, 'no more of the body');
  }

  #arm(ms: number, what: string): void {
    this.#timer = setTimeout(() => {
      // A silence that we asked for is no silence.
      if (this.#paused) this.#timer?.refresh();
      else {
        this.#call?.abort();
        this.#fail(timeoutError('response', what, ms));
      }
    }, ms);
  }

  #fail(error: UpstreamError): void {
    if (this.#over) return;
    this.#finish();
    this.#call?.abort();
    this.#handler.onError(error);
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#body?.destroy();
  }
}
