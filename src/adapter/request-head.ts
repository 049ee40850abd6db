import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { type RawFields, removeField } from '../message/fields.ts';
import { RequestHeaders } from '../message/headers.ts';
import { HOP_BY_HOP, parseLength, removeOwnFields } from '../proxy/framing.ts';

/** IncomingMessage with the methods by which Node's parser fills it. */
type OpenRequest = IncomingMessage & {
  _addHeaderLine(name: string, value: string, to: Record<string, unknown>): void;
  _addHeaderLines(raw: readonly string[], count: number): void;
};

/** A request's head as filters see it, and what of it they don't. */
export interface RequestHead {
  readonly headers: RequestHeaders;
  /** The request as it was. */
  readonly method: string;
  readonly path: string;
  /** Hop-by-hop fields and Expect: hidden from filters, kept for the handler. */
  readonly kept: RawFields;
  /** Content-Length in bytes, -1 when the body is chunked, 0 without a body. */
  readonly length: number;
}

/**
 * Reads a request's head. `req.headers` is what counts where it differs from `rawHeaders`: code in front of the chain
 * has changed it. The target is `req.url`, so below the mount point of a framework's router it is what the router left.
 */
export function readHead(request: IncomingMessage): RequestHead {
  const req = request as OpenRequest;
  const raw: RawFields = [];
  const kept: RawFields = [];
  let authority = '';
  let length = 0;
  const fields = currentFields(req);
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    const lower = name.toLowerCase();
    if (lower === 'host') {
      if (authority === '') authority = value;
    } else if (HOP_BY_HOP.has(lower) || lower === 'expect') {
      if (lower === 'transfer-encoding') length = -1;
      kept.push(name, value);
    } else {
      if (lower === 'content-length' && length === 0) length = Math.max(parseLength(value), 0);
      raw.push(name, value);
    }
  }
  const method = req.method ?? 'GET';
  const path = pathOf(req.url ?? '/');
  const scheme = (req.socket as TLSSocket).encrypted === true ? 'https' : 'http';
  return { headers: new RequestHeaders(method, path, authority, scheme, raw), method, path, kept, length };
}

/**
 * Makes what passed the chain the request that the handler sees. `chunked`: the length is not known any more. `own`: bytes
 * of a body that is a filter's, -1 when not known.
 */
export function applyHead(
  request: IncomingMessage,
  head: RequestHead,
  chunked: boolean,
  own: number | undefined,
): void {
  const { headers } = head;
  if (!headers.mutated && !chunked) return;
  const req = request as OpenRequest;
  if (headers.method !== head.method) req.method = headers.method;
  if (headers.path !== head.path) req.url = headers.path;
  const fields = headers.raw.slice();
  removeOwnFields(fields);
  const raw: RawFields = headers.authority === '' ? [] : ['Host', headers.authority];
  raw.push(...fields, ...head.kept);
  const length = own ?? head.length;
  if (own !== undefined) removeField(raw, 'transfer-encoding');
  const unknown = own !== undefined && own < 0;
  if (length !== 0 && (unknown || (chunked && length > 0))) raw.push('Transfer-Encoding', 'chunked');
  else if (length > 0) raw.push('Content-Length', String(length));
  setFields(req, raw);
}

/** Node computes `headers` and `headersDistinct` from the raw list when they are asked for: now, from the new one. */
function setFields(req: OpenRequest, raw: RawFields): void {
  const { complete } = req;
  const open = req as { headers: unknown; headersDistinct: unknown };
  open.headers = undefined;
  open.headersDistinct = undefined;
  // Of a complete request it would take them for trailers.
  req.complete = false;
  req._addHeaderLines(raw, raw.length);
  req.complete = complete;
}

/** The fields as they are now: the raw list, with what was changed in `req.headers`. */
function currentFields(req: OpenRequest): readonly string[] {
  const { rawHeaders, headers } = req;
  let same = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (headers[rawHeaders[i]!.toLowerCase()] === rawHeaders[i + 1]) same++;
  }
  if (same * 2 === rawHeaders.length && same === Object.keys(headers).length) return rawHeaders;
  // A field stands there several times, or something was changed: what Node made of the list tells which.
  const joined: Record<string, unknown> = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    req._addHeaderLine(rawHeaders[i]!, rawHeaders[i + 1]!, joined);
  }
  const changed = new Set<string>();
  for (const name of new Set([...Object.keys(joined), ...Object.keys(headers)])) {
    if (String(joined[name]) !== String(headers[name])) changed.add(name);
  }
  if (changed.size === 0) return rawHeaders;
  const fields: RawFields = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!changed.has(rawHeaders[i]!.toLowerCase())) fields.push(rawHeaders[i]!, rawHeaders[i + 1]!);
  }
  for (const name of changed) {
    const value = headers[name];
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== undefined) fields.push(name, String(one));
  }
  return fields;
}

/** The path with its query, also of an absolute target. */
function pathOf(target: string): string {
  const match = /^https?:\/\/[^/?#]+([/?].*)?$/i.exec(target);
  if (match === null) return target;
  const rest = match[1] ?? '/';
  return rest.startsWith('/') ? rest : `/${rest}`;
}
