/** Imports of wasi:http components that may suspend them: functions of WASI that wait, in jco's notation. */
export const JSPI_IMPORTS: readonly string[] = [
  'wasi:io/poll#poll',
  'wasi:io/poll#[method]pollable.block',
  'wasi:io/streams#[method]input-stream.blocking-read',
  'wasi:io/streams#[method]input-stream.blocking-skip',
  'wasi:io/streams#[method]output-stream.blocking-flush',
  'wasi:io/streams#[method]output-stream.blocking-write-and-flush',
  'wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush',
  'wasi:io/streams#[method]output-stream.blocking-splice',
];

/** Exports that a wasi:http component may be suspended in. */
export const JSPI_EXPORTS: readonly string[] = ['wasi:http/incoming-handler#handle'];
