import type { PeerType } from '../abi/types.ts';
import type { TcpInfo } from '../message/info.ts';
import type { Side } from '../plugin/tcp.ts';

export { PeerType } from '../abi/types.ts';
export { DOWNSTREAM, type Side, UPSTREAM } from '../plugin/tcp.ts';

/**
 * The two connections that a TCP chain stands between: the proxy implements it. Nothing is called after `close`, `fail`
 * or `finish()`, and nothing of it calls the stream before it returns.
 */
export interface TcpExchange extends TcpInfo {
  /** The new connection passed every filter: the upstream may be connected. Called once. */
  connect(): void;
  /** Another upstream is to be connected. False: it is too late for that, or there is none of that name. */
  connectTo(upstream: string): boolean;
  /** Data that came from there passed every filter. Never an empty chunk unless `endOfStream`. */
  send(from: Side, chunk: Buffer, endOfStream: boolean): void;
  /** True: filters hold all they may of what comes from there, stop reading it. False: go on. */
  pause(from: Side, paused: boolean): void;
  /** A filter asked for it: what was sent goes out, then both connections end. */
  close(reason: string): void;
  /** The stream can't go on: both connections are reset. */
  fail(failure: TcpFailure): void;
}

/** Why a stream can't go on. */
export interface TcpFailure {
  /** Name of the filter at fault. */
  readonly filter: string;
  readonly details: string;
}

/** One TCP stream in a chain: the exchange calls `on…` as things arrive. */
export interface TcpFilterStream {
  onNewConnection(): void;
  /** A chunk may be empty only with `endOfStream`, which comes once. Ownership passes to the chain. */
  onData(from: Side, chunk: Buffer, endOfStream: boolean): void;
  /** That connection is closed; once for each that stood. Without the client nothing is sent any more. */
  onClose(side: Side, by: PeerType): void;
  /** The stream is over: done, log and delete for each context. Calls after the first do nothing. */
  finish(): void;
}

/** Filters in order, ready to run on TCP streams. */
export interface TcpFilterChain {
  /** Names of its filters, in the order of what comes from downstream. */
  readonly filters: readonly string[];
  /** True without filters: the exchange needs no stream at all. */
  readonly empty: boolean;
  /** By side: false: no filter looks at what comes from there; it may pass by the chain untouched once connected. */
  readonly looksAt: readonly [downstream: boolean, upstream: boolean];
  open(exchange: TcpExchange): TcpFilterStream;
}

/** The chain of a TCP listener, which may have to be loaded before it can run. */
export interface TcpChainSource {
  readonly filters: readonly string[];
  /** At once when its filters are loaded. Never rejects: streams of a filter that can't be loaded fail in the chain. */
  ready(): TcpFilterChain | Promise<TcpFilterChain>;
}
