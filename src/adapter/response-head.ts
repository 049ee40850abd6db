import type { ServerResponse } from 'node:http';
import type { RawFields } from '../message/fields.ts';
import { ResponseHeaders } from '../message/headers.ts';
import { HOP_BY_HOP, removeOwnFields } from '../proxy/framing.ts';
import type { NodeResponse, OpenResponse } from './node-response.ts';

/** Headers as `writeHead` takes them: by name, a flat list, or a list of pairs. */
type HeadersArgument = Readonly<Record<string, unknown>> | readonly unknown[] | null | undefined;

/**
 * Does what `writeHead(status, reason?, headers?)` does to a response, but for writing it. Fields that are set already
 * and not named stay.
 * @throws TypeError for an illegal field, as Node's
 */
export function setHead(res: ServerResponse, status: number, rest: readonly unknown[]): void {
  const [first, second] = rest;
  res.statusCode = status;
  if (typeof first === 'string') res.statusMessage = first;
  const headers = (typeof first === 'string' ? second : (second ?? first)) as HeadersArgument;
  if (headers === undefined || headers === null) return;
  if (Array.isArray(headers)) setPairs(res, Array.isArray(headers[0]) ? headers.flat(1) : headers);
  else for (const [name, value] of Object.entries(headers)) res.setHeader(name, value as string);
}

/** A name that occurs twice in the list has two values; each name replaces what was set before. */
function setPairs(res: ServerResponse, pairs: readonly unknown[]): void {
  if (pairs.length % 2 !== 0) {
    const error = new TypeError("The argument 'headers' is invalid: a name without a value");
    throw Object.assign(error, { code: 'ERR_INVALID_ARG_VALUE' });
  }
  for (let i = 0; i < pairs.length; i += 2) {
    const name = String(pairs[i]);
    // Removing what isn't there would still tell Node not to add it.
    if (res.hasHeader(name)) res.removeHeader(name);
  }
  for (let i = 0; i < pairs.length; i += 2) res.appendHeader(String(pairs[i]), pairs[i + 1] as string);
}

/** The head a handler made, as filters see it: without hop-by-hop fields, which stay where they are. */
export function readHead(res: OpenResponse): ResponseHeaders {
  const raw: RawFields = [];
  for (const name of res.getRawHeaderNames()) {
    if (HOP_BY_HOP.has(name.toLowerCase())) continue;
    const value = res.getHeader(name);
    if (Array.isArray(value)) for (const one of value) raw.push(name, one);
    else raw.push(name, String(value));
  }
  return new ResponseHeaders(res.statusCode, raw);
}

/**
 * Makes what passed the chain the head that Node will write. `length`: what the handler (or the local response) said,
 * which stands unless a filter removed it; undefined: none, whatever filters wrote.
 */
export function applyHead(to: NodeResponse, headers: ResponseHeaders, length: string | undefined): void {
  const { res } = to;
  const raw = headers.raw.slice();
  const hadLength = removeOwnFields(raw);
  clearHead(to);
  const fields = new Map<string, { name: string; values: string[] }>();
  for (let i = 0; i < raw.length; i += 2) {
    const field = fields.get(raw[i]!.toLowerCase());
    if (field !== undefined) field.values.push(raw[i + 1]!);
    else fields.set(raw[i]!.toLowerCase(), { name: raw[i]!, values: [raw[i + 1]!] });
  }
  // Not appendHeader: it calls the response's own setHeader, which may be muted.
  for (const { name, values } of fields.values())
    to.setHeader(name, values.length === 1 ? values[0]! : values);
  if (length !== undefined && hadLength) to.setHeader('Content-Length', length);
  if (res.statusCode !== headers.status) {
    res.statusCode = headers.status;
    res.statusMessage = '';
  }
}

/** Removes every field but the hop-by-hop ones. */
export function clearHead(from: NodeResponse): void {
  const { res } = from;
  for (const name of res.getHeaderNames()) {
    if (!HOP_BY_HOP.has(name)) from.removeHeader(name);
  }
}

/** Pairs in the form `addTrailers` takes, from the one it was given. */
export function trailerPairs(trailers: unknown): RawFields {
  const raw: RawFields = [];
  const pairs = Array.isArray(trailers)
    ? (trailers as [string, unknown][])
    : Object.entries(trailers as object);
  for (const [name, value] of pairs) {
    for (const one of Array.isArray(value) ? value : [value]) raw.push(String(name), String(one));
  }
  return raw;
}

/** A flat list as pairs. */
export function toPairs(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) pairs.push([raw[i]!, raw[i + 1]!]);
  return pairs;
}
