import { IoError } from './error.ts';
import { InputStream } from './input-stream.ts';
import type { WasiInstance } from './instance.ts';
import { OutputStream } from './output-stream.ts';
import { Pollable, poll } from './pollable.ts';

export { IoError, type StreamError } from './error.ts';
export { type ByteSource, InputStream, READ_MAX_BYTES } from './input-stream.ts';
export { RESOURCES_MAX, type WaitMode, WasiInstance } from './instance.ts';
export { BLOCKING_WRITE_MAX_BYTES, type ByteSink, OutputStream, WRITE_MAX_BYTES } from './output-stream.ts';
export { POLL_MAX, Pollable, poll } from './pollable.ts';
export { type AskReady, Readiness } from './readiness.ts';

/** Functions that return promises with `mode: 'jspi'`, as jco's option `asyncImports` wants them: without versions. */
export const ASYNC_IMPORTS: readonly string[] = [
  'wasi:io/poll#poll',
  'wasi:io/poll#[method]pollable.block',
  'wasi:io/streams#[method]input-stream.blocking-read',
  'wasi:io/streams#[method]input-stream.blocking-skip',
  'wasi:io/streams#[method]output-stream.blocking-flush',
  'wasi:io/streams#[method]output-stream.blocking-write-and-flush',
  'wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush',
  'wasi:io/streams#[method]output-stream.blocking-splice',
];

/** The import objects of `wasi:io`; the classes are the same for every instance. */
export function ioImports(instance: WasiInstance): Record<string, object> {
  return {
    'wasi:io/error': { Error: IoError },
    'wasi:io/poll': { Pollable, poll: (pollables: readonly Pollable[]) => poll(instance, pollables) },
    'wasi:io/streams': { InputStream, OutputStream },
  };
}
