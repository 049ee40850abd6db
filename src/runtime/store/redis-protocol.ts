import type { MessagePort } from 'node:worker_threads';
import type { SharedValue } from '../../plugin/services.ts';

/** Words that a thread and its store thread share: whether Redis can be asked, the last request that was answered. */
export const UP = 0;
export const ANSWERED = 1;

/** A queue that a receiver registered. */
export interface Registered {
  readonly receiver: number;
  readonly scope: string;
  readonly name: string;
}

export type Request =
  | { readonly op: 'get'; readonly scope: string; readonly key: string }
  | {
      readonly op: 'set';
      readonly scope: string;
      readonly key: string;
      readonly value: Uint8Array;
      readonly cas: number;
      readonly maxBytes: number;
    }
  | ({ readonly op: 'register'; readonly maxBytes: number } & Registered)
  | { readonly op: 'resolve'; readonly scope: string; readonly name: string }
  | {
      readonly op: 'enqueue';
      readonly queue: number;
      readonly value: Uint8Array;
      readonly maxLength: number;
      readonly maxBytes: number;
    }
  | { readonly op: 'dequeue'; readonly queue: number };

/** What the store thread is sent. Each request is answered; `leave` is not. */
export type ToThread =
  | { readonly sequence: number; readonly request: Request }
  /** `owed`: calls that were not made, by queue. */
  | { readonly leave: number; readonly owed: ReadonlyMap<number, number>; readonly died: boolean };

/** A status, an id, or a value. */
export type Result = number | Uint8Array | SharedValue;
export interface Answer {
  readonly sequence: number;
  readonly result: Result;
}

/** What the store thread tells on its own. */
export type Event =
  | { readonly what: 'up' }
  /** `reason`: why Redis can't be asked. */
  | { readonly what: 'down'; readonly reason: string }
  /** A command that it refused. */
  | { readonly what: 'refused'; readonly reason: string }
  | { readonly what: 'calls'; readonly queue: number; readonly receiver: number; readonly calls: number };

export interface ThreadData {
  readonly url: string;
  readonly prefix: string;
  readonly words: SharedArrayBuffer;
  readonly requests: MessagePort;
  readonly events: MessagePort;
  /** From before the last store thread died. */
  readonly registered: readonly Registered[];
}
