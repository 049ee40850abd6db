import type { RawFields } from '../../message/fields.ts';
import { type ByteSink, type IoError, WRITE_MAX_BYTES } from '../wasi/io/index.ts';
import { bodyError, type ErrorCode } from './error-code.ts';
import { Signal } from './signal.ts';

/** Where a body goes. None of these is called with the guest on the stack. */
export interface OutflowTarget {
  /** What is sent would only pile up: `Outflow.drain` follows. */
  full(): boolean;
  /** An empty chunk only with `end`. */
  data(chunk: Buffer, end: boolean): void;
  /** The end, with trailers. */
  trailers(trailers: RawFields): void;
  /** The guest did not finish it, or wrote another number of bytes than it said. */
  broken(reason: string): void;
}

const EMPTY = Buffer.alloc(0);

/** A body on its way from a guest: written, counted, and sent when the guest is off the stack. */
export class Outflow implements ByteSink {
  /** Bytes that its message's Content-Length says; -1: none. */
  readonly declared: number;
  readonly #sizeError: 'HTTP-request-body-size' | 'HTTP-response-body-size';
  readonly #signal = new Signal();
  readonly #unsent: ((bytes: number) => void) | undefined;
  #target: OutflowTarget | undefined;
  #queue: Buffer[] = [];
  #held = 0;
  #written = 0;
  #flushing = false;
  #scheduled = false;
  /** The guest finished it. */
  #finished = false;
  #trailers: RawFields | undefined;
  /** Nobody takes it any more; `undefined` as a code: the other side has gone. */
  #closed: { readonly code: ErrorCode | undefined } | undefined;
  #broken: string | undefined;
  /** The end was sent, or the breaking off. */
  #over = false;

  /** `unsent`: told of bytes that are held while no message takes them; it may throw. */
  constructor(declared: number, kind: 'request' | 'response', unsent?: (bytes: number) => void) {
    this.declared = declared;
    this.#sizeError = `HTTP-${kind}-body-size`;
    this.#unsent = unsent;
  }

  /** All of it has gone, one way or the other. */
  get over(): boolean {
    return this.#over;
  }

  /** Nothing was written yet, and it isn't finished. */
  get untouched(): boolean {
    return this.#written === 0 && !this.#finished && this.#broken === undefined;
  }

  /** It has something to send, and it is the target that takes nothing. */
  get stuck(): boolean {
    return !this.#over && this.#held > 0 && this.#target?.full() === true;
  }

  /** Bytes of the whole body when all of it is at hand; else what was declared, or -1. */
  get length(): number {
    if (this.#finished && this.#trailers === undefined) return this.#written;
    return this.declared;
  }

  /** All of the body is at hand, and it is empty. */
  get empty(): boolean {
    return this.#finished && this.#trailers === undefined && this.#written === 0;
  }

  // From the host.

  /** Its message is on its way: what is written goes there. */
  attach(target: OutflowTarget): void {
    if (this.#target === undefined) this.#unsent?.(-this.#held);
    this.#target = target;
    this.#pump();
  }

  /** The target takes more. */
  drain(): void {
    this.#schedule();
  }

  /** Nobody reads it any more; no code: the other side has gone. Calls after the first do nothing. */
  fail(code?: ErrorCode): void {
    if (this.#closed !== undefined) return;
    this.#closed = { code };
    this.#over = true;
    this.#queue = [];
    this.#held = 0;
    this.#signal.changed();
  }

  // From the guest.

  credit(): number | 'closed' | IoError {
    const closed = this.#closed;
    if (closed !== undefined) return closed.code === undefined ? 'closed' : bodyError(closed.code);
    if (this.#flushing) return 0;
    return Math.max(WRITE_MAX_BYTES - this.#held, 0);
  }

  write(bytes: Uint8Array): void {
    if (this.#closed !== undefined || this.#finished || this.#broken !== undefined) return;
    if (this.#target === undefined) this.#unsent?.(bytes.length);
    this.#written += bytes.length;
    if (this.declared >= 0 && this.#written > this.declared) {
      this.break(`its body is longer than the Content-Length it set (${this.declared})`);
      this.#closed = { code: this.#wrongSize };
      return;
    }
    this.#queue.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.#held += bytes.length;
    this.#schedule();
  }

  flush(): void {
    if (this.#held === 0 && this.#target?.full() !== true) return;
    this.#flushing = true;
    this.#schedule();
  }

  ready(): Promise<void> | undefined {
    if (this.#closed !== undefined) return undefined;
    if (!this.#flushing && this.#held < WRITE_MAX_BYTES) return undefined;
    return this.#signal.next();
  }

  /** The body is whole: too late when it was broken off. Throws ErrorCode as jco's `err` when it is not as long as was said. */
  finish(trailers: RawFields | undefined): void {
    if (this.#broken !== undefined)
      throw this.#closed?.code ?? ({ tag: 'connection-terminated' } satisfies ErrorCode);
    if (this.declared >= 0 && this.#written !== this.declared) {
      this.break(`its body has ${this.#written} bytes, the Content-Length it set says ${this.declared}`);
      throw this.#wrongSize;
    }
    this.#finished = true;
    if (trailers !== undefined && trailers.length > 0) this.#trailers = trailers;
    this.#schedule();
  }

  /** It was not finished, and won't be. Calls after the first, or after `finish`, do nothing. */
  break(reason: string): void {
    if (this.#finished || this.#broken !== undefined || this.#over) return;
    this.#broken = reason;
    this.#schedule();
  }

  get #wrongSize(): ErrorCode {
    return { tag: this.#sizeError, val: BigInt(this.#written) };
  }

  #schedule(): void {
    if (this.#scheduled || this.#over) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    const target = this.#target;
    if (target === undefined || this.#over) return;
    while (this.#queue.length > 0 && !target.full()) {
      const chunk = this.#queue.shift()!;
      this.#held -= chunk.length;
      const end = this.#finished && this.#queue.length === 0 && this.#trailers === undefined;
      if (end) this.#over = true;
      target.data(chunk, end);
      // What was sent may have ended the stream.
      if (this.#over) break;
    }
    if (!this.#over && this.#queue.length === 0) this.#end(target);
    if (this.#queue.length === 0 && !target.full()) this.#flushing = false;
    this.#signal.changed();
  }

  #end(target: OutflowTarget): void {
    if (this.#broken !== undefined) {
      this.#over = true;
      target.broken(this.#broken);
    } else if (this.#finished) {
      this.#over = true;
      if (this.#trailers === undefined) target.data(EMPTY, true);
      else target.trailers(this.#trailers);
    }
  }
}
