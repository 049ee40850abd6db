import { FieldMap, isFieldValue, isToken, type RawFields } from './fields.ts';

const BAD_PATH = /[^\x21-\x7e\x80-\xff]/;
const BAD_AUTHORITY = /[^0-9A-Za-z\-._~!$&'()*+,;=:[\]%]/;

const isPseudo = (name: string) => name.charCodeAt(0) === 58;
const isRequestPseudo = (name: string) => isPseudo(name) || name === 'host';

/** The ordinary pairs of a map a guest sent, its pseudo headers checked; undefined when a pair is illegal. */
function plainPairs(
  pairs: RawFields,
  pseudo: (name: string) => boolean,
  legal: (name: string, value: string) => boolean,
): RawFields | undefined {
  const plain: RawFields = [];
  for (let i = 0; i < pairs.length; i += 2) {
    const name = pairs[i]!;
    const value = pairs[i + 1]!;
    if (pseudo(name)) {
      if (!legal(name, value)) return undefined;
    } else {
      if (!isToken(name) || !isFieldValue(value)) return undefined;
      plain.push(name, value);
    }
  }
  return plain;
}

/**
 * Headers of a request. `:method :path :authority :scheme` stand first in the map a guest sees and are never
 * sent as fields; `host` is another name of `:authority`, as in Envoy, and not in `raw`.
 */
export class RequestHeaders extends FieldMap {
  method: string;
  /** Request target with its query, for example `/a?b=1`. */
  path: string;
  authority: string;
  scheme: string;

  constructor(method: string, path: string, authority: string, scheme: string, raw: RawFields) {
    super(raw);
    this.method = method;
    this.path = path;
    this.authority = authority;
    this.scheme = scheme;
  }

  override get count(): number {
    return 4 + (this.raw.length >> 1);
  }

  override get(name: string): string | undefined {
    if (isPseudo(name)) {
      switch (name) {
        case ':method':
          return this.method;
        case ':path':
          return this.path;
        case ':authority':
          return this.authority;
        case ':scheme':
          return this.scheme;
        default:
          return undefined;
      }
    }
    if (name === 'host') return this.authority;
    return super.get(name);
  }

  override add(name: string, value: string): boolean {
    // One value each: to add a pseudo header is to set it.
    if (isRequestPseudo(name)) return this.replace(name, value);
    return super.add(name, value);
  }

  override replace(name: string, value: string): boolean {
    if (!isRequestPseudo(name)) return super.replace(name, value);
    if (!RequestHeaders.legal(name, value)) return false;
    this.#set(name, value);
    this.mutated = true;
    return true;
  }

  /** A request can't be without its pseudo headers: removing one is refused. */
  override remove(name: string): boolean {
    if (isRequestPseudo(name)) return false;
    return super.remove(name);
  }

  /** Replaces the map; pseudo headers that the new map doesn't name keep their values. */
  override setPairs(pairs: RawFields): boolean {
    const plain = plainPairs(pairs, isRequestPseudo, RequestHeaders.legal);
    if (plain === undefined) return false;
    for (let i = 0; i < pairs.length; i += 2) {
      if (isRequestPseudo(pairs[i]!)) this.#set(pairs[i]!, pairs[i + 1]!);
    }
    this.raw = plain;
    this.mutated = true;
    return true;
  }

  override pairs(): RawFields {
    return [
      ':method',
      this.method,
      ':path',
      this.path,
      ':authority',
      this.authority,
      ':scheme',
      this.scheme,
      ...super.pairs(),
    ];
  }

  #set(name: string, value: string): void {
    if (name === ':method') this.method = value;
    else if (name === ':path') this.path = value;
    else if (name === ':scheme') this.scheme = value;
    else this.authority = value;
  }

  /** True when that pseudo header (or `host`) may have that value. CONNECT is not a request we can forward. */
  static legal(name: string, value: string): boolean {
    switch (name) {
      case ':method':
        // A transport may write it in capitals.
        return isToken(value) && value.toUpperCase() !== 'CONNECT';
      case ':path':
        return (value.charCodeAt(0) === 47 || value === '*') && !BAD_PATH.test(value);
      case ':authority':
      case 'host':
        return !BAD_AUTHORITY.test(value);
      case ':scheme':
        return value === 'http' || value === 'https';
      default:
        return false;
    }
  }
}

/** Headers of a response. `:status` stands first in the map a guest sees. */
export class ResponseHeaders extends FieldMap {
  status: number;

  constructor(status: number, raw: RawFields) {
    super(raw);
    this.status = status;
  }

  override get count(): number {
    return 1 + (this.raw.length >> 1);
  }

  override get(name: string): string | undefined {
    if (isPseudo(name)) return name === ':status' ? String(this.status) : undefined;
    return super.get(name);
  }

  override add(name: string, value: string): boolean {
    if (isPseudo(name)) return this.replace(name, value);
    return super.add(name, value);
  }

  override replace(name: string, value: string): boolean {
    if (!isPseudo(name)) return super.replace(name, value);
    if (!ResponseHeaders.legal(name, value)) return false;
    this.status = Number(value);
    this.mutated = true;
    return true;
  }

  override remove(name: string): boolean {
    return isPseudo(name) ? false : super.remove(name);
  }

  override setPairs(pairs: RawFields): boolean {
    const same = String(this.status);
    // A status that stands there may stay: a 101 must survive its map's way through a guest.
    const legal = (name: string, value: string) =>
      (name === ':status' && value === same) || ResponseHeaders.legal(name, value);
    const plain = plainPairs(pairs, isPseudo, legal);
    if (plain === undefined) return false;
    for (let i = 0; i < pairs.length; i += 2) {
      if (pairs[i] === ':status') this.status = Number(pairs[i + 1]);
    }
    this.raw = plain;
    this.mutated = true;
    return true;
  }

  override pairs(): RawFields {
    return [':status', String(this.status), ...super.pairs()];
  }

  /** A final status only: a 1xx sent as the last word would leave the client waiting for another. */
  static legal(name: string, value: string): boolean {
    return name === ':status' && /^[2-9]\d\d$/.test(value);
  }
}
