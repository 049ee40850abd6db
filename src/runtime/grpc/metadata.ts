import type { Metadata } from '@grpc/grpc-js';
import type { RawFields } from '../../message/fields.ts';

/** gRPC over HTTP/2, "Custom-Metadata". */
const NAME = /^[0-9a-z_.-]+$/;
const TEXT = /^[\x20-\x7e]*$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** What the protocol itself says of a call, or of the connection. */
const OWN = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'content-type',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-message',
  'grpc-status',
  'grpc-timeout',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
]);

/**
 * Fields that HTTP defines with one value: Node's HTTP/2 throws at a second one, and the library takes that for the end
 * of the connection, which other calls share.
 */
const SINGLE = new RegExp(
  '^(?:access-control-(?:allow-credentials|max-age|request-method)|age|authorization|content-.+|date|dnt|etag|expires|' +
    'from|if-.+|last-modified|location|max-forwards|proxy-authorization|range|referer|retry-after|tk|' +
    'upgrade-insecure-requests|x-content-type-options)$',
);

/**
 * Fills `metadata`. What the protocol says itself is left out.
 * @returns what is illegal in it; empty: nothing
 */
export function writeMetadata(raw: RawFields, metadata: Metadata): string {
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const value = raw[i + 1]!;
    if (!NAME.test(name)) return `illegal metadata name ${JSON.stringify(name)}`;
    if (OWN.has(name)) continue;
    if (name.endsWith('-bin')) {
      for (const part of value.split(',')) {
        const text = part.trim();
        if (!BASE64.test(text)) return `metadata ${name}: not base64`;
        metadata.add(name, Buffer.from(text, 'base64'));
      }
    } else {
      if (!TEXT.test(value)) return `metadata ${name}: a value that is not printable ASCII`;
      if (SINGLE.test(name) && metadata.get(name).length > 0) return `metadata ${name}: more than one value`;
      metadata.add(name, value);
    }
  }
  return '';
}

/** As a filter sees it: values of one name stand together. */
export function readMetadata(metadata: Metadata): RawFields {
  const raw: RawFields = [];
  for (const [name, values] of Object.entries(metadata.toJSON() as Record<string, (string | Buffer)[]>)) {
    for (const value of values) raw.push(name, typeof value === 'string' ? value : value.toString('base64'));
  }
  return raw;
}
