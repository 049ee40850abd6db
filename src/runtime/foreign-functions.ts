import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { deflateSync, inflateSync } from 'node:zlib';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Status } from '../abi/types.ts';
import type { ForeignFunction } from '../plugin/services.ts';

/** Field numbers of VerifySignatureArguments and VerifySignatureResult, Envoy's messages. */
const HASH = 1;
const KEY_DER = 2;
const SIGNATURE = 3;
const TEXT = 4;
const KEY_PEM = 5;
const RESULT = 1;
const ERROR = 2;

/** The same of SetEnvoyFilterStateArguments. */
const STATE = 1;
const VALUE = 2;
/** What Envoy's tcp_proxy asks for the upstream. */
const TCP_UPSTREAM = 'envoy.tcp_proxy.cluster';

const HASHES: ReadonlySet<string> = new Set(['sha1', 'sha224', 'sha256', 'sha384', 'sha512']);
const NOTHING = Buffer.alloc(0);

/** In zlib's format. */
const compress: ForeignFunction = args => deflateSync(args);

/** BAD_ARGUMENT for more than the filter may hold; SERIALIZATION_FAILURE for what isn't whole, or isn't zlib's. */
const uncompress: ForeignFunction = (args, { maxBytes }) => {
  try {
    return inflateSync(args, { maxOutputLength: maxBytes });
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    return tooLarge ? Status.BAD_ARGUMENT : Status.SERIALIZATION_FAILURE;
  }
};

/** The route is chosen again; nothing outside a stream. */
const clearRouteCache: ForeignFunction = (_args, caller) => {
  caller.clearRouteCache();
  return NOTHING;
};

/** Fields that are bytes, strings or messages, by number, the last of each; undefined: no protobuf message. */
function fields(message: Buffer): ReadonlyMap<number, Buffer> | undefined {
  const found = new Map<number, Buffer>();
  try {
    const reader = new BinaryReader(message);
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (type === WireType.LengthDelimited) found.set(field, Buffer.from(reader.bytes()));
      else reader.skip(type, field);
    }
    return found;
  } catch {
    return undefined;
  }
}

/** Undefined unless there is exactly one key, in DER (SubjectPublicKeyInfo) or PEM. */
function publicKey(der: Buffer, pem: Buffer): KeyObject | undefined {
  if (der.length > 0 === pem.length > 0) return undefined;
  try {
    return der.length > 0
      ? createPublicKey({ key: der, format: 'der', type: 'spki' })
      : createPublicKey({ key: pem, format: 'pem' });
  } catch {
    return undefined;
  }
}

function verification(error: string): Uint8Array {
  const writer = new BinaryWriter();
  if (error === '') writer.tag(RESULT, WireType.Varint).bool(true);
  else writer.tag(ERROR, WireType.LengthDelimited).string(error);
  return writer.finish();
}

/** RSA (PKCS #1 v1.5), ECDSA. VerifySignatureArguments in, VerifySignatureResult out; BAD_ARGUMENT: no such message, or no key. */
const verifySignature: ForeignFunction = args => {
  const message = fields(args);
  if (message === undefined) return Status.BAD_ARGUMENT;
  const field = (number: number) => message.get(number) ?? NOTHING;
  const key = publicKey(field(KEY_DER), field(KEY_PEM));
  if (key === undefined) return Status.BAD_ARGUMENT;
  const hash = field(HASH).toString('latin1').toLowerCase();
  if (!HASHES.has(hash)) return verification(`${hash} is not supported`);
  try {
    return verification(verify(hash, field(TEXT), key, field(SIGNATURE)) ? '' : 'the signature is wrong');
  } catch {
    // Keys that don't sign, or not like this.
    return verification('the key can not verify this');
  }
};

/** Only the state that chooses the upstream of a TCP connection; NOT_FOUND for others, as Envoy for names it doesn't know. */
const setEnvoyFilterState: ForeignFunction = (args, caller) => {
  const message = fields(args);
  if (message === undefined) return Status.BAD_ARGUMENT;
  if (message.get(STATE)?.toString() !== TCP_UPSTREAM) return Status.NOT_FOUND;
  const status = caller.connectTo((message.get(VALUE) ?? NOTHING).toString());
  return status === Status.OK ? NOTHING : status;
};

/** Foreign functions that come with Weir: of Envoy's those that have a meaning here, with its arguments and results. */
export const FOREIGN_FUNCTIONS: ReadonlyMap<string, ForeignFunction> = new Map([
  ['compress', compress],
  ['uncompress', uncompress],
  ['clear_route_cache', clearRouteCache],
  ['verify_signature', verifySignature],
  ['set_envoy_filter_state', setEnvoyFilterState],
]);
