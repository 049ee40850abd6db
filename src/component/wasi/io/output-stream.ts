import { WasiTrap } from '../trap.ts';
import { IoError, type StreamError } from './error.ts';
import type { InputStream } from './input-stream.ts';
import type { WasiInstance } from './instance.ts';
import { Pollable } from './pollable.ts';
import { Readiness } from './readiness.ts';

/** Most bytes one write is permitted, whatever the sink would take. */
export const WRITE_MAX_BYTES = 64 * 1024;
/** Most bytes of `blocking-write-and-flush` and `blocking-write-zeroes-and-flush`, as WIT has it. */
export const BLOCKING_WRITE_MAX_BYTES = 4096;

/** Where an output stream's bytes go. */
export interface ByteSink {
  /**
   * How many bytes `write` takes now, never less than before but for a write or flush; 0: none until `ready`, in
   * particular while a flush goes on. `closed`: the reader
   * is gone. An IoError: it failed, and nothing is asked any more.
   */
  credit(): number | 'closed' | IoError;
  /** Never more than the credit. What fails is told by the next call of `credit`. The bytes are the sink's to keep. */
  write(bytes: Uint8Array): void;
  /** Starts to hand on what was written. `credit` tells how it went. */
  flush(): void;
  /** Undefined: `credit` would not answer 0. Otherwise a promise that settles when that may have changed. */
  ready(): Promise<void> | undefined;
  /** The stream was dropped, after which nothing more is written; what was written is still to be sent. Called once. */
  close?(): void;
}

const ended: ByteSink = { credit: () => 'closed', write() {}, flush() {}, ready: () => undefined };

/** Resource `wasi:io/streams.output-stream` (wasi-io 0.2, wit/streams.wit). Methods throw StreamError as jco's `err`. */
export class OutputStream {
  readonly #instance: WasiInstance;
  readonly #readiness: Readiness;
  #sink: ByteSink;
  #permit = 0;
  #open = true;

  /** Throws WasiTrap for one resource too many; the sink is then not closed. */
  constructor(instance: WasiInstance, sink: ByteSink) {
    instance.take();
    this.#instance = instance;
    this.#sink = sink;
    this.#readiness = new Readiness(() => this.#sink.ready());
  }

  get readiness(): Readiness {
    return this.#readiness;
  }

  /** `[method]output-stream.check-write`: bytes the next write may have; 0: wait for `subscribe`. */
  checkWrite(): bigint {
    return BigInt(this.#check());
  }

  /** `[method]output-stream.write`. Throws WasiTrap for more than check-write permitted. */
  write(contents: Uint8Array): void {
    if (contents.length > this.#permit) throw new WasiTrap('write of more bytes than check-write permitted');
    if (this.#check() < contents.length) throw new WasiTrap('write of more bytes than can be taken');
    this.#put(contents);
  }

  /** `[method]output-stream.write-zeroes`. Throws WasiTrap as write. */
  writeZeroes(len: bigint): void {
    if (len > BigInt(this.#permit))
      throw new WasiTrap('write-zeroes of more bytes than check-write permitted');
    this.write(new Uint8Array(Number(len)));
  }

  /**
   * `[method]output-stream.blocking-write-and-flush`. Throws WasiTrap for more than BLOCKING_WRITE_MAX_BYTES;
   * WouldWait in sync mode when it has to wait.
   */
  blockingWriteAndFlush(contents: Uint8Array): undefined | Promise<undefined> {
    return this.#blockingWrite('blocking-write-and-flush', contents);
  }

  /** `[method]output-stream.blocking-write-zeroes-and-flush`: as blocking-write-and-flush. */
  blockingWriteZeroesAndFlush(len: bigint): undefined | Promise<undefined> {
    const method = 'blocking-write-zeroes-and-flush';
    if (len > BigInt(BLOCKING_WRITE_MAX_BYTES)) throw new WasiTrap(`${method} of more than 4096 bytes`);
    return this.#blockingWrite(method, new Uint8Array(Number(len)));
  }

  /** `[method]output-stream.flush`: check-write answers 0 until it is done. */
  flush(): void {
    this.#check();
    this.#permit = 0;
    this.#sink.flush();
  }

  /** `[method]output-stream.blocking-flush`. Throws WouldWait in sync mode when it has to wait. */
  blockingFlush(): undefined | Promise<undefined> {
    this.flush();
    return this.#finish(this.#waitFor('blocking-flush', () => this.#check() > 0 || undefined));
  }

  /** `[method]output-stream.splice`: up to `len` bytes of `src` that can be read and written without waiting. */
  splice(src: InputStream, len: bigint): bigint {
    const max = this.#check();
    const bytes = src.read(len < BigInt(max) ? len : BigInt(max));
    this.#put(bytes);
    return BigInt(bytes.length);
  }

  /** `[method]output-stream.blocking-splice`: waits for one byte. Throws WouldWait in sync mode when it has to. */
  blockingSplice(src: InputStream, len: bigint): bigint | Promise<bigint> {
    const attempt = () => {
      const count = this.splice(src, len);
      return count > 0n || len === 0n ? count : undefined;
    };
    const name = 'wasi:io/streams#[method]output-stream.blocking-splice';
    const pause = this.#instance.pace?.();
    if (pause !== undefined) return this.#spliceLater(name, src, attempt, pause);
    const first = attempt();
    if (first !== undefined) return first;
    return this.#spliceLater(name, src, attempt, this.#instance.wait(name, this.#missing(src)));
  }

  /** `[method]output-stream.subscribe`: ready when check-write would not answer 0. */
  subscribe(): Pollable {
    return new Pollable(this.#instance, this.#readiness);
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#instance.release();
    this.#end();
  }

  #check(): number {
    const credit = this.#sink.credit();
    if (typeof credit === 'number') {
      this.#permit = Math.min(credit, WRITE_MAX_BYTES);
      return this.#permit;
    }
    this.#permit = 0;
    this.#end();
    if (credit instanceof IoError) {
      throw { tag: 'last-operation-failed', val: credit.holdBy(this.#instance) } satisfies StreamError;
    }
    throw { tag: 'closed' } satisfies StreamError;
  }

  #put(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#permit -= bytes.length;
    this.#sink.write(bytes);
  }

  #blockingWrite(method: string, contents: Uint8Array): undefined | Promise<undefined> {
    if (contents.length > BLOCKING_WRITE_MAX_BYTES) throw new WasiTrap(`${method} of more than 4096 bytes`);
    let rest = contents;
    let flushing = false;
    const attempt = () => {
      while (!flushing) {
        const part = rest.subarray(0, this.#check());
        if (part.length === 0 && rest.length > 0) return undefined;
        this.#put(part);
        rest = rest.subarray(part.length);
        if (rest.length > 0) continue;
        flushing = true;
        this.flush();
      }
      return this.#check() > 0 || undefined;
    };
    return this.#finish(this.#waitFor(method, attempt));
  }

  #waitFor(method: string, attempt: () => true | undefined): true | Promise<true> {
    return this.#instance.until(
      `wasi:io/streams#[method]output-stream.${method}`,
      [this.#readiness],
      attempt,
    );
  }

  #finish(done: true | Promise<true>): undefined | Promise<undefined> {
    return done === true ? undefined : done.then(() => undefined);
  }

  /** What a splice lacks: waiting for either would spin while one is ready and the other is not. */
  #missing(src: InputStream): Readiness[] {
    return [this.#readiness.now ? src.readiness : this.#readiness];
  }

  async #spliceLater(
    name: string,
    src: InputStream,
    attempt: () => bigint | undefined,
    waited: Promise<void>,
  ): Promise<bigint> {
    await waited;
    for (;;) {
      const count = attempt();
      if (count !== undefined) return count;
      await this.#instance.wait(name, this.#missing(src));
    }
  }

  /** The sink is let go at its end: the guest may keep the stream. */
  #end(): void {
    const sink = this.#sink;
    this.#sink = ended;
    sink.close?.();
  }
}
