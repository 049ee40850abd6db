import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** DER of a tag and what is in it. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), body]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 255]), body]);
}

const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts);
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));
/** 2.5.4.x by the letters of a subject. */
const ATTRIBUTES = { CN: '550403', O: '55040a', C: '550406' } as const;

function name(subject: readonly (readonly [keyof typeof ATTRIBUTES, string])[]): Buffer {
  return sequence(
    ...subject.map(([key, text]) =>
      der(0x31, sequence(oid(ATTRIBUTES[key]), der(key === 'C' ? 0x13 : 0x0c, Buffer.from(text)))),
    ),
  );
}

const time = (year: number) => der(0x17, Buffer.from(`${String(year % 100).padStart(2, '0')}0101000000Z`));

/** A certificate that signs itself, good until 2049, and its key; in PEM. */
export function selfSigned(
  subject: readonly (readonly [keyof typeof ATTRIBUTES, string])[],
  names: readonly (readonly ['dns' | 'uri', string])[] = [],
): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const whole = certificate(subject, names, publicKey, privateKey);
  const lines = whole.toString('base64').match(/.{1,64}/g)!;
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

function certificate(
  subject: Parameters<typeof selfSigned>[0],
  names: readonly (readonly ['dns' | 'uri', string])[],
  publicKey: KeyObject,
  privateKey: KeyObject,
): Buffer {
  const alternatives = names.map(([kind, text]) => der(kind === 'dns' ? 0x82 : 0x86, Buffer.from(text)));
  const extension = sequence(oid('551d11'), der(0x04, sequence(...alternatives)));
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ECDSA_WITH_SHA256,
    name(subject),
    sequence(time(2020), time(2049)),
    name(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(names.length === 0 ? [] : [der(0xa3, sequence(extension))]),
  );
  const signature = sign('sha256', content, privateKey);
  return sequence(content, ECDSA_WITH_SHA256, der(0x03, Buffer.from([0]), signature));
}
