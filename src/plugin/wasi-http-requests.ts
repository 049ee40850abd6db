import { type ErrorCode, errorCodeOf } from '../component/http/error-code.ts';
import { PendingResponse } from '../component/http/incoming.ts';
import { Inflow } from '../component/http/inflow.ts';
import type { Outflow, OutflowTarget } from '../component/http/outflow.ts';
import type { OutgoingRequest, RequestOptions } from '../component/http/outgoing.ts';
import { nameOf } from '../component/http/variants.ts';
import type { UpstreamError } from '../errors.ts';
import type { RawFields } from '../message/fields.ts';
import type { OwnCall, OwnRequest, OwnRequestHandler, Upstreams } from './upstreams.ts';
import type { WasiHttpPlugin } from './wasi-http-plugin.ts';

/** Requests to granted upstreams that one handler may have under way. */
export const OWN_REQUESTS_MAX = 16;

const DENIED: ErrorCode = { tag: 'HTTP-request-denied' };
const NANOSECONDS = 1_000_000n;

/** The requests of one handler that don't go down the chain: to upstreams that its filter was granted. */
export class OwnRequests {
  readonly #plugin: WasiHttpPlugin;
  readonly #moved: (bytes: number) => void;
  readonly #calls = new Set<OwnRequestCall>();

  constructor(plugin: WasiHttpPlugin, moved: (bytes: number) => void) {
    this.#plugin = plugin;
    this.#moved = moved;
  }

  /** One of them waits for its upstream. */
  get waits(): boolean {
    for (const call of this.#calls) if (call.waits) return true;
    return false;
  }

  /** That authority is an upstream's that the filter was granted. */
  grants(authority: string): boolean {
    return this.#find(authority) !== undefined;
  }

  /** Throws ErrorCode. */
  refuse(what: string, remedy: string): never {
    this.#plugin.state.denied(what, remedy);
    throw DENIED;
  }

  /** Throws ErrorCode. */
  send(request: OutgoingRequest, authority: string, options: RequestOptions | undefined): PendingResponse {
    const { upstreams } = this.#plugin;
    const upstream = this.#find(authority);
    if (upstreams === undefined || upstream === undefined) {
      const remedy = `capabilities: {upstreams: [NAME]}, of an upstream with the endpoint ${authority},`;
      this.refuse(`a request to ${authority}`, remedy);
    }
    if (this.#calls.size >= OWN_REQUESTS_MAX) throw { tag: 'connection-limit-reached' } satisfies ErrorCode;
    const { outflow, raw, target } = request;
    const own: OwnRequest = {
      method: nameOf(request.method()),
      path: target,
      authority,
      headers: raw,
      length: outflow?.length ?? 0,
      timeouts: {
        connect: milliseconds(options?.connectTimeout()),
        firstByte: milliseconds(options?.firstByteTimeout()),
        betweenBytes: milliseconds(options?.betweenBytesTimeout()),
      },
    };
    const call = new OwnRequestCall(this.#plugin.bufferedBody, outflow, {
      moved: this.#moved,
      over: () => this.#calls.delete(call),
    });
    this.#calls.add(call);
    queueMicrotask(() => call.start(upstreams, upstream, own));
    return call.pending;
  }

  #find(authority: string): string | undefined {
    const { upstreams, options } = this.#plugin;
    return upstreams?.find(authority.toLowerCase(), options.capabilities.upstreams);
  }

  /** The guest is no more. */
  abort(): void {
    for (const call of [...this.#calls]) call.abort();
  }
}

interface CallOwner {
  moved(bytes: number): void;
  over(): void;
}

class OwnRequestCall implements OwnRequestHandler, OutflowTarget {
  readonly pending = new PendingResponse();
  readonly #limit: number;
  readonly #outflow: Outflow | undefined;
  readonly #owner: CallOwner;
  #call: OwnCall | undefined;
  #inflow: Inflow | undefined;
  #over = false;

  constructor(limit: number, outflow: Outflow | undefined, owner: CallOwner) {
    this.#limit = limit;
    this.#outflow = outflow;
    this.#owner = owner;
  }

  get waits(): boolean {
    return !this.pending.settled || this.#inflow?.starved === true || this.#outflow?.stuck === true;
  }

  start(upstreams: Upstreams, upstream: string, request: OwnRequest): void {
    if (this.#over) return;
    this.#call = upstreams.send(upstream, request, this);
    this.#outflow?.attach(this);
  }

  abort(): void {
    this.#call?.abort();
    this.#end({ tag: 'connection-terminated' });
  }

  // OwnRequestHandler

  onHeaders(status: number, headers: RawFields): void {
    const source = {
      pause: (paused: boolean) => this.#call?.pause(paused),
      drop: () => this.abort(),
    };
    this.#inflow = new Inflow(this.#limit, source, true);
    this.pending.came(status, headers, this.#inflow);
    this.#owner.moved(0);
  }

  onData(chunk: Buffer): void {
    this.#inflow?.push(chunk);
    this.#owner.moved(chunk.length);
  }

  onEnd(trailers: RawFields): void {
    this.#inflow?.end(trailers);
    this.#over = true;
    this.#owner.over();
    this.#outflow?.fail();
  }

  onError(error: UpstreamError): void {
    this.#end(errorCodeOf(error, this.#inflow !== undefined));
  }

  onDrain(): void {
    this.#outflow?.drain();
  }

  // OutflowTarget

  full(): boolean {
    return this.#call?.full === true;
  }

  data(chunk: Buffer, end: boolean): void {
    this.#owner.moved(chunk.length);
    if (chunk.length > 0) this.#call?.write(chunk);
    if (end) this.#call?.end([]);
  }

  trailers(trailers: RawFields): void {
    this.#call?.end(trailers);
  }

  broken(reason: string): void {
    this.#call?.abort();
    this.#end({ tag: 'internal-error', val: reason });
  }

  #end(code: ErrorCode): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.over();
    this.pending.fail(code);
    this.#inflow?.fail(code);
    this.#outflow?.fail(code);
  }
}

function milliseconds(nanoseconds: bigint | undefined): number | undefined {
  if (nanoseconds === undefined) return undefined;
  const ms = nanoseconds / NANOSECONDS + 1n;
  return ms < 0x7fffffffn ? Number(ms) : 0x7fffffff;
}
