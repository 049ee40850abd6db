import type { WasiInstance } from './instance.ts';

/**
 * Resource `wasi:io/error.error` (wasi-io 0.2, wit/error.wit): why an operation of a stream failed. Not a JavaScript
 * `Error`: jco's glue would take a thrown one for a fault of the host.
 */
export class IoError {
  /** One line for a log. Never holds what the guest wasn't granted to know, such as a path of the host. */
  readonly message: string;
  /** The code for `filesystem-error-code` and its likes in sockets and http; undefined: none. */
  readonly code: unknown;
  #holder: WasiInstance | undefined;

  constructor(message: string, code?: unknown) {
    this.message = message;
    this.code = code;
  }

  /** Counts it among the instance's resources, before it goes to the guest. Throws WasiTrap for one too many. */
  holdBy(instance: WasiInstance): this {
    if (this.#holder === undefined) {
      instance.take();
      this.#holder = instance;
    }
    return this;
  }

  /** `[method]error.to-debug-string` */
  toDebugString(): string {
    return this.message;
  }

  [Symbol.dispose](): void {
    this.#holder?.release();
    this.#holder = undefined;
  }
}

/** Variant `wasi:io/streams.stream-error` as jco wants it thrown. */
export type StreamError =
  | { readonly tag: 'last-operation-failed'; readonly val: IoError }
  | { readonly tag: 'closed' };
