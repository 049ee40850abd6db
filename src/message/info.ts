/** Facts about the connection a request came on; strings are empty and numbers 0 where unknown. */
export interface ConnectionInfo {
  /** Unique within the process. */
  readonly id: number;
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly destinationAddress: string;
  readonly destinationPort: number;
  /** For example `TLSv1.3`; empty without TLS. */
  readonly tlsVersion: string;
  /** TLS SNI; empty without. */
  readonly requestedServerName: string;
}

/** Where a request was sent; undefined until it is. */
export interface UpstreamInfo {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** What is known of an exchange beyond its messages: the source of most properties. */
export interface ExchangeInfo {
  readonly connection: ConnectionInfo;
  /** `HTTP/1.0` or `HTTP/1.1`. */
  readonly protocol: string;
  /** Milliseconds since the epoch, when the request's head had arrived. */
  readonly startTime: number;
  readonly routeName: string;
  readonly upstream: UpstreamInfo | undefined;
  /** Body bytes received so far from the client, and from the upstream (or sent as a local response). */
  readonly requestSize: number;
  readonly responseSize: number;
}
