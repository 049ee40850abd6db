import type { Duplex } from 'node:stream';
import type { UpstreamError } from '../errors.ts';
import type { RawFields } from '../message/fields.ts';
import type { RequestBody } from './request-body.ts';

/** One HTTP/1.1 request as it goes out: nothing in it is changed on the way. */
export interface UpstreamRequest {
  readonly method: string;
  /** Request target, starting with `/`, or `*`. */
  readonly path: string;
  /**
   * Final fields, with exactly one Host. Content-Length stands here when `body.length` is known. Never Connection,
   * Transfer-Encoding or Upgrade: those are the transport's.
   */
  readonly headers: RawFields;
  /** The protocol that an Upgrade asks for, as in `Upgrade: websocket`; empty in an ordinary request. */
  readonly upgrade: string;
  /** Null: no body follows. */
  readonly body: RequestBody | null;
}

/** What an upstream answers with, in order: information*, headers, data*, then complete or error, exactly one. */
export interface UpstreamHandler {
  /** A 1xx other than 100 and 101. */
  onInformation(status: number, headers: RawFields): void;
  /** False: stop until `UpstreamCall.resume()`. The fields are as they came; the handler may change the list. */
  onHeaders(status: number, statusText: string, headers: RawFields): boolean;
  /** False: stop until `UpstreamCall.resume()`. The chunk is the handler's to keep. */
  onData(chunk: Buffer): boolean;
  onComplete(trailers: RawFields): void;
  /** After this nothing more comes. `error.phase` says how far it got. */
  onError(error: UpstreamError): void;
}

/** What an upstream answers an Upgrade with: `onUpgrade`, or anything an ordinary request can get. */
export interface UpgradeHandler extends UpstreamHandler {
  /** 101: nothing but `tunnel` follows. It holds what comes until it is read. */
  onUpgrade(headers: RawFields, tunnel: Duplex): void;
}

/** A request under way. */
export interface UpstreamCall {
  /** Goes on after `onHeaders` or `onData` returned false. */
  resume(): void;
  /** Ends it at once; the handler hears nothing more. */
  abort(): void;
}

/** How requests get to one endpoint. A handler is never called before `dispatch` or `upgrade` returns. */
export interface Transport {
  dispatch(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall;
  /** A WebSocket handshake: a GET whose Connection and Upgrade the transport adds. */
  upgrade(request: UpstreamRequest, handler: UpgradeHandler): UpstreamCall;
  /** Ends every connection; calls under way get `onError`. */
  close(): Promise<void>;
}

/** What a transport must know of the endpoint it connects to. */
export interface TransportOptions {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** Most connections open at once; further requests wait for one. */
  readonly connections: number;
  /** All in milliseconds; 0 switches one off. */
  readonly timeouts: { readonly connect: number; readonly response: number; readonly idle: number };
  /** Most bytes of a response's head. */
  readonly maxHeaderSize: number;
}
