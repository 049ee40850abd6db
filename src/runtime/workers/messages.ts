import type { WeirConfig } from '../../config/types.ts';
import type { LogLevel } from '../../log.ts';
import type { PostedFilter } from '../../plugin/posted.ts';
import type { Binding, BoundAddress } from '../../proxy/listener.ts';
import type { Reading } from '../reading.ts';
import type { StateHandle } from '../shared-state.ts';
import type { PostedError } from './posted-error.ts';

/** What a worker begins with. */
export interface WorkerData {
  /** From 1 on; whoever takes its place has the same. */
  readonly number: number;
  readonly config: WeirConfig;
  /** Of the watchdog (engine/interrupt). */
  readonly bell: SharedArrayBuffer;
  readonly log: LogLevels;
  /** Shared data, queues and metrics of guests. */
  readonly state: StateHandle;
  /** It runs the services of which there is one in the process. */
  readonly singletons: boolean;
  /** Error.stackTraceLimit */
  readonly stackTraceLimit: number;
}

/** What of a log another thread has to know. */
export interface LogLevels {
  readonly level: string;
  readonly enabled: readonly LogLevel[];
  /** Lines that were written, counted by the thread that writes. */
  readonly written: SharedArrayBuffer;
}

export type PostedLine = readonly [level: LogLevel, fields: object, message: string];

/** From the main thread to a worker. */
export type ToWorker =
  /** Start the filters. */
  | { readonly kind: 'start' }
  /** `bindings` in the order of the listeners. */
  | { readonly kind: 'listen'; readonly bindings: readonly Binding[] }
  /** The watchdog has begun to watch it. */
  | { readonly kind: 'watched' }
  /** The watchdog has ended; another one follows. */
  | { readonly kind: 'lost' }
  /** There is no watchdog. */
  | { readonly kind: 'unwatched'; readonly error: PostedError }
  /** What `compile` asked for. */
  | { readonly kind: 'compiled'; readonly id: number; readonly filter: PostedFilter }
  | { readonly kind: 'refused'; readonly id: number; readonly error: PostedError }
  | { readonly kind: 'read'; readonly id: number }
  /** The worker that ran the services of which there is one in the process has ended: they are its own now. */
  | { readonly kind: 'singletons' }
  | { readonly kind: 'close'; readonly drain: number };

/** From a worker to the main thread. */
export type FromWorker =
  | { readonly kind: 'watch'; readonly page: SharedArrayBuffer; readonly thread: string | undefined }
  | { readonly kind: 'compile'; readonly id: number; readonly filter: string }
  /** Its filters have started. */
  | { readonly kind: 'started' }
  | { readonly kind: 'listening'; readonly bound: readonly BoundAddress[] }
  /** It could not start, or listen. */
  | { readonly kind: 'failed'; readonly errors: readonly PostedError[] }
  | { readonly kind: 'reading'; readonly id: number; readonly reading: Reading }
  | { readonly kind: 'log'; readonly lines: readonly PostedLine[] }
  | { readonly kind: 'closed' };
