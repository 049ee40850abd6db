import type { RawFields } from '../../message/fields.ts';
import type { ByteSource, IoError } from '../wasi/io/index.ts';
import { bodyError, type ErrorCode } from './error-code.ts';
import { Signal } from './signal.ts';

/** Where a body comes from. None of these is called with the guest on the stack. */
export interface InflowSource {
  /** True: send no more for now. It begins as the Inflow was told. */
  pause(paused: boolean): void;
  /** The guest has no use for what is still to come. */
  drop(): void;
}

/** A body on its way to a guest: what came and was not read yet, its end and its trailers. */
export class Inflow implements ByteSource {
  readonly #limit: number;
  readonly #source: InflowSource;
  readonly #signal = new Signal();
  #chunks: Buffer[] = [];
  #held = 0;
  #wanted: boolean;
  #paused: boolean;
  #scheduled = false;
  #ended = false;
  #trailers: RawFields | undefined;
  #failure: ErrorCode | undefined;
  /** What comes is not kept: the guest asked for the trailers only, or for nothing. */
  #discards = false;
  #dropped = false;

  /** `wanted` false: the source is paused, and asked for the body when the guest asks for it. */
  constructor(limit: number, source: InflowSource, wanted: boolean) {
    this.#limit = limit;
    this.#source = source;
    this.#wanted = wanted;
    this.#paused = !wanted;
  }

  /** All has come, or nothing more will. */
  get over(): boolean {
    return this.#ended || this.#failure !== undefined;
  }

  /** The guest wants more, and it is the source that has none. */
  get starved(): boolean {
    return this.#wanted && this.#held === 0 && !this.over;
  }

  get failure(): ErrorCode | undefined {
    return this.#failure;
  }

  get trailers(): RawFields | undefined {
    return this.#trailers;
  }

  // From the host.

  push(chunk: Buffer): void {
    if (chunk.length === 0 || this.over || this.#discards) return;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    this.#flow();
    this.#signal.changed();
  }

  end(trailers?: RawFields): void {
    if (this.over) return;
    this.#ended = true;
    this.#trailers = trailers;
    this.#signal.changed();
  }

  /** It broke off. Calls after the first, or after the end, do nothing. */
  fail(code: ErrorCode): void {
    if (this.over) return;
    this.#failure = code;
    this.#signal.changed();
  }

  // From the guest.

  read(max: number): Uint8Array | 'would-block' | 'closed' | IoError {
    const [first] = this.#chunks;
    if (first === undefined) {
      if (this.#failure !== undefined) return bodyError(this.#failure);
      if (this.#ended) return 'closed';
      this.#want();
      return 'would-block';
    }
    if (first.length <= max) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(max);
    const bytes = first.length <= max ? first : first.subarray(0, max);
    this.#held -= bytes.length;
    this.#flow();
    return bytes;
  }

  ready(): Promise<void> | undefined {
    if (this.#chunks.length > 0 || this.over) return undefined;
    this.#want();
    return this.#signal.next();
  }

  /** The stream was dropped: what comes is of no use, but its trailers may be. */
  close(): void {
    this.#discard();
  }

  /** The guest waits for what comes behind the body. */
  finish(): void {
    this.#discard();
    this.#want();
  }

  /** Settles when the end has come; undefined: it has. */
  get ending(): Promise<void> | undefined {
    return this.over ? undefined : this.#signal.next();
  }

  /** The guest has let go of the body. */
  drop(): void {
    this.#discard();
    if (this.over || this.#dropped) return;
    this.#dropped = true;
    queueMicrotask(() => {
      if (!this.over) this.#source.drop();
    });
  }

  #discard(): void {
    this.#discards = true;
    this.#chunks = [];
    this.#held = 0;
  }

  #want(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#flow();
  }

  /** Pauses above the limit, goes on below half of it. Not now: the guest may be on the stack. */
  #flow(): void {
    if (this.#scheduled || this.#mustPause === this.#paused) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      const paused = this.#mustPause;
      if (paused === this.#paused || this.over) return;
      this.#paused = paused;
      this.#source.pause(paused);
    });
  }

  get #mustPause(): boolean {
    return !this.#wanted || this.#held > (this.#paused ? this.#limit / 2 : this.#limit);
  }
}
