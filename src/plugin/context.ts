import type { Host } from '../abi/host.ts';
import { LOG_LEVELS, Status } from '../abi/types.ts';
import type { Log } from '../log.ts';
import { BodyBuffer } from '../message/body.ts';
import type { FieldMap } from '../message/fields.ts';

/** The smallest level, as an index into LOG_LEVELS, that a log keeps. */
export function levelIndex(log: Log): number {
  const index = (LOG_LEVELS as readonly string[]).indexOf(log.level);
  return index < 0 ? LOG_LEVELS.length - 1 : index;
}

/** A context in which nothing but logging is available: what all kinds of context have in common. */
export class Context implements Host {
  /** Unique within its VM; 0 is no context. */
  readonly id: number;
  /** Name of the filter. */
  readonly name: string;
  readonly logLevel: number;
  readonly #log: Log;
  readonly #fields: { filter: string };

  constructor(id: number, name: string, log: Log) {
    this.id = id;
    this.name = name;
    this.logLevel = levelIndex(log);
    this.#log = log;
    this.#fields = { filter: name };
  }

  get bufferLimit(): number {
    return 0;
  }

  log(level: number, message: string): void {
    if (level < this.logLevel) return;
    this.#log[LOG_LEVELS[level] ?? 'error'](this.#fields, message);
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
  vmDied(_reason: string): void {}

  configuration(): BodyBuffer {
    return new BodyBuffer();
  }
}
