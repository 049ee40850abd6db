import { Pollable } from '../wasi/io/index.ts';
import { FAILED, IncomingBody, type Result } from './bodies.ts';
import type { ErrorCode } from './error-code.ts';
import { Fields } from './fields.ts';
import type { Inflow } from './inflow.ts';
import type { HttpInstance } from './instance.ts';
import { Signal } from './signal.ts';
import { type Method, methodOf, type Scheme, schemeOf } from './variants.ts';

/** What all messages that come have: fields that can't be changed, and a body that is taken once. */
abstract class IncomingMessage {
  protected readonly instance: HttpInstance;
  readonly #inflow: Inflow;
  readonly #fields: Fields;
  #consumed = false;
  #open = true;

  /** Throws WasiTrap for one resource too many. */
  constructor(instance: HttpInstance, raw: readonly string[], inflow: Inflow) {
    this.instance = instance;
    this.#inflow = inflow;
    this.#fields = Fields.incoming(instance, raw);
    instance.wasi.take();
  }

  /** `headers` */
  headers(): Fields {
    return this.#fields.view();
  }

  /** `consume`: once. Throws FAILED. */
  consume(): IncomingBody {
    if (this.#consumed) throw FAILED;
    const body = new IncomingBody(this.instance, this.#inflow);
    this.#consumed = true;
    return body;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.instance.wasi.release();
    this.#fields[Symbol.dispose]();
    if (!this.#consumed) this.#inflow.drop();
  }
}

/** What is known of a request before its fields. */
export interface RequestLine {
  readonly method: string;
  readonly path: string;
  readonly scheme: string;
  readonly authority: string;
}

/** Resource `wasi:http/types.incoming-request` (wasi-http 0.2, wit/types.wit). */
export class IncomingRequest extends IncomingMessage {
  readonly #line: RequestLine;

  constructor(instance: HttpInstance, line: RequestLine, raw: readonly string[], inflow: Inflow) {
    super(instance, raw, inflow);
    this.#line = line;
  }

  /** `[method]incoming-request.method` */
  method(): Method {
    return methodOf(this.#line.method);
  }

  /** `[method]incoming-request.path-with-query` */
  pathWithQuery(): string | undefined {
    return this.#line.path;
  }

  /** `[method]incoming-request.scheme` */
  scheme(): Scheme | undefined {
    return schemeOf(this.#line.scheme);
  }

  /** `[method]incoming-request.authority` */
  authority(): string | undefined {
    return this.#line.authority === '' ? undefined : this.#line.authority;
  }
}

/** Resource `wasi:http/types.incoming-response`. */
export class IncomingResponse extends IncomingMessage {
  readonly #status: number;

  constructor(instance: HttpInstance, status: number, raw: readonly string[], inflow: Inflow) {
    super(instance, raw, inflow);
    this.#status = status;
  }

  /** `[method]incoming-response.status` */
  status(): number {
    return this.#status;
  }
}

/** A response that is to come, or an error in its place; the guest takes it once. */
export class PendingResponse {
  readonly signal = new Signal();
  #answer: Result<{ status: number; raw: readonly string[]; inflow: Inflow }, ErrorCode> | undefined;
  #dropped = false;

  get settled(): boolean {
    return this.#answer !== undefined;
  }

  get answer(): Result<{ status: number; raw: readonly string[]; inflow: Inflow }, ErrorCode> | undefined {
    return this.#answer;
  }

  came(status: number, raw: readonly string[], inflow: Inflow): void {
    this.#settle({ tag: 'ok', val: { status, raw, inflow } });
    if (this.#dropped) inflow.drop();
  }

  fail(code: ErrorCode): void {
    this.#settle({ tag: 'err', val: code });
  }

  /** The guest takes no response: what came of it, or is to come, has no use. */
  drop(): void {
    this.#dropped = true;
    if (this.#answer?.tag === 'ok') this.#answer.val.inflow.drop();
  }

  #settle(answer: NonNullable<PendingResponse['answer']>): void {
    if (this.#answer !== undefined) return;
    this.#answer = answer;
    this.signal.changed();
  }
}

/** Resource `wasi:http/types.future-incoming-response`. */
export class FutureIncomingResponse {
  readonly #instance: HttpInstance;
  readonly #pending: PendingResponse;
  #given = false;
  #open = true;

  /** Throws WasiTrap for one resource too many. */
  constructor(instance: HttpInstance, pending: PendingResponse) {
    instance.wasi.take();
    this.#instance = instance;
    this.#pending = pending;
  }

  /** `[method]future-incoming-response.subscribe` */
  subscribe(): Pollable {
    const pending = this.#pending;
    return new Pollable(this.#instance.wasi, () => (pending.settled ? undefined : pending.signal.next()));
  }

  /** `[method]future-incoming-response.get`: none yet; then once what came. */
  get(): Result<Result<IncomingResponse, ErrorCode>, undefined> | undefined {
    const { answer } = this.#pending;
    if (answer === undefined) return undefined;
    if (this.#given) return { tag: 'err', val: undefined };
    this.#given = true;
    if (answer.tag === 'err') return { tag: 'ok', val: answer };
    const { status, raw, inflow } = answer.val;
    return { tag: 'ok', val: { tag: 'ok', val: new IncomingResponse(this.#instance, status, raw, inflow) } };
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#instance.wasi.release();
    if (!this.#given) this.#pending.drop();
  }
}
