import type { UpstreamConfig } from '../../config/types.ts';
import type { GrpcCall, GrpcHandler, GrpcRequest, GrpcUpstreams } from '../../plugin/services.ts';
import { StreamCall } from './call.ts';
import type { Library } from './connection.ts';
import { GrpcUpstream } from './upstream.ts';

const UNAVAILABLE = 14;

/**
 * gRPC calls with @grpc/grpc-js, to the endpoints of the upstreams in turn; one that takes no connection is tried last.
 * Connections are made when they are needed, and shared by calls with the same limit; the library is loaded with the
 * first call. Messages go out uncompressed.
 */
export class GrpcJsUpstreams implements GrpcUpstreams {
  readonly #upstreams: ReadonlyMap<string, GrpcUpstream>;
  readonly #calls: Set<StreamCall> = new Set();
  #library: Library | undefined;
  #loading: Promise<void> | undefined;
  #closed = false;
  readonly #onOver = (call: StreamCall): void => {
    this.#calls.delete(call);
  };

  constructor(upstreams: ReadonlyMap<string, UpstreamConfig>) {
    this.#upstreams = new Map([...upstreams].map(([name, config]) => [name, new GrpcUpstream(config)]));
  }

  open(
    upstream: string,
    request: GrpcRequest,
    maxMessage: number,
    handler: GrpcHandler,
  ): GrpcCall | undefined {
    const found = this.#upstreams.get(upstream);
    if (found === undefined) return undefined;
    const call = new StreamCall(found, request, maxMessage, handler, this.#onOver);
    this.#calls.add(call);
    if (this.#closed) queueMicrotask(() => call.shutDown());
    else if (this.#library === undefined) this.#loading ??= this.#load();
    else call.start(this.#library);
    return call;
  }

  /** Ends all calls, with CANCELLED, and all connections. */
  close(): void {
    this.#closed = true;
    for (const call of [...this.#calls]) call.shutDown();
    for (const { endpoints } of this.#upstreams.values()) {
      for (const endpoint of endpoints) endpoint.close();
    }
  }

  async #load(): Promise<void> {
    try {
      const library = await import('@grpc/grpc-js');
      if (this.#closed) return;
      this.#library = library;
      for (const call of [...this.#calls]) call.start(library);
    } catch (error) {
      this.#loading = undefined;
      const reason = `@grpc/grpc-js can't be loaded: ${error instanceof Error ? error.message : String(error)}`;
      for (const call of [...this.#calls]) call.finish(UNAVAILABLE, reason);
    }
  }
}
