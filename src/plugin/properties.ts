import { pairsToBytes } from '../abi/pairs.ts';
import type { FieldMap } from '../message/fields.ts';
import type { Metadata } from '../message/info.ts';
import type { TcpStream } from './tcp.ts';
import type { HttpStream } from './types.ts';

/** What a filter is called. */
export interface PluginIdentity {
  readonly name: string;
  readonly rootId: string;
  readonly vmId: string;
}

/** A property before it has its binary form (specification, "Properties"; Envoy, "Attributes"). */
type Value = string | number | bigint | boolean | FieldMap | Buffer | undefined;

const NANOSECONDS_PER_MILLISECOND = 1_000_000n;
/** Envoy's value for a listener that takes requests from clients. */
const INBOUND = 1;

/** Milliseconds to nanoseconds, as a duration or timestamp. */
function nanoseconds(milliseconds: number): bigint {
  return (BigInt(Math.round(milliseconds * 1000)) * NANOSECONDS_PER_MILLISECOND) / 1000n;
}

/** Names from the configuration: unlike what comes from HTTP they are not one byte a character. */
function utf8(text: string): Buffer {
  return Buffer.from(text);
}

/**
 * Strings are their bytes, numbers 8 bytes little-endian, booleans one byte, maps serialized pairs, timestamps and
 * durations nanoseconds as numbers.
 */
function encode(value: Value): Uint8Array | undefined {
  switch (typeof value) {
    case 'string':
      return Buffer.from(value, 'latin1');
    case 'boolean':
      return Buffer.from([value ? 1 : 0]);
    case 'number':
    case 'bigint': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(value));
      return bytes;
    }
    case 'object':
      return Buffer.isBuffer(value) ? value : pairsToBytes(value.pairs());
    default:
      return undefined;
  }
}

/** Bytes of a header section as HTTP/1 writes it: name, colon, space, value, CRLF. */
function fieldsSize(fields: FieldMap | undefined): number {
  let size = 0;
  for (const text of fields?.raw ?? []) size += text.length + 2;
  return size;
}

function plugin(identity: PluginIdentity, name: string): Value {
  switch (name) {
    case 'plugin_name':
      return utf8(identity.name);
    case 'plugin_root_id':
      return utf8(identity.rootId);
    case 'plugin_vm_id':
      return utf8(identity.vmId);
    case 'listener_direction':
      return INBOUND;
    default:
      return undefined;
  }
}

function request(stream: HttpStream, name: string, rest: string): Value {
  const { requestHeaders: headers, info } = stream;
  switch (name) {
    case 'headers':
      return rest === '' ? headers : headers.get(rest.toLowerCase());
    case 'path':
      return headers.path;
    case 'url_path':
      return headers.path.split('?', 1)[0];
    case 'query': {
      const mark = headers.path.indexOf('?');
      return mark < 0 ? '' : headers.path.slice(mark + 1);
    }
    case 'host':
      return headers.authority;
    case 'scheme':
      return headers.scheme;
    case 'method':
      return headers.method;
    case 'referer':
      return headers.get('referer');
    case 'useragent':
      return headers.get('user-agent');
    case 'id':
      return headers.get('x-request-id');
    case 'protocol':
      return info.protocol;
    case 'time':
      return nanoseconds(info.startTime);
    case 'duration':
      return nanoseconds(Math.max(0, Date.now() - info.startTime));
    case 'size':
      return info.requestSize;
    case 'total_size':
      return info.requestSize + fieldsSize(headers) + fieldsSize(stream.requestTrailers);
    default:
      return undefined;
  }
}

function response(stream: HttpStream, name: string, rest: string): Value {
  const headers = stream.responseHeaders;
  // An error page of the proxy's own passes no filter.
  if (headers === undefined) return name === 'code' ? stream.info.responseStatus || undefined : undefined;
  switch (name) {
    case 'code':
      return headers.status;
    case 'code_details':
      return stream.localResponseDetails === '' ? 'via_upstream' : stream.localResponseDetails;
    case 'headers':
      return rest === '' ? headers : headers.get(rest.toLowerCase());
    case 'trailers':
      return rest === '' ? stream.responseTrailers : stream.responseTrailers.get(rest.toLowerCase());
    case 'grpc_status': {
      const status = stream.responseTrailers.get('grpc-status') ?? headers.get('grpc-status');
      return status !== undefined && /^\d{1,3}$/.test(status) ? Number(status) : undefined;
    }
    case 'size':
      return stream.info.responseSize;
    case 'total_size':
      return stream.info.responseSize + fieldsSize(headers) + fieldsSize(stream.responseTrailers);
    default:
      return undefined;
  }
}

function connection({ info }: HttpStream | TcpStream, name: string): Value {
  const { connection } = info;
  switch (name) {
    case 'id':
      return connection.id;
    case 'mtls':
      return false;
    case 'tls_version':
      return connection.tlsVersion === '' ? undefined : connection.tlsVersion;
    case 'requested_server_name':
      return connection.requestedServerName === '' ? undefined : connection.requestedServerName;
    default:
      return undefined;
  }
}

/** `address:port`, as Envoy writes addresses; IPv6 in brackets. */
function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function peer(name: string, address: string, port: number): Value {
  if (name === 'address') return endpoint(address, port);
  return name === 'port' ? port : undefined;
}

/** One value, or all of a namespace as a map. Numbers are doubles, as in Envoy's metadata. */
function metadata(of: Metadata | undefined, kind: string, path: readonly string[]): Value {
  if (of === undefined || kind !== 'filter_metadata') return undefined;
  const [namespace, key, ...more] = path.map(part => Buffer.from(part, 'latin1').toString());
  if (namespace === undefined || more.length > 0 || !Object.hasOwn(of, namespace)) return undefined;
  const values = of[namespace]!;
  if (key !== undefined) return Object.hasOwn(values, key) ? metadataBytes(values[key]!) : undefined;
  return pairsToBytes(
    Object.entries(values).flatMap(pair => pair.map(part => metadataBytes(part).toString('latin1'))),
  );
}

function metadataBytes(value: string | number | boolean): Buffer {
  if (typeof value === 'string') return utf8(value);
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0]);
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

function stream(identity: PluginIdentity, of: HttpStream, path: string): Value {
  const [first, second = '', ...more] = path.split('\0');
  const rest = more.join('\0');
  const { info } = of;
  switch (first) {
    case 'request':
      return request(of, second, rest);
    case 'response':
      return response(of, second, rest);
    case 'connection':
      return connection(of, second);
    case 'connection_id':
      return info.connection.id;
    case 'source':
      return peer(second, info.connection.sourceAddress, info.connection.sourcePort);
    case 'destination':
      return peer(second, info.connection.destinationAddress, info.connection.destinationPort);
    case 'upstream':
      return info.upstream === undefined
        ? undefined
        : peer(second, info.upstream.address, info.upstream.port);
    case 'cluster_name': {
      // Where the route leads, before an endpoint is chosen: as Envoy.
      const name = info.upstream?.name ?? info.target?.upstream;
      return name === undefined ? undefined : utf8(name);
    }
    case 'cluster_metadata':
      return metadata(info.target?.upstreamMetadata, second, more);
    case 'route_name':
      return utf8(info.routeName);
    case 'route_metadata':
      return metadata(info.target?.routeMetadata, second, more);
    default:
      return second === '' ? plugin(identity, first!) : undefined;
  }
}

function tcp(identity: PluginIdentity, of: TcpStream, path: string): Value {
  const { info } = of;
  const [first, second = '', ...more] = path.split('\0');
  const { sourceAddress, sourcePort, destinationAddress, destinationPort, id } = info.connection;
  switch (first) {
    case 'connection':
      return connection(of, second);
    case 'connection_id':
      return id;
    case 'source':
      return peer(second, sourceAddress, sourcePort);
    case 'destination':
      return peer(second, destinationAddress, destinationPort);
    case 'upstream':
      return info.upstream && peer(second, info.upstream.address, info.upstream.port);
    case 'cluster_name':
      return utf8(info.target.upstream);
    case 'cluster_metadata':
      return metadata(info.target.upstreamMetadata, second, more);
    default:
      return second === '' ? plugin(identity, first!) : undefined;
  }
}

/** A property of a plugin outside any stream. */
export function pluginProperty(identity: PluginIdentity, path: string): Uint8Array | undefined {
  return encode(plugin(identity, path));
}

/** Names of the host's own properties, or where they begin: filters can't set these. */
const HOST_PROPERTIES: ReadonlySet<string> = new Set([
  'request',
  'response',
  'connection',
  'connection_id',
  'source',
  'destination',
  'upstream',
  'cluster_name',
  'cluster_metadata',
  'route_name',
  'route_metadata',
  'listener_direction',
  'plugin_name',
  'plugin_root_id',
  'plugin_vm_id',
]);

/** True when only the host decides about that property: others must be able to rely on it. */
export function isHostProperty(path: string): boolean {
  return HOST_PROPERTIES.has(path.split('\0', 1)[0]!);
}

/** A property of a stream, the host's or one that a filter set on it. Undefined: there is none. */
export function streamProperty(
  identity: PluginIdentity,
  of: HttpStream,
  path: string,
): Uint8Array | undefined {
  return encode(stream(identity, of, path)) ?? of.properties.get(path);
}

/** The same of a TCP stream. */
export function tcpProperty(identity: PluginIdentity, of: TcpStream, path: string): Uint8Array | undefined {
  return encode(tcp(identity, of, path)) ?? of.properties.get(path);
}
