import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signText,
  verify as verifyText,
} from 'node:crypto';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Status } from '../abi/types.ts';
import type { ForeignFunction } from '../plugin/services.ts';
import { type MessageFields, messageFields } from './protobuf-fields.ts';

/** Field numbers of Envoy's messages: VerifySignatureArguments and -Result, SignArguments and -Result. */
const HASH = 1;
const KEY = 2;
const RESULT = 1;
const VERIFY = { signature: 3, text: 4, pem: 5, error: 2 } as const;
const SIGN = { text: 3, pem: 4, signature: 2, error: 3 } as const;

const HASHES: ReadonlySet<string> = new Set(['sha1', 'sha224', 'sha256', 'sha384', 'sha512']);
/** Larger ones would hold everybody up: no time limit interrupts what runs in here. */
const KEY_MAX_BYTES = 8192;
const RSA_MAX_BITS = 4096;

/** Undefined unless there is exactly one key, in DER or PEM. */
function readKey(
  message: MessageFields,
  pemField: number,
  read: (key: Buffer, format: 'der' | 'pem') => KeyObject,
): KeyObject | undefined {
  const [der, pem] = [message.bytes(KEY), message.bytes(pemField)];
  if (der.length > 0 === pem.length > 0 || der.length + pem.length > KEY_MAX_BYTES) return undefined;
  try {
    return der.length > 0 ? read(der, 'der') : read(pem, 'pem');
  } catch {
    return undefined;
  }
}

/** Of a kind and size that is served. */
function isServed({ asymmetricKeyType: kind, asymmetricKeyDetails: details }: KeyObject): boolean {
  return kind === 'ec' || (kind === 'rsa' && (details?.modulusLength ?? 0) <= RSA_MAX_BITS);
}

const publicKey = (key: Buffer, format: 'der' | 'pem') => createPublicKey({ key, format, type: 'spki' });
const privateKey = (key: Buffer, format: 'der' | 'pem') => createPrivateKey({ key, format, type: 'pkcs8' });

function hashOf(message: MessageFields): string {
  return message.bytes(HASH).toString('latin1').toLowerCase();
}

function failed(field: number, why: string): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).string(why).finish();
}

const verified = new BinaryWriter().tag(RESULT, WireType.Varint).bool(true).finish();

/**
 * RSA (PKCS #1 v1.5, up to 4096 bits) and ECDSA (DER). VerifySignatureArguments in, VerifySignatureResult out;
 * BAD_ARGUMENT: no such message, or no key.
 */
export const verifySignature: ForeignFunction = args => {
  const message = messageFields(args);
  const key = message && readKey(message, VERIFY.pem, publicKey);
  if (message === undefined || key === undefined) return Status.BAD_ARGUMENT;
  const hash = hashOf(message);
  if (!HASHES.has(hash)) return failed(VERIFY.error, `${hash.slice(0, 32)} is not supported`);
  if (!isServed(key)) return failed(VERIFY.error, 'the key can not verify this');
  try {
    if (verifyText(hash, message.bytes(VERIFY.text), key, message.bytes(VERIFY.signature))) return verified;
    return failed(VERIFY.error, 'the signature is wrong');
  } catch {
    // A key too small for the hash.
    return failed(VERIFY.error, 'the key can not verify this');
  }
};

/** The other way round: SignArguments in, SignResult out. Keys are PKCS #8 in DER, or PEM. */
export const sign: ForeignFunction = args => {
  const message = messageFields(args);
  const key = message && readKey(message, SIGN.pem, privateKey);
  if (message === undefined || key === undefined) return Status.BAD_ARGUMENT;
  const hash = hashOf(message);
  if (!HASHES.has(hash)) return failed(SIGN.error, `${hash.slice(0, 32)} is not supported`);
  if (!isServed(key)) return failed(SIGN.error, 'the key can not sign this');
  try {
    const signature = signText(hash, message.bytes(SIGN.text), key);
    const writer = new BinaryWriter().tag(RESULT, WireType.Varint).bool(true);
    return writer.tag(SIGN.signature, WireType.LengthDelimited).bytes(signature).finish();
  } catch {
    return failed(SIGN.error, 'the key can not sign this');
  }
};
