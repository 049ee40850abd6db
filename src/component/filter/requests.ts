import type { Host } from '../../abi/host.ts';
import { isGrpcName } from '../../abi/hostcalls/grpc-calls.ts';
import { requestHeaders, TIMEOUT_MAX, UPSTREAM_MAX_BYTES } from '../../abi/hostcalls/http-calls.ts';
import { Status } from '../../abi/types.ts';
import { FieldsDraft } from './drafts.ts';
import { BAD_ARGUMENT, DENIED, LIMIT_REACHED, NOT_FOUND, OK } from './types.ts';

/** In place of a part of a request that is too long to be one: nothing may be called so. */
export const NO_PART = '\n';

/** Ids are 1 to 2^32-1: what has none is an index into SERVICE_ERRORS, inverted. */
export const errorOf = (noId: number): number => ~noId;

/** Whether a message or body of that length may be held: to be asked before it is copied. */
export function canHoldBody(host: Host, length: number): boolean {
  if (length <= host.limits.bufferedBody) return true;
  host.hit('bufferedBody');
  return false;
}

const isUpstream = (bytes: number): boolean => bytes > 0 && bytes <= UPSTREAM_MAX_BYTES;

/** `weir:filter/http-calls.http-request`: a request in the making. */
export class HttpRequestDraft {
  readonly headers = new FieldsDraft();
  readonly trailers = new FieldsDraft();
  body: Buffer = Buffer.alloc(0);
  readonly #upstream: string;
  readonly #pseudo: readonly string[];
  #timeout = 0;

  /** `pseudo`: `:method`, `:path` and `:authority`, latin1 strings. */
  constructor(upstream: string, method: string, path: string, authority: string) {
    this.#upstream = upstream;
    this.#pseudo = [':method', method, ':path', path, ':authority', authority];
  }

  /** ms. */
  setTimeout(timeout: number): number {
    if (timeout > TIMEOUT_MAX) return BAD_ARGUMENT;
    this.#timeout = timeout;
    return OK;
  }

  /** The id of the call, or what `errorOf` takes. */
  send(host: Host): number {
    const upstream = this.#upstream;
    if (!isUpstream(Buffer.byteLength(upstream))) return ~BAD_ARGUMENT;
    const pairs = [...this.#pseudo, ...this.headers.raw];
    const headers = requestHeaders(pairs);
    if (headers === undefined) return ~BAD_ARGUMENT;
    const id = host.httpCall({
      upstream,
      headers,
      body: this.body,
      trailers: this.trailers.raw,
      timeout: this.#timeout,
    });
    if (id > 0) return id;
    if (-id === Status.INTERNAL_FAILURE) return ~LIMIT_REACHED;
    return host.mayCall(upstream) ? ~BAD_ARGUMENT : ~DENIED;
  }
}

/** `weir:filter/grpc-calls.grpc-request`: a call in the making. */
export class GrpcRequestDraft {
  readonly metadata = new FieldsDraft();
  readonly #upstream: string;
  readonly #service: string;
  readonly #method: string;
  #timeout = 0;

  constructor(upstream: string, service: string, method: string) {
    this.#upstream = upstream;
    this.#service = service;
    this.#method = method;
  }

  /** ms. */
  setTimeout(timeout: number): number {
    if (timeout > TIMEOUT_MAX) return BAD_ARGUMENT;
    this.#timeout = timeout;
    return OK;
  }

  /** `message` undefined: a stream. The id of the call, or what `errorOf` takes. */
  send(host: Host, message: Buffer | undefined): number {
    const upstream = Buffer.from(this.#upstream);
    if (!isUpstream(upstream.length)) return ~BAD_ARGUMENT;
    const [service, method, timeout] = [this.#service, this.#method, this.#timeout];
    if (!isGrpcName(service) || !isGrpcName(method)) return ~BAD_ARGUMENT;
    const id = host.grpcCall({ upstream, service, method, metadata: this.metadata.raw, message, timeout });
    if (id > 0) return id;
    if (-id === Status.INTERNAL_FAILURE) return ~LIMIT_REACHED;
    return host.mayCall(this.#upstream) ? ~NOT_FOUND : ~DENIED;
  }
}
