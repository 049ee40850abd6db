import { isIPv4 } from 'node:net';

export type IpAddressFamily = 'ipv4' | 'ipv6';

/** Variant `ip-address`: four bytes, or eight 16-bit numbers. */
export interface IpAddress {
  readonly tag: IpAddressFamily;
  readonly val: readonly number[];
}

/** Variant `ip-socket-address`. */
export type IpSocketAddress =
  | { readonly tag: 'ipv4'; readonly val: { readonly port: number; readonly address: readonly number[] } }
  | {
      readonly tag: 'ipv6';
      readonly val: {
        readonly port: number;
        readonly flowInfo: number;
        readonly address: readonly number[];
        readonly scopeId: number;
      };
    };

/** The address in its usual text; an IPv6 one in its short form, as grants have it. */
export function addressText(address: IpAddress): string {
  if (address.tag === 'ipv4') return address.val.join('.');
  return shortIpv6(address.val.map(part => part.toString(16)).join(':'));
}

/** The short form of an IPv6 address without a zone: two texts of one address become the same. */
export function shortIpv6(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

/** From an IPv4 or IPv6 address's text; a zone (`%eth0`) is dropped. */
export function parseIpAddress(text: string): IpAddress {
  if (isIPv4(text)) return { tag: 'ipv4', val: text.split('.').map(Number) };
  // The short form has no IPv4 part left.
  const [head = '', tail] = shortIpv6(text.replace(/%.*$/, '')).split('::');
  const before = groups(head);
  if (tail === undefined) return { tag: 'ipv6', val: before };
  const after = groups(tail);
  const zeroes = new Array<number>(8 - before.length - after.length).fill(0);
  return { tag: 'ipv6', val: [...before, ...zeroes, ...after] };
}

const groups = (text: string) => (text === '' ? [] : text.split(':').map(part => Number.parseInt(part, 16)));

export function socketAddress(text: string, port: number): IpSocketAddress {
  const { tag, val } = parseIpAddress(text);
  if (tag === 'ipv4') return { tag, val: { port, address: val } };
  return { tag, val: { port, flowInfo: 0, address: val, scopeId: 0 } };
}

export const isUnspecified = (address: IpSocketAddress) => address.val.address.every(part => part === 0);

/** `::ffff:a.b.c.d`: an IPv4 address in disguise, which a grant or a denial must not be asked about. */
export function isIpv4Mapped(address: IpSocketAddress): boolean {
  if (address.tag === 'ipv4') return false;
  const parts = address.val.address;
  return parts.slice(0, 5).every(part => part === 0) && parts[5] === 0xffff;
}

/** `host:port` as the configuration has it. */
export const placeText = (host: string, port: number) =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
