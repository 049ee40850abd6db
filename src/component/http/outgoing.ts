import { fieldValue, isToken, type RawFields } from '../../message/fields.ts';
import { RequestHeaders } from '../../message/headers.ts';
import { FAILED, OutgoingBody } from './bodies.ts';
import type { Fields } from './fields.ts';
import type { HttpInstance } from './instance.ts';
import { Outflow } from './outflow.ts';
import { type Method, nameOf, type Scheme } from './variants.ts';

/** What all messages of a guest's have: the fields it was made with, and a body that is asked for once. */
abstract class OutgoingMessage {
  protected readonly instance: HttpInstance;
  readonly #fields: Fields;
  #outflow: Outflow | undefined;
  #open = true;

  constructor(instance: HttpInstance, fields: Fields) {
    instance.wasi.take();
    this.instance = instance;
    this.#fields = fields;
  }

  /** `headers`: they can't be changed any more. */
  headers(): Fields {
    return this.#fields.view();
  }

  /** Undefined: it has none. */
  get outflow(): Outflow | undefined {
    return this.#outflow;
  }

  /** Its fields, for the host to keep. */
  get raw(): RawFields {
    return this.#fields.raw.slice();
  }

  /** The message's Content-Length in bytes, -1 without one that is legal. */
  get length(): number {
    const value = fieldValue(this.#fields.raw, 'content-length');
    return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : -1;
  }

  /** The host has it: no resource of the guest's any more. */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.instance.wasi.release();
    this.#fields[Symbol.dispose]();
  }

  /** Throws FAILED the second time. */
  protected openBody(declared: number, kind: 'request' | 'response'): OutgoingBody {
    if (this.#outflow !== undefined) throw FAILED;
    const outflow = new Outflow(declared, kind, bytes => this.instance.unsent(bytes));
    const body = new OutgoingBody(this.instance, outflow);
    this.#outflow = outflow;
    return body;
  }
}

/** Resource `wasi:http/types.outgoing-request` (wasi-http 0.2, wit/types.wit). Setters throw FAILED. */
export class OutgoingRequest extends OutgoingMessage {
  #method: Method = { tag: 'get' };
  #path: string | undefined;
  #scheme: Scheme | undefined;
  #authority: string | undefined;

  /** `[method]outgoing-request.body` */
  body(): OutgoingBody {
    return this.openBody(this.length, 'request');
  }

  method(): Method {
    return this.#method;
  }

  setMethod(method: Method): void {
    if (!isToken(nameOf(method))) throw FAILED;
    this.#method = method;
  }

  pathWithQuery(): string | undefined {
    return this.#path;
  }

  setPathWithQuery(path: string | undefined): void {
    if (path !== undefined && !RequestHeaders.legal(':path', targetOf(path))) throw FAILED;
    this.#path = path;
  }

  scheme(): Scheme | undefined {
    return this.#scheme;
  }

  setScheme(scheme: Scheme | undefined): void {
    if (scheme?.tag === 'other' && !/^[a-z][a-z0-9+.-]*$/i.test(scheme.val)) throw FAILED;
    this.#scheme = scheme;
  }

  authority(): string | undefined {
    return this.#authority;
  }

  setAuthority(authority: string | undefined): void {
    if (authority !== undefined && !RequestHeaders.legal(':authority', authority)) throw FAILED;
    this.#authority = authority;
  }

  /** The request target. */
  get target(): string {
    return targetOf(this.#path ?? '/');
  }
}

/** Clients' libraries leave out the slash of an empty path. */
function targetOf(path: string): string {
  if (path === '') return '/';
  return path.startsWith('?') ? `/${path}` : path;
}

/** Resource `wasi:http/types.outgoing-response`. */
export class OutgoingResponse extends OutgoingMessage {
  #status = 200;

  /** `[method]outgoing-response.status-code` */
  statusCode(): number {
    return this.#status;
  }

  /** `[method]outgoing-response.set-status-code`. Throws FAILED; 101 only passes where the response that came said it. */
  setStatusCode(status: number): void {
    if (status !== 101 && !(status >= 200 && status <= 599)) throw FAILED;
    this.#status = status;
  }

  /** `[method]outgoing-response.body` */
  body(): OutgoingBody {
    // There the length is that of a body which isn't sent.
    const unsent = this.instance.isHead || this.#status === 304;
    return this.openBody(unsent ? -1 : this.length, 'response');
  }
}

/** Resource `wasi:http/types.request-options`: nanoseconds. */
export class RequestOptions {
  readonly #instance: HttpInstance;
  #connect: bigint | undefined;
  #firstByte: bigint | undefined;
  #betweenBytes: bigint | undefined;
  #open = true;

  /** Throws WasiTrap for one resource too many. */
  constructor(instance: HttpInstance) {
    instance.wasi.take();
    this.#instance = instance;
  }

  connectTimeout(): bigint | undefined {
    return this.#connect;
  }

  setConnectTimeout(duration: bigint | undefined): void {
    this.#connect = duration;
  }

  firstByteTimeout(): bigint | undefined {
    return this.#firstByte;
  }

  setFirstByteTimeout(duration: bigint | undefined): void {
    this.#firstByte = duration;
  }

  betweenBytesTimeout(): bigint | undefined {
    return this.#betweenBytes;
  }

  setBetweenBytesTimeout(duration: bigint | undefined): void {
    this.#betweenBytes = duration;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#instance.wasi.release();
  }
}
