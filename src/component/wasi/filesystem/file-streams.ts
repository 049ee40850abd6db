import { fstatSync, readSync, writeSync } from 'node:fs';
import { type ByteSink, type ByteSource, WRITE_MAX_BYTES } from '../io/index.ts';
import { FileError, system } from './codes.ts';
import type { Handle } from './handles.ts';

/** Most bytes of one read or write of a file. */
export const FILE_CALL_MAX_BYTES = 64 * 1024;
/** Longest file a guest may make: a few bytes written far out would otherwise be a file of any size. */
export const FILE_MAX_BYTES = 1024 * 1024 * 1024;

/** Up to FILE_CALL_MAX_BYTES bytes at `offset`; none at the end. Throws ErrorCode. */
export function readAt(handle: Handle, length: bigint, offset: bigint): Uint8Array {
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw 'invalid';
  const max = length < BigInt(FILE_CALL_MAX_BYTES) ? Number(length) : FILE_CALL_MAX_BYTES;
  const bytes = Buffer.allocUnsafe(max);
  const { fd } = handle;
  return bytes.subarray(
    0,
    system(() => readSync(fd, bytes, 0, max, Number(offset))),
  );
}

/** Writes up to FILE_CALL_MAX_BYTES bytes at `offset` and tells how many. Throws ErrorCode. */
export function writeAt(handle: Handle, bytes: Uint8Array, offset: bigint): number {
  const length = Math.min(bytes.length, FILE_CALL_MAX_BYTES);
  if (offset + BigInt(length) > BigInt(FILE_MAX_BYTES)) throw 'file-too-large';
  const { fd } = handle;
  return system(() => writeSync(fd, bytes, 0, length, Number(offset)));
}

/** A file from `offset` on. Takes over a hold on `handle`. Never waits. */
export function fileSource(handle: Handle, offset: bigint): ByteSource {
  let position = offset;
  return {
    read(max) {
      try {
        const bytes = readAt(handle, BigInt(max), position);
        if (bytes.length === 0 && max > 0) return 'closed';
        position += BigInt(bytes.length);
        return bytes;
      } catch (error) {
        return fileError(error);
      }
    },
    ready: () => undefined,
    close: () => handle.release(),
  };
}

/**
 * A file from `offset` on, or at its end ('append': of two that append, other processes included, one may overwrite
 * the other). Takes over a hold on `handle`. Never waits; a write is in the file when it returns.
 */
export function fileSink(handle: Handle, offset: bigint | 'append'): ByteSink {
  let position = offset;
  let failed: FileError | undefined;
  return {
    credit: () => failed ?? WRITE_MAX_BYTES,
    write(bytes) {
      try {
        for (let rest = bytes; rest.length > 0; ) {
          const { fd } = handle;
          const here = position === 'append' ? system(() => fstatSync(fd, { bigint: true })).size : position;
          const count = writeAt(handle, rest, here);
          rest = rest.subarray(count);
          if (position !== 'append') position += BigInt(count);
        }
      } catch (error) {
        failed = fileError(error);
      }
    },
    flush() {},
    ready: () => undefined,
    close: () => handle.release(),
  };
}

/** Error codes are thrown as strings; anything else is a fault of ours. */
function fileError(error: unknown): FileError {
  if (typeof error !== 'string') throw error;
  return new FileError(error as FileError['fileCode']);
}
