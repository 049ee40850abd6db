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
  /** Undefined without TLS. */
  readonly certificates?: Certificates | undefined;
}

/** The certificates of a TLS connection. */
export interface Certificates {
  /** The client's was asked for, and is valid. */
  readonly verified: boolean;
  readonly local: Certificate | undefined;
  readonly peer: Certificate | undefined;
}

/** What filters may read of a certificate; strings are empty where it says nothing. */
export interface Certificate {
  /** RFC 2253, for example `CN=client,O=example`. */
  readonly subject: string;
  /** First DNS name and first URI of its subject alternative names. */
  readonly dnsName: string;
  readonly uri: string;
  /** In lower-case hex. */
  readonly sha256: string;
  readonly pem: string;
}

/** Where a request was sent; undefined until it is. */
export interface UpstreamInfo {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** What the operator says about a route or an upstream: values by namespace and key, for filters to read. */
export type Metadata = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;

/** Where the route that a request takes leads: known before it is sent. */
export interface TargetInfo {
  readonly routeMetadata: Metadata | undefined;
  readonly upstream: string;
  readonly upstreamMetadata: Metadata | undefined;
  /** Addresses of the upstream. */
  readonly endpoints: number;
}

/** How an upstream was asked. */
export interface UpstreamTries {
  readonly count: number;
  /** What the last one failed of; an UpstreamError. */
  readonly failure: { readonly code: string; readonly message: string } | undefined;
  /** ms from the first byte sent to the last one received; undefined until then. */
  readonly latency: number | undefined;
}

/** What is known of an exchange beyond its messages: the source of most properties. */
export interface ExchangeInfo {
  readonly connection: ConnectionInfo;
  /** `HTTP/1.0` or `HTTP/1.1`. */
  readonly protocol: string;
  /** Milliseconds since the epoch, when the request's head had arrived. */
  readonly startTime: number;
  readonly routeName: string;
  /** Undefined where there are no routes. */
  readonly target?: TargetInfo | undefined;
  readonly upstream: UpstreamInfo | undefined;
  /** Body bytes received so far from the client, and from the upstream (or sent as a local response). */
  readonly requestSize: number;
  readonly responseSize: number;
  /** Of the response that went out, also of one that no filter saw; 0 or undefined: none did. */
  readonly responseStatus?: number;
  /** Undefined before the first. */
  readonly tries?: UpstreamTries | undefined;
  /** The client's connection went before the response was out. */
  readonly clientGone?: boolean;
}

/** What is known of a TCP connection and where it goes: the source of its properties. */
export interface TcpInfo {
  readonly connection: ConnectionInfo;
  readonly target: TargetInfo;
  /** Undefined until it is connected. */
  readonly upstream: UpstreamInfo | undefined;
}
