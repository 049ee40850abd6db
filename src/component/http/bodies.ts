import type { RawFields } from '../../message/fields.ts';
import { InputStream, OutputStream, Pollable } from '../wasi/io/index.ts';
import type { ErrorCode } from './error-code.ts';
import { Fields } from './fields.ts';
import type { Inflow } from './inflow.ts';
import type { HttpInstance } from './instance.ts';
import type { Outflow } from './outflow.ts';

/** Type `result` as jco wants it where it isn't what a function returns. */
export type Result<T, E> = { readonly tag: 'ok'; readonly val: T } | { readonly tag: 'err'; readonly val: E };

/** The `err` of a result without a payload, as jco wants it thrown. */
export const FAILED = undefined;

/** Resource `wasi:http/types.incoming-body` (wasi-http 0.2, wit/types.wit). */
export class IncomingBody {
  readonly #instance: HttpInstance;
  readonly #inflow: Inflow;
  #streamed = false;
  #open = true;

  /** Throws WasiTrap for one resource too many. */
  constructor(instance: HttpInstance, inflow: Inflow) {
    instance.wasi.take();
    this.#instance = instance;
    this.#inflow = inflow;
  }

  /** `[method]incoming-body.stream`: once. Throws FAILED. */
  stream(): InputStream {
    if (this.#streamed) throw FAILED;
    const stream = new InputStream(this.#instance.wasi, this.#inflow);
    this.#streamed = true;
    return stream;
  }

  /** `[static]incoming-body.finish`: what is left of the body is dropped. */
  static finish(body: IncomingBody): FutureTrailers {
    body.#release();
    const future = new FutureTrailers(body.#instance, body.#inflow);
    body.#inflow.finish();
    return future;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#release();
    this.#inflow.drop();
  }

  #release(): void {
    this.#open = false;
    this.#instance.wasi.release();
  }
}

/** Resource `wasi:http/types.future-trailers`. */
export class FutureTrailers {
  readonly #instance: HttpInstance;
  readonly #inflow: Inflow;
  #given = false;
  #open = true;

  constructor(instance: HttpInstance, inflow: Inflow) {
    instance.wasi.take();
    this.#instance = instance;
    this.#inflow = inflow;
  }

  /** `[method]future-trailers.subscribe` */
  subscribe(): Pollable {
    return new Pollable(this.#instance.wasi, () => this.#inflow.ending);
  }

  /** `[method]future-trailers.get`: none yet; then once what came. */
  get(): Result<Result<Fields | undefined, ErrorCode>, undefined> | undefined {
    const { over, failure, trailers } = this.#inflow;
    if (!over) return undefined;
    if (this.#given) return { tag: 'err', val: undefined };
    this.#given = true;
    if (failure !== undefined) return { tag: 'ok', val: { tag: 'err', val: failure } };
    const fields = trailers === undefined ? undefined : Fields.incoming(this.#instance, trailers);
    return { tag: 'ok', val: { tag: 'ok', val: fields } };
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#instance.wasi.release();
  }
}

/** Resource `wasi:http/types.outgoing-body`. */
export class OutgoingBody {
  readonly #instance: HttpInstance;
  readonly #outflow: Outflow;
  #streamed = false;
  #open = true;

  /** Throws WasiTrap for one resource too many. */
  constructor(instance: HttpInstance, outflow: Outflow) {
    instance.wasi.take();
    this.#instance = instance;
    this.#outflow = outflow;
  }

  /** `[method]outgoing-body.write`: once. Throws FAILED. */
  write(): OutputStream {
    if (this.#streamed) throw FAILED;
    const stream = new OutputStream(this.#instance.wasi, this.#outflow);
    this.#streamed = true;
    return stream;
  }

  /** `[static]outgoing-body.finish`. Throws ErrorCode when the body is not as long as its Content-Length says. */
  static finish(body: OutgoingBody, trailers: Fields | undefined): void {
    body.#release();
    const raw: RawFields | undefined = trailers?.raw.slice();
    trailers?.[Symbol.dispose]();
    body.#outflow.finish(raw);
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#release();
    this.#outflow.break('it dropped the body without finishing it');
  }

  #release(): void {
    this.#open = false;
    this.#instance.wasi.release();
  }
}
