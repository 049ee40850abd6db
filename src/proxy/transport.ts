import type { UpstreamError } from '../errors.ts';
import type { RawFields } from '../message/fields.ts';

/** One HTTP/1.1 request as it goes out: nothing in it is changed on the way. */
export interface UpstreamRequest {
  readonly method: string;
  /** Request target, starting with `/`, or `*`. */
  readonly path: string;
  /** Final fields, Host first. Never Connection or Transfer-Encoding: those are the transport's. */
  readonly headers: RawFields;
  /** Null: no body follows. */
  readonly body: RequestBody | null;
}

/** What an upstream answers with, in order: information*, headers, data*, then complete or error, exactly one. */
export interface UpstreamHandler {
  /** A 1xx other than 100 and 101. */
  onInformation(status: number, headers: RawFields): void;
  onHeaders(status: number, statusText: string, headers: RawFields): void;
  /** False: stop until `UpstreamCall.resume()`. */
  onData(chunk: Buffer): boolean;
  onComplete(trailers: RawFields): void;
  /** After this nothing more comes. `error.phase` says how far it got. */
  onError(error: UpstreamError): void;
}

/** A request under way. */
export interface UpstreamCall {
  /** Goes on after `onData` returned false. */
  resume(): void;
  /** Ends it at once; the handler hears nothing more. */
  abort(): void;
}

/** A request body being sent. The exchange writes, the transport reads. */
export interface RequestBody {
  /** Exact length in bytes, or -1: chunked. */
  readonly length: number;
  /** True once any byte was handed to the transport: the request can't be sent elsewhere any more. */
  readonly started: boolean;
}
