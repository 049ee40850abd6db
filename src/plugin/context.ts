import type { Host } from '../abi/host.ts';
import { LOG_LEVELS, Status } from '../abi/types.ts';
import type { FilterLimits, LimitName } from '../config/types.ts';
import type { GuestError, HostState } from '../errors.ts';
import { BodyBuffer } from '../message/body.ts';
import type { FieldMap } from '../message/fields.ts';
import type { PluginState } from './state.ts';

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
}
