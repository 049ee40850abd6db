import type { UpstreamError } from '../errors.ts';
import type { RawFields } from '../message/fields.ts';

/** A request that a filter makes on its own, to an upstream it was granted. */
export interface OwnRequest {
  readonly method: string;
  /** Request target. */
  readonly path: string;
  /** What Host says. */
  readonly authority: string;
  /** Without hop-by-hop fields, Host and Content-Length; the receiver's to keep. */
  readonly headers: RawFields;
  /** Bytes of the body; 0 none, -1 not known. */
  readonly length: number;
  /**
   * In ms; undefined: as the upstream's configuration says, which is also the longest. Connecting has no limit of its own:
   * `connect` is added to `firstByte`.
   */
  readonly timeouts: {
    readonly connect: number | undefined;
    readonly firstByte: number | undefined;
    readonly betweenBytes: number | undefined;
  };
}

/** What comes of it, in order: headers, data*, then end or error, exactly one. Never called before `send` returns. */
export interface OwnRequestHandler {
  onHeaders(status: number, headers: RawFields): void;
  onData(chunk: Buffer): void;
  onEnd(trailers: RawFields): void;
  onError(error: UpstreamError): void;
  /** What was written has gone. */
  onDrain(): void;
}

/** Such a request under way. */
export interface OwnCall {
  /** What is written would only pile up. */
  readonly full: boolean;
  write(chunk: Buffer): void;
  end(trailers: RawFields): void;
  /** True: no more of the response for now. */
  pause(paused: boolean): void;
  /** Nothing is heard of it any more. */
  abort(): void;
}

/** The upstreams of a configuration, for filters that send requests of their own: the runtime has them. */
export interface Upstreams {
  /** Which of `granted` that authority is: its name, or host and port of one of its endpoints. */
  find(authority: string, granted: readonly string[]): string | undefined;
  send(upstream: string, request: OwnRequest, handler: OwnRequestHandler): OwnCall;
}
