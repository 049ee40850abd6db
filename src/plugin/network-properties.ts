import type {
  Certificate,
  ConnectionInfo,
  TargetInfo,
  UpstreamInfo,
  UpstreamTries,
} from '../message/info.ts';
import { metadata, type PropertyValue, present, utf8 } from './property-values.ts';

/** What is known of where a stream comes from and goes to. */
export interface NetworkInfo {
  readonly connection: ConnectionInfo;
  readonly target?: TargetInfo | undefined;
  readonly upstream: UpstreamInfo | undefined;
  readonly tries?: UpstreamTries | undefined;
  readonly routeName?: string;
}

/** `connection`, `source`, `destination`, `upstream`, `xds` and what has a name of its own; undefined: none of them. */
export function networkProperty(
  info: NetworkInfo,
  first: string,
  second: string,
  more: readonly string[],
): PropertyValue {
  switch (first) {
    case 'connection':
      return connection(info.connection, second);
    case 'connection_id':
      return info.connection.id;
    case 'source':
      return peer(second, info.connection.sourceAddress, info.connection.sourcePort);
    case 'destination':
      return peer(second, info.connection.destinationAddress, info.connection.destinationPort);
    case 'upstream':
      return upstream(info, second);
    case 'xds':
      return routing(info, second, more[0] ?? '', more.slice(1));
    default:
      return routing(info, first, second, more);
  }
}

function routing(info: NetworkInfo, name: string, kind: string, path: readonly string[]): PropertyValue {
  switch (name) {
    case 'cluster_metadata':
      return metadata(info.target?.upstreamMetadata, kind, path);
    case 'route_metadata':
      return metadata(info.target?.routeMetadata, kind, path);
    case 'cluster_name': {
      // Where the route leads, before an endpoint is chosen: as Envoy.
      const upstreamName = info.upstream?.name ?? info.target?.upstream;
      return upstreamName === undefined ? undefined : utf8(upstreamName);
    }
    case 'route_name':
      return info.routeName === undefined ? undefined : utf8(info.routeName);
    default:
      return undefined;
  }
}

function connection(of: ConnectionInfo, name: string): PropertyValue {
  switch (name) {
    case 'id':
      return of.id;
    case 'mtls':
      return of.certificates?.verified === true;
    case 'tls_version':
      return present(of.tlsVersion);
    case 'requested_server_name':
      return present(of.requestedServerName);
    case 'subject_local_certificate':
    case 'dns_san_local_certificate':
    case 'uri_san_local_certificate':
      return certificate(of.certificates?.local, name);
    default:
      return certificate(of.certificates?.peer, name);
  }
}

function certificate(of: Certificate | undefined, name: string): PropertyValue {
  switch (name) {
    case 'subject_local_certificate':
    case 'subject_peer_certificate':
      return of && present(of.subject);
    case 'dns_san_local_certificate':
    case 'dns_san_peer_certificate':
      return of && present(of.dnsName);
    case 'uri_san_local_certificate':
    case 'uri_san_peer_certificate':
      return of && present(of.uri);
    case 'sha256_peer_certificate_digest':
      return of && present(of.sha256);
    case 'peer_certificate':
      return of && encodeURIComponent(of.pem);
    default:
      return undefined;
  }
}

/** `address:port`, as Envoy writes addresses; IPv6 in brackets. */
function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function peer(name: string, address: string, port: number): PropertyValue {
  if (name === 'address') return endpoint(address, port);
  return name === 'port' ? port : undefined;
}

function upstream({ upstream: of, target, tries }: NetworkInfo, name: string): PropertyValue {
  switch (name) {
    case 'num_endpoints':
      return target?.endpoints;
    case 'request_attempt_count':
      return target && (tries?.count ?? (of === undefined ? 0 : 1));
    case 'transport_failure_reason':
      return tries && utf8(tries.failure?.message ?? '');
    default:
      return of && peer(name, of.address, of.port);
  }
}
