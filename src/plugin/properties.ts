import { requestProperty, responseProperty } from './http-properties.ts';
import { networkProperty } from './network-properties.ts';
import { encode, type PropertyValue, utf8 } from './property-values.ts';
import type { TcpStream } from './tcp.ts';
import type { HttpStream } from './types.ts';

/** What a filter is called. */
export interface PluginIdentity {
  readonly name: string;
  readonly rootId: string;
  readonly vmId: string;
}

/** Where Envoy has what filters set. */
const FILTER_STATE = 'filter_state\0wasm.';

/** Envoy's value for a listener that takes requests from clients. */
const INBOUND = 1;

function plugin(identity: PluginIdentity, name: string): PropertyValue {
  switch (name) {
    case 'plugin_name':
      return utf8(identity.name);
    case 'plugin_root_id':
      return utf8(identity.rootId);
    case 'plugin_vm_id':
      return utf8(identity.vmId);
    case 'listener_direction':
    case 'xds\0listener_direction':
      return INBOUND;
    default:
      return undefined;
  }
}

function stream(identity: PluginIdentity, of: HttpStream, path: string): PropertyValue {
  const [first = '', second = '', ...more] = path.split('\0');
  if (first === 'request') return requestProperty(of, second, more.join('\0'));
  if (first === 'response') return responseProperty(of, second, more.join('\0'));
  return networkProperty(of.info, first, second, more) ?? plugin(identity, path);
}

function tcp(identity: PluginIdentity, of: TcpStream, path: string): PropertyValue {
  const [first = '', second = '', ...more] = path.split('\0');
  return networkProperty(of.info, first, second, more) ?? plugin(identity, path);
}

/** A property of a plugin outside any stream. */
export function pluginProperty(identity: PluginIdentity, path: string): Uint8Array | undefined {
  return encode(plugin(identity, path));
}

/** Names of the host's own properties, or where they begin, also of Envoy's that mean nothing here. */
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
  'listener_metadata',
  'upstream_host_metadata',
  'metadata',
  'filter_state',
  'upstream_filter_state',
  'node',
  'xds',
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
  return encode(stream(identity, of, path)) ?? setProperty(of, path);
}

/** The same of a TCP stream. */
export function tcpProperty(identity: PluginIdentity, of: TcpStream, path: string): Uint8Array | undefined {
  return encode(tcp(identity, of, path)) ?? setProperty(of, path);
}

/** What a filter set on the stream. */
function setProperty({ properties }: Pick<HttpStream, 'properties'>, path: string): Uint8Array | undefined {
  return properties.get(path.startsWith(FILTER_STATE) ? path.slice(FILTER_STATE.length) : path);
}
