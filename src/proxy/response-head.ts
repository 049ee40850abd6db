import type { RawFields } from '../message/fields.ts';
import { connectionOptions, parseLength, removeNominated } from './framing.ts';

/** What a response's head says of its framing. */
export interface ResponseHead {
  /** Content-Length in bytes, or -1. */
  readonly length: number;
  /** A Trailer field is there. */
  readonly announcesTrailers: boolean;
}

/**
 * Reads an upstream response's head in one pass over `raw`, which it changes in place into the fields to forward:
 * hop-by-hop fields go, Via comes. Undefined: two servers could read its framing differently.
 */
export function readResponseHead(raw: RawFields): ResponseHead | undefined {
  let length = -1;
  let chunked = false;
  let announcesTrailers = false;
  let nominated: string[] | undefined;
  let to = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    switch (name.length) {
      case 2:
        if (name.toLowerCase() === 'te') continue;
        break;
      case 7: {
        const lower = name.toLowerCase();
        if (lower === 'upgrade') continue;
        if (lower === 'trailer') announcesTrailers = true;
        break;
      }
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
        if (length >= 0) return undefined;
        length = parseLength(value);
        if (length < 0) return undefined;
        break;
      case 16:
        if (name.toLowerCase() === 'proxy-connection') continue;
        break;
      case 17:
        if (name.toLowerCase() !== 'transfer-encoding') break;
        if (chunked || value.toLowerCase() !== 'chunked') return undefined;
        chunked = true;
        continue;
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
  if (chunked && length >= 0) return undefined;
  if (nominated !== undefined && nominated.length > 0) removeNominated(raw, nominated);
  raw.push('Via', '1.1 weir');
  return { length, announcesTrailers };
}
