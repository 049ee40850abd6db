import { IoError, type StreamError } from './error.ts';
import type { WasiInstance } from './instance.ts';
import { Pollable } from './pollable.ts';
import { Readiness } from './readiness.ts';

/** Most bytes of one read: what the guest asks for is a u64. */
export const READ_MAX_BYTES = 64 * 1024;

const NOTHING = new Uint8Array(0);

/** Where an input stream's bytes come from. */
export interface ByteSource {
  /**
   * At most `max` bytes, which may be 0 (then none are taken: is it open?). `would-block`: none yet. `closed`: at the
   * end. An IoError: it failed, and nothing is asked any more. Bytes given are the stream's to keep.
   */
  read(max: number): Uint8Array | 'would-block' | 'closed' | IoError;
  /** Undefined: `read` would not answer `would-block`. Otherwise a promise that settles when that may have changed. */
  ready(): Promise<void> | undefined;
  /** The stream was dropped. Called once. */
  close?(): void;
}

const ended: ByteSource = { read: () => 'closed', ready: () => undefined };

/** Resource `wasi:io/streams.input-stream` (wasi-io 0.2, wit/streams.wit). Methods throw StreamError as jco's `err`. */
export class InputStream {
  readonly #instance: WasiInstance;
  readonly #readiness: Readiness;
  #source: ByteSource;
  #open = true;

  /** Throws WasiTrap for one resource too many; the source is then not closed. */
  constructor(instance: WasiInstance, source: ByteSource) {
    instance.take();
    this.#instance = instance;
    this.#source = source;
    this.#readiness = new Readiness(() => this.#source.ready());
  }

  /** A stream that is at its end. */
  static empty(instance: WasiInstance): InputStream {
    return new InputStream(instance, ended);
  }

  get readiness(): Readiness {
    return this.#readiness;
  }

  /** `[method]input-stream.read`: up to `len` and READ_MAX_BYTES bytes; none when there are none yet. */
  read(len: bigint): Uint8Array {
    const max = len < BigInt(READ_MAX_BYTES) ? Number(len) : READ_MAX_BYTES;
    const got = this.#source.read(max);
    if (got === 'would-block') return NOTHING;
    if (got === 'closed') {
      this.#end();
      throw { tag: 'closed' } satisfies StreamError;
    }
    if (got instanceof IoError) {
      this.#end();
      throw { tag: 'last-operation-failed', val: got.holdBy(this.#instance) } satisfies StreamError;
    }
    return got;
  }

  /** `[method]input-stream.blocking-read`: waits for one byte. Throws WouldWait in sync mode when it has to. */
  blockingRead(len: bigint): Uint8Array | Promise<Uint8Array> {
    return this.#waitFor('blocking-read', () => {
      const bytes = this.read(len);
      return bytes.length > 0 || len === 0n ? bytes : undefined;
    });
  }

  /** `[method]input-stream.skip`: as read, but tells only how many. */
  skip(len: bigint): bigint {
    return BigInt(this.read(len).length);
  }

  /** `[method]input-stream.blocking-skip`: as blocking-read, but tells only how many. */
  blockingSkip(len: bigint): bigint | Promise<bigint> {
    return this.#waitFor('blocking-skip', () => {
      const count = this.skip(len);
      return count > 0n || len === 0n ? count : undefined;
    });
  }

  /** `[method]input-stream.subscribe`: ready when read would give bytes or an error. */
  subscribe(): Pollable {
    return new Pollable(this.#instance, this.#readiness);
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#instance.release();
    this.#end();
  }

  #waitFor<T>(method: string, attempt: () => T | undefined): T | Promise<T> {
    return this.#instance.until(`wasi:io/streams#[method]input-stream.${method}`, [this.#readiness], attempt);
  }

  /** The source is let go at its end: the guest may keep the stream. */
  #end(): void {
    const source = this.#source;
    this.#source = ended;
    source.close?.();
  }
}
