import type { FilterLimits, LimitName } from '../config/types.ts';
import type { BodyBuffer } from '../message/body.ts';
import type { FieldMap, RawFields } from '../message/fields.ts';
import type { Status } from './types.ts';

/**
 * What hostcalls act on: the current (or effective) context. Hostcalls decode pointers, call this, encode the
 * result; contexts know nothing of guest memory. `undefined` means: not available to this context now.
 */
export interface Host {
  /** A map that may be read now. */
  fields(map: number): FieldMap | undefined;
  /** A map that may be changed now. */
  writableFields(map: number): FieldMap | undefined;
  buffer(type: number): BodyBuffer | undefined;
  writableBuffer(type: number): BodyBuffer | undefined;
  /** What the guest may make the host hold. */
  readonly limits: FilterLimits;
  /** The guest reached one of them: to be counted. */
  hit(limit: LimitName): void;

  /** Index into LOG_LEVELS; logs below it are dropped. */
  readonly logLevel: number;
  /** `level` is an index into LOG_LEVELS. */
  log(level: number, message: string): void;

  /** The value in its binary form, or undefined. `path` has its segments separated by NUL. */
  property(path: string): Uint8Array | undefined;
  setProperty(path: string, value: Buffer): Status;

  /** `stream` is a proxy_stream_type_t that was checked. */
  continueStream(stream: number): Status;
  closeStream(stream: number): Status;
  /** `grpcStatus` is -1 when absent. Headers were checked to be legal fields. */
  sendLocalResponse(
    status: number,
    details: string,
    body: Buffer,
    headers: RawFields,
    grpcStatus: number,
  ): Status;
  /** proxy_done. */
  done(): Status;
  /** ABI 0.1.0 only. */
  clearRouteCache(): Status;
  /** ABI 0.1.0 only: the configuration that may be read now, or an empty one. */
  configuration(): BodyBuffer;
}
