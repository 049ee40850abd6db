import { EventEmitter } from 'node:events';
import type { RawFields } from '../message/fields.ts';

/** Where a request body comes from. */
export interface BodySource {
  /** The body takes more: called when reading starts, and again after `write` returned false. */
  bodyWanted(): void;
}

/**
 * A request body on its way to an upstream: the exchange writes, the transport reads. It has the events and methods
 * of a readable stream that undici uses (data, end; pause, resume, destroy), without a stream's buffer in between.
 */
export class RequestBody extends EventEmitter {
  /** Exact length in bytes, or -1: chunked. */
  readonly length: number;
  /** True once a byte was handed to the transport: the request can't be sent elsewhere any more. */
  started = false;
  /** Set before `end` is emitted. */
  trailers: RawFields = [];
  destroyed = false;
  readonly #source: BodySource;
  #queue: Buffer[] = [];
  #flowing = false;
  #ended = false;
  /** `emitHeld` is to run. */
  #emitting = false;
  #endEmitted = false;

  constructor(length: number, source: BodySource) {
    super();
    this.length = length;
    this.#source = source;
  }

  /** False: write no more until `BodySource.bodyWanted`. A body nobody reads any more takes and drops everything. */
  write(chunk: Buffer): boolean {
    if (this.destroyed) return true;
    if (!this.#flowing || this.#queue.length > 0) {
      this.#queue.push(chunk);
      return false;
    }
    this.started = true;
    this.emit('data', chunk);
    return this.#flowing;
  }

  end(trailers: RawFields = []): void {
    this.trailers = trailers;
    this.#ended = true;
    if (this.#flowing && this.#queue.length === 0) this.#emitEnd();
  }

  pause(): this {
    this.#flowing = false;
    return this;
  }

  /** What is held comes later, never from within the call: undici attaches to its socket after it. */
  resume(): this {
    if (this.#flowing || this.destroyed) return this;
    this.#flowing = true;
    if (this.#queue.length === 0 && !this.#ended) {
      this.#source.bodyWanted();
    } else if (!this.#emitting) {
      this.#emitting = true;
      process.nextTick(emitHeld, this);
    }
    return this;
  }

  /** Hands out what is held until the transport pauses. */
  emitHeld(): void {
    this.#emitting = false;
    if (this.destroyed) return;
    while (this.#flowing && this.#queue.length > 0) {
      this.started = true;
      this.emit('data', this.#queue.shift());
    }
    if (!this.#flowing) return;
    if (this.#ended) this.#emitEnd();
    else this.#source.bodyWanted();
  }

  /** The transport reads no more. */
  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.#queue = [];
    // What is left must still be read from the client, or its connection could never be used again.
    if (!this.#ended) this.#source.bodyWanted();
    return this;
  }

  /** undici takes what has `pipe` and `on` for a stream; it never calls this. */
  pipe(): never {
    throw new Error('RequestBody.pipe is not used');
  }

  #emitEnd(): void {
    if (this.#endEmitted) return;
    this.#endEmitted = true;
    this.emit('end');
  }
}

function emitHeld(body: RequestBody): void {
  body.emitHeld();
}
