import { isIPv4, isIPv6 } from 'node:net';

/** Milliseconds per duration unit. */
const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Bytes per size unit: KB is 1000, KiB 1024. */
const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

export const durationPattern = /^[0-9]{1,9}(?:\.[0-9]{1,3})?(?:ms|s|m|h)$/;
export const sizePattern = /^[0-9]{1,9}(?:\.[0-9]{1,3})?(?:B|KB|MB|GB|KiB|MiB|GiB)$/;
export const sha256Pattern = /^[0-9a-fA-F]{64}$/;

/** `"1.5s"` is 1500 ms, rounded to whole milliseconds; undefined when it isn't a duration. */
export function parseDuration(text: string): number | undefined {
  return durationPattern.test(text) ? measure(text, durationUnits) : undefined;
}

/** `"64KiB"` is 65536 bytes, rounded to whole bytes; undefined when it isn't a size. */
export function parseSize(text: string): number | undefined {
  return sizePattern.test(text) ? measure(text, sizeUnits) : undefined;
}

function measure(text: string, units: Readonly<Record<string, number>>): number {
  const unit = text.replace(/^[0-9.]+/, '');
  return Math.round(Number(text.slice(0, text.length - unit.length)) * (units[unit] ?? 1));
}

/** A host without brackets and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or `:8080` for every address (`::`); port 0 is allowed. */
export function parseAddress(text: string): HostPort | undefined {
  const parts = /^(?:\[([^[\]]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(text);
  if (parts === null) return undefined;
  const port = Number(parts[3]);
  if (port > 65535) return undefined;
  const ipv6 = parts[1];
  if (ipv6 !== undefined) return isIPv6(ipv6) ? { host: ipv6, port } : undefined;
  const host = (parts[2] ?? '').toLowerCase();
  if (host === '') return { host: '::', port };
  return isHostName(host) ? { host, port } : undefined;
}

/** `host:port` of one place to connect to: like an address, but host and port are both named. IPv6 in its short form. */
export function parseTcp(text: string): HostPort | undefined {
  const address = text.startsWith(':') ? undefined : parseAddress(text);
  if (address === undefined || address.port === 0) return undefined;
  const { host, port } = address;
  if (!host.includes(':')) return { host: host.replace(/\.$/, ''), port };
  // A zone (fe80::1%eth0) names a network card, which no guest can.
  return host.includes('%') ? undefined : { host: new URL(`http://[${host}]`).hostname.slice(1, -1), port };
}

/** An IPv4 address or a DNS name of at most 253 characters (underscores are allowed, as in practice). */
export function isHostName(text: string): boolean {
  // A last label of digits is an IPv4 address or nothing: 300.1.1.1 must not pass as a name.
  if (/(?:^|\.)[0-9]+\.?$/.test(text)) return isIPv4(text);
  return (
    text.length <= 253 && /^[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*\.?$/i.test(text)
  );
}

/** `http://host[:port][/]` or `tcp://host:port`; anything more (path, query, user) is refused. */
export function parseEndpoint(text: string): (HostPort & { readonly kind: 'http' | 'tcp' }) | undefined {
  const parts = /^(http|tcp):\/\/(\[[^[\]]+\]|[^/:?#@[\]]+)(?::([0-9]{1,5}))?\/?$/i.exec(text);
  if (parts === null) return undefined;
  const kind = parts[1]!.toLowerCase() === 'tcp' ? 'tcp' : 'http';
  // No port is everybody's who speaks TCP.
  const port = parts[3] ?? (kind === 'http' ? 80 : '');
  const address = parseAddress(`${parts[2]}:${port}`);
  return address === undefined || address.port === 0 ? undefined : { ...address, kind };
}

/** The upstreams built into Weir: `builtin:NAME`. */
export const builtinEndpoints: readonly string[] = ['builtin:echo', 'builtin:tcp-echo'];

/** An endpoint that speaks no HTTP. */
export function isTcpEndpoint(url: string): boolean {
  return url === 'builtin:tcp-echo' || /^tcp:/i.test(url);
}
