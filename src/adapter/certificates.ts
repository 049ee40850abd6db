import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Certificate, Certificates } from '../message/info.ts';

/** The certificates of a TLS connection: taken from the socket while it has them, read when somebody asks. */
export class TlsCertificates implements Certificates {
  readonly verified: boolean;
  readonly #localX509: X509Certificate | undefined;
  readonly #peerX509: X509Certificate | undefined;
  #local: Certificate | undefined;
  #peer: Certificate | undefined;

  constructor(socket: Partial<TLSSocket>) {
    this.#localX509 = socket.getX509Certificate?.();
    this.#peerX509 = socket.getPeerX509Certificate?.();
    this.verified = socket.authorized === true && this.#peerX509 !== undefined;
  }

  get local(): Certificate | undefined {
    this.#local ??= this.#localX509 && read(this.#localX509);
    return this.#local;
  }

  get peer(): Certificate | undefined {
    this.#peer ??= this.#peerX509 && read(this.#peerX509);
    return this.#peer;
  }
}

function read(certificate: X509Certificate): Certificate {
  const { subject, subjectAltName, fingerprint256 } = certificate;
  return {
    // A line each, the other way round, its values escaped already.
    subject: (subject ?? '').split('\n').reverse().join(','),
    dnsName: alternative(subjectAltName, 'DNS:'),
    uri: alternative(subjectAltName, 'URI:'),
    sha256: fingerprint256.replaceAll(':', '').toLowerCase(),
    pem: certificate.toString(),
  };
}

/** The first name of that kind; those with a comma or a quote stand in quotes, as JSON. */
function alternative(names: string | undefined, kind: string): string {
  for (const [name] of (names ?? '').matchAll(/[A-Za-z ]+:(?:"(?:[^"\\]|\\.)*"|[^,"]*)/g)) {
    const text = name.trimStart();
    if (!text.startsWith(kind)) continue;
    const value = text.slice(kind.length);
    return value.startsWith('"') ? String(JSON.parse(value)) : value;
  }
  return '';
}
