import type { FilterLimits, LimitName } from '../config/types.ts';
import type { BodyBuffer } from '../message/body.ts';
import type { FieldMap, RawFields } from '../message/fields.ts';
import type { RequestHeaders } from '../message/headers.ts';
import type { MetricType, Status } from './types.ts';

/** A value of the shared data. */
export interface SharedValue {
  /** The receiver's to keep. */
  readonly value: Uint8Array;
  /** Its version, 1 to 2^32-1; counts up with each set of the key, and is never used again for it. */
  readonly cas: number;
}

/** In place of a status: a limit of the filter's was reached, and nothing was changed. The ABI has no status for that. */
export const FULL = -1;

/** How a call ended: a gRPC status; of an HTTP call its status, or 9 (Envoy's BrokenConnection) when it failed. */
export interface CallStatus {
  readonly code: number;
  readonly message: string;
}

/** A request that a guest makes: checked as far as its parts go. Texts are latin1 strings. */
export interface HttpCallRequest {
  readonly upstream: string;
  readonly headers: RequestHeaders;
  readonly body: Buffer;
  readonly trailers: RawFields;
  /** ms; 0: as the upstream's configuration says. */
  readonly timeout: number;
}

/** A gRPC call or stream that a guest opens. Texts are latin1 strings. */
export interface GrpcCallRequest {
  /** A name, or a serialized GrpcService of Envoy's with one. */
  readonly upstream: Buffer;
  readonly service: string;
  readonly method: string;
  readonly metadata: RawFields;
  /** The one message of a call; undefined: a stream. */
  readonly message: Buffer | undefined;
  /** ms; 0: none. */
  readonly timeout: number;
}

/**
 * What hostcalls act on: the current (or effective) context. Hostcalls decode pointers, call this, encode the
 * result; contexts know nothing of guest memory. `undefined` means: not available to this context now.
 */
export interface Host {
  /** Of the context, within its VM. */
  readonly id: number;
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

  /** `period` in ms; 0: no ticks any more. */
  setTickPeriod(period: number): Status;

  // What gives an id (1 to 2^32-1) or a status gives the status negated.

  /** Whether calls to that upstream are granted: statuses don't tell. */
  mayCall(upstream: string): boolean;
  httpCall(request: HttpCallRequest): number;
  grpcCall(request: GrpcCallRequest): number;
  /** FULL: more than may wait to go out. */
  grpcSend(call: number, message: Buffer, endOfStream: boolean): Status | typeof FULL;
  grpcCancel(call: number): Status;
  grpcClose(call: number): Status;
  /** Of the call whose end is told now, or was told last. */
  callStatus(): CallStatus;

  /** Whether shared data and queues are granted: statuses don't tell. */
  readonly mayShare: boolean;
  sharedData(key: string): SharedValue | Status;
  /** FULL: more than the filter may keep. */
  setSharedData(key: string, value: Buffer, cas: number): Status | typeof FULL;
  registerQueue(name: string): number;
  resolveQueue(vmId: string, name: string): number;
  /** FULL: the queue is, or all of its vm id. */
  enqueue(queue: number, value: Buffer): Status | typeof FULL;
  dequeue(queue: number): Uint8Array | Status;

  defineMetric(type: MetricType, name: string): number;
  recordMetric(metric: number, value: bigint): Status;
  incrementMetric(metric: number, offset: bigint): Status;
  metricValue(metric: number): bigint | Status;

  callForeignFunction(name: string, args: Buffer): Uint8Array | Status;
}
