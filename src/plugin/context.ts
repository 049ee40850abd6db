import type { CallStatus, FULL, GrpcCallRequest, Host, HttpCallRequest, SharedValue } from '../abi/host.ts';
import { LOG_LEVELS, type MetricType, Status } from '../abi/types.ts';
import type { FilterLimits, LimitName } from '../config/types.ts';
import type { GuestError, HostState } from '../errors.ts';
import { BodyBuffer } from '../message/body.ts';
import type { FieldMap } from '../message/fields.ts';
import type { PluginState } from './state.ts';

/** How a call ended, before there was one. */
export const NO_STATUS: CallStatus = { code: 0, message: '' };

/** A context in which nothing but logging is available: what all kinds of context have in common. */
export class Context implements Host {
  /** Unique within its VM; 0 is no context. */
  readonly id: number;
  /** Name of the filter. */
  readonly name: string;
  readonly logLevel: number;
  /** What all contexts of the plugin share. */
  readonly state: PluginState;
  /** How long a callback on this context may run, in milliseconds. */
  callTime: number;

  constructor(id: number, state: PluginState) {
    this.id = id;
    this.name = state.name;
    this.state = state;
    this.logLevel = state.logLevel;
    this.callTime = state.limits.startTime;
  }

  get limits(): FilterLimits {
    return this.state.limits;
  }

  hit(limit: LimitName): void {
    this.state.counters.limitHits[limit]++;
  }

  log(level: number, message: string): void {
    if (level < this.logLevel || !this.state.logLimit.admit()) return;
    this.state.log[LOG_LEVELS[level] ?? 'error'](this.state.logFields, message);
  }

  fields(_map: number): FieldMap | undefined {
    return undefined;
  }

  writableFields(_map: number): FieldMap | undefined {
    return undefined;
  }

  buffer(_type: number): BodyBuffer | undefined {
    return undefined;
  }

  writableBuffer(_type: number): BodyBuffer | undefined {
    return undefined;
  }

  property(_path: string): Uint8Array | undefined {
    return undefined;
  }

  setProperty(_path: string, _value: Buffer): Status {
    return Status.NOT_FOUND;
  }

  continueStream(_stream: number): Status {
    return Status.BAD_ARGUMENT;
  }

  closeStream(_stream: number): Status {
    return Status.BAD_ARGUMENT;
  }

  sendLocalResponse(..._: Parameters<Host['sendLocalResponse']>): Status {
    return Status.BAD_ARGUMENT;
  }

  done(): Status {
    return Status.NOT_FOUND;
  }

  clearRouteCache(): Status {
    return Status.BAD_ARGUMENT;
  }

  /** Its VM is dead. */
  vmDied(_death: GuestError, _hostState: HostState): void {}

  configuration(): BodyBuffer {
    return new BodyBuffer();
  }

  setTickPeriod(_period: number): Status {
    return Status.BAD_ARGUMENT;
  }

  mayCall(upstream: string): boolean {
    return this.state.capabilities.upstreams.includes(upstream);
  }

  httpCall(_request: HttpCallRequest): number {
    return -Status.BAD_ARGUMENT;
  }

  grpcCall(_request: GrpcCallRequest): number {
    return -Status.BAD_ARGUMENT;
  }

  grpcSend(_call: number, _message: Buffer, _endOfStream: boolean): Status | typeof FULL {
    return Status.NOT_FOUND;
  }

  grpcCancel(_call: number): Status {
    return Status.NOT_FOUND;
  }

  grpcClose(_call: number): Status {
    return Status.NOT_FOUND;
  }

  callStatus(): CallStatus {
    return NO_STATUS;
  }

  get mayShare(): boolean {
    return this.state.capabilities.sharedData;
  }

  sharedData(_key: string): SharedValue | Status {
    return Status.INTERNAL_FAILURE;
  }

  setSharedData(_key: string, _value: Buffer, _cas: number): Status | typeof FULL {
    return Status.INTERNAL_FAILURE;
  }

  registerQueue(_name: string): number {
    return -Status.INTERNAL_FAILURE;
  }

  resolveQueue(_vmId: string, _name: string): number {
    return -Status.INTERNAL_FAILURE;
  }

  enqueue(_queue: number, _value: Buffer): Status | typeof FULL {
    return Status.INTERNAL_FAILURE;
  }

  dequeue(_queue: number): Uint8Array | Status {
    return Status.INTERNAL_FAILURE;
  }

  defineMetric(_type: MetricType, _name: string): number {
    return -Status.BAD_ARGUMENT;
  }

  recordMetric(_metric: number, _value: bigint): Status {
    return Status.NOT_FOUND;
  }

  incrementMetric(_metric: number, _offset: bigint): Status {
    return Status.NOT_FOUND;
  }

  metricValue(_metric: number): bigint | Status {
    return Status.NOT_FOUND;
  }

  callForeignFunction(_name: string, _args: Buffer): Uint8Array | Status {
    return Status.NOT_FOUND;
  }
}
