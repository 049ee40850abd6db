import type { PeerType } from '../abi/types.ts';
import type { HostState } from '../errors.ts';
import type { BodyBuffer } from '../message/body.ts';
import type { TcpInfo } from '../message/info.ts';

/** The two ends of a TCP stream, and what comes from them: index into pairs. */
export const DOWNSTREAM = 0;
export const UPSTREAM = 1;
export type Side = typeof DOWNSTREAM | typeof UPSTREAM;

/** Which callbacks of a TCP stream a filter has: known from its exports, when it is loaded. */
export interface TcpPhases {
  readonly newConnection: boolean;
  readonly downstreamData: boolean;
  readonly downstreamClose: boolean;
  readonly upstreamData: boolean;
  readonly upstreamClose: boolean;
}

/** What a filter's context may ask of the TCP stream it belongs to: the chain implements it. */
export interface TcpStream {
  readonly info: TcpInfo;
  /** What filters set with proxy_set_property, by path. */
  readonly properties: Map<string, Buffer>;

  /** It goes to that upstream instead. False: too late, or there is none of that name. */
  connectTo(upstream: string): boolean;

  /** These take effect when the guest has returned. */
  resume(context: TcpFilterContext, from: Side): void;
  /** Both connections: without one the other is of no use. */
  close(context: TcpFilterContext): void;
  /** The context's VM died: what is stopped in it will never be resumed. `hostState`: as of the GuestError. */
  died(context: TcpFilterContext, reason: string, hostState?: HostState): void;
}

/**
 * One filter on one TCP stream. Callbacks throw GuestError when the guest fails; the context is then of no further use
 * but for `finish`.
 */
export interface TcpFilterContext {
  /** Name of the filter. */
  readonly name: string;
  /** False: the connection waits here. */
  onNewConnection(): boolean;
  /** `data` is all that this filter holds, the new chunk included; it may change it. False: it waits here. */
  onData(from: Side, data: BodyBuffer, endOfStream: boolean): boolean;
  /** What it had stopped goes on: the buffer is closed to it. */
  onResume(from: Side): void;
  /** That connection is closed, by whom. */
  onClose(side: Side, by: PeerType): void;
  /** The stream is over: done, log, delete. Never throws. */
  finish(): void;
}
