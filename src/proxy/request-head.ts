import type { IncomingMessage } from 'node:http';
import type { RawFields } from '../message/fields.ts';
import { RequestHeaders } from '../message/headers.ts';
import { connectionOptions, parseLength, removeNominated } from './framing.ts';

/** What a request's head says, checked, with the fields that end at this proxy taken out. */
export interface RequestHead {
  readonly path: string;
  readonly authority: string;
  /** Body length in bytes: 0 without a body, -1 when it is chunked. */
  readonly length: number;
  /** `Expect: 100-continue` was there. */
  readonly expectsContinue: boolean;
}

/** Why a request is answered without looking at it further. The connection is closed after it. */
export interface HeadRefusal {
  readonly refused: number;
  readonly reason: string;
}

const MAX_FIELDS = 1000;

const refuse = (reason: string, refused = 400): HeadRefusal => ({ refused, reason });

/**
 * Reads a request's head in one pass over `req.rawHeaders`, which it changes in place into the fields to forward.
 * Removes Host, Expect and the hop-by-hop fields; adds X-Forwarded-For, -Proto and -Host and Via. Refuses framing that
 * two servers could read differently (RFC 9112 sections 3.2, 6.1 and 6.3) where node:http's parser lets it through.
 *
 * The client's address is appended to X-Forwarded-For; -Proto and -Host are set only when absent, so that a TLS
 * terminator in front keeps its word.
 */
export function readRequestHead(req: IncomingMessage, clientAddress: string): RequestHead | HeadRefusal {
  const raw: RawFields = req.rawHeaders;
  if (req.httpVersionMajor !== 1) return refuse('HTTP version not supported', 505);
  if (raw.length > 2 * MAX_FIELDS) return refuse('too many header fields', 431);
  let host: string | undefined;
  let length = -2;
  let chunked = false;
  let expectsContinue = false;
  let nominated: string[] | undefined;
  let forwardedFor = -1;
  let hasProto = false;
  let hasHost = false;
  let to = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    // By length first: of the usual fields, few are as long as one of these.
    switch (name.length) {
      case 2:
        if (name.toLowerCase() !== 'te') break;
        if (!/(^|[,\s])trailers($|[,;\s])/i.test(value)) continue;
        raw[to] = 'TE';
        raw[to + 1] = 'trailers';
        to += 2;
        continue;
      case 4:
        if (name !== 'Host' && name.toLowerCase() !== 'host') break;
        if (host !== undefined) return refuse('several Host fields');
        host = value;
        continue;
      case 6:
        if (name.toLowerCase() !== 'expect') break;
        if (value.toLowerCase() !== '100-continue') return refuse('expectation failed', 417);
        expectsContinue = true;
        continue;
      case 7:
        if (name.toLowerCase() === 'upgrade') continue;
        break;
      case 10: {
        const lower = name.toLowerCase();
        if (lower === 'keep-alive') continue;
        if (lower !== 'connection') break;
        if (value === 'keep-alive' || value === 'close') continue;
        nominated = connectionOptions(value).concat(nominated ?? []);
        continue;
      }
      case 14:
        if (name.toLowerCase() !== 'content-length') break;
        if (length !== -2) return refuse('several Content-Length fields');
        length = parseLength(value);
        if (length < 0) return refuse('bad Content-Length');
        break;
      case 15:
        if (name.toLowerCase() === 'x-forwarded-for') forwardedFor = to;
        break;
      case 16: {
        const lower = name.toLowerCase();
        if (lower === 'proxy-connection') continue;
        if (lower === 'x-forwarded-host') hasHost = true;
        break;
      }
      case 17: {
        const lower = name.toLowerCase();
        if (lower === 'x-forwarded-proto') hasProto = true;
        if (lower !== 'transfer-encoding') break;
        if (chunked) return refuse('several Transfer-Encoding fields');
        if (value.toLowerCase() !== 'chunked') return refuse('unknown Transfer-Encoding');
        chunked = true;
        continue;
      }
      case 18:
        if (name.toLowerCase() === 'proxy-authenticate') continue;
        break;
      case 19:
        if (name.toLowerCase() === 'proxy-authorization') continue;
        break;
    }
    if (to !== i) {
      raw[to] = name;
      raw[to + 1] = value;
    }
    to += 2;
  }
  raw.length = to;

  const http10 = req.httpVersionMinor === 0;
  if (chunked && length !== -2) return refuse('both Content-Length and Transfer-Encoding');
  if (chunked && http10) return refuse('Transfer-Encoding in HTTP/1.0');
  if (host === undefined && !http10) return refuse('no Host field');
  let authority = host ?? '';
  let path = req.url ?? '';
  if (path.charCodeAt(0) !== 47) {
    const target = readTarget(path, req.method ?? '');
    if (target === undefined) return refuse('bad request target');
    path = target.path;
    // RFC 9112 section 3.2.2: an absolute target's authority goes before Host.
    if (target.authority !== undefined) authority = target.authority;
  }
  if (path.includes('#') || !RequestHeaders.legal(':path', path)) return refuse('bad request target');
  if (!RequestHeaders.legal(':authority', authority)) return refuse('bad Host');

  if (nominated !== undefined && nominated.length > 0) {
    removeNominated(raw, nominated);
    // Only a few clients name fields: looking again is simpler than keeping places.
    forwardedFor = indexOf(raw, 'x-forwarded-for');
    hasProto = indexOf(raw, 'x-forwarded-proto') >= 0;
    hasHost = indexOf(raw, 'x-forwarded-host') >= 0;
  }
  if (forwardedFor >= 0) raw[forwardedFor + 1] = `${raw[forwardedFor + 1]}, ${clientAddress}`;
  else raw.push('X-Forwarded-For', clientAddress);
  if (!hasProto) raw.push('X-Forwarded-Proto', 'http');
  if (!hasHost && authority !== '') raw.push('X-Forwarded-Host', authority);
  raw.push('Via', http10 ? '1.0 weir' : '1.1 weir');
  // HTTP/1.0 knows no 100 (RFC 9110 section 10.1.1).
  return {
    path,
    authority,
    length: chunked ? -1 : Math.max(length, 0),
    expectsContinue: expectsContinue && !http10,
  };
}

function indexOf(raw: RawFields, lower: string): number {
  for (let i = raw.length - 2; i >= 0; i -= 2) if (raw[i]!.toLowerCase() === lower) return i;
  return -1;
}

/** A request target that isn't a path: RFC 9112 section 3.2. Undefined when it can't be forwarded. */
function readTarget(target: string, method: string): { path: string; authority?: string } | undefined {
  if (target === '*') return method === 'OPTIONS' ? { path: '*' } : undefined;
  const match = /^https?:\/\/([^/?#@]+)([/?].*)?$/i.exec(target);
  if (match === null) return undefined;
  const authority = match[1]!;
  const rest = match[2] ?? '';
  if (rest === '') return { path: method === 'OPTIONS' ? '*' : '/', authority };
  return { path: rest.startsWith('/') ? rest : `/${rest}`, authority };
}
