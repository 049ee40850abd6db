import type { FULL, SharedValue } from '../abi/host.ts';
import type { MetricType, Status } from '../abi/types.ts';
import type { RawFields } from '../message/fields.ts';
import type { Upstreams } from './upstreams.ts';

/**
 * What filters reach beyond their streams: the runtime has it. All of it answers at once, within a callback; what comes
 * later comes through handlers and receivers, which are never called before the method that took them has returned, nor
 * while a guest is on the stack.
 */
export interface Services {
  /** HTTP calls. */
  readonly upstreams: Upstreams;
  readonly grpc: GrpcUpstreams;
  /** Shared data and queues. */
  readonly store: SharedStore;
  readonly metrics: GuestMetrics;
  /** By name. */
  readonly foreignFunctions: ReadonlyMap<string, ForeignFunction>;
}

export { FULL, type SharedValue } from '../abi/host.ts';
export { MetricType } from '../abi/types.ts';

/** FULL: the limit that was given, or the store's own, was reached, and nothing was changed. */
export type StoreStatus = Status | typeof FULL;

/** In place of a status: the bytes that were allowed, or the store's own, don't suffice; nothing was changed. */
export const NO_ROOM = -2;

/**
 * Bytes that a key, a queue or a value in a queue is taken to need beside its own, so that no number of empty ones is
 * free.
 */
export const ENTRY_COST = 64;

/**
 * Shared key-value store and shared queues (specification, "Shared Key-Value Store" and "Shared Queues"), one for all
 * VMs of all threads; with Redis, of all machines. `scope` is the vm id; keys and names are latin1 strings, a character
 * a byte.
 */
export interface SharedStore {
  /** The value; or NOT_FOUND; or INTERNAL_FAILURE: the store can't be reached. */
  get(scope: string, key: string): SharedValue | Status;
  /**
   * `cas` 0: whatever is there. `maxBytes`: of keys and values of that scope and of its queues' names, after it, with
   * ENTRY_COST for each key and queue.
   * OK; CAS_MISMATCH: the key has another version (or none); FULL; INTERNAL_FAILURE.
   */
  set(scope: string, key: string, value: Uint8Array, cas: number, maxBytes: number): StoreStatus;

  /**
   * The queue's id, 1 to 2^32-1, the same in every thread; made when it isn't there, and keeps what is in it. The
   * receiver hears of each value that is put into it from now on, until another registers (as in Envoy), or it leaves;
   * then the one before it does, if it is still there, and otherwise whoever registers next, of all values that are there.
   * `maxBytes`: as for `set`. 0: the store can't be reached, or is full; FULL.
   */
  registerQueue(scope: string, name: string, receiver: QueueReceiver, maxBytes: number): number;
  /** The id of a queue that somebody registered; 0: nobody did; below: the store can't be reached. */
  resolveQueue(scope: string, name: string): number;
  /**
   * `maxBytes`: of the values in all queues of the queue's scope, after it, with ENTRY_COST for each.
   * OK; NOT_FOUND: there is no such queue; FULL: it has `maxLength` values; NO_ROOM; INTERNAL_FAILURE.
   */
  enqueue(
    queue: number,
    value: Uint8Array,
    maxLength: number,
    maxBytes: number,
  ): StoreStatus | typeof NO_ROOM;
  /** The oldest value; or EMPTY, NOT_FOUND, INTERNAL_FAILURE. */
  dequeue(queue: number): Uint8Array | Status;
  /**
   * It hears nothing more. Queues stay. Calls that it was owed, and when it `died` all that is still there, is news to the
   * next one.
   */
  leaveQueues(receiver: QueueReceiver, died?: boolean): void;
}

/** Who hears of values in a queue: a root context. */
export interface QueueReceiver {
  /** Called once for each value that was put into it, but not on the stack of whoever did. */
  onQueueReady(queue: number): void;
  /** It can't hear any more, and is about to leave: what it is owed is for the next one. */
  readonly deaf?: boolean;
}

/** Metrics that guests define: one value for all VMs and threads of a filter. */
export interface GuestMetrics {
  /**
   * The cell (0 or more) of the filter's metric of that name (a latin1 string), made when it isn't there. `most`: metrics
   * a filter may have. MISMATCH: the name has another type; FULL.
   */
  define(filter: string, type: MetricType, name: string, most: number): number;
  /** Counter: adds; gauge: sets; histogram: one more observation. `value` is unsigned, 64 bits. */
  record(cell: number, value: bigint): void;
  /** Counter and gauge: adds; wraps at 64 bits. */
  increment(cell: number, offset: bigint): void;
  /** Of a counter or gauge; unsigned, 64 bits. */
  value(cell: number): bigint;
}
/** What `define` answers for a name that has another type. */
export const MISMATCH = -2;

/**
 * proxy_call_foreign_function: the result, or a status in its place. What it throws is logged, and answered with
 * INTERNAL_FAILURE.
 */
export type ForeignFunction = (args: Buffer, caller: ForeignCaller) => Uint8Array | Status;

/** Who calls it. */
export interface ForeignCaller {
  /** Name of the filter. */
  readonly filter: string;
  /** Most bytes that it may be given. */
  readonly maxBytes: number;
  /** The route of the stream is chosen again; false outside a stream. */
  clearRouteCache(): boolean;
  /** As proxy_set_property. */
  setProperty(path: string, value: Buffer): Status;
  /**
   * A TCP connection that is not connected yet goes to that upstream, if the filter was granted it. BAD_ARGUMENT: it was
   * not. NOT_FOUND: there is no such connection.
   */
  connectTo(upstream: string): Status;
  /**
   * Calls proxy_on_foreign_function of the filter's root context, once no guest is on the stack; nothing when that has
   * ended by then. May be kept and called later.
   */
  callBack(functionId: number, args: Buffer): void;
}

/** A gRPC call of a filter's. Names are latin1 strings; the method is `/service/method`. */
export interface GrpcRequest {
  readonly service: string;
  readonly method: string;
  /** Initial metadata; values of `-bin` names are base64, as on the wire. The receiver's to keep. */
  readonly metadata: RawFields;
  /** ms from now to the deadline; undefined: none. */
  readonly timeout: number | undefined;
}

/** What comes of it, in that order: initial metadata and messages if there are any, trailing metadata, the end. */
export interface GrpcHandler {
  onInitialMetadata(metadata: RawFields): void;
  /** One serialized message, at most `maxMessage` bytes. */
  onMessage(message: Buffer): void;
  onTrailingMetadata(metadata: RawFields): void;
  /** `status`: 0 to 16. Always, once, unless it was cancelled; also when it couldn't be sent at all. */
  onClose(status: number, message: string): void;
}

/** A gRPC call under way. */
export interface GrpcCall {
  /** Bytes sent that wait to go out. */
  readonly buffered: number;
  /** One serialized message; it is the receiver's. Nothing after `end`. */
  send(message: Buffer): void;
  /** No more messages follow. */
  end(): void;
  /** Ends it at once; the handler hears nothing more. */
  cancel(): void;
}

/** The upstreams of a configuration, for gRPC over HTTP/2 without TLS. */
export interface GrpcUpstreams {
  /** Undefined: there is no such upstream. `maxMessage`: bytes of a message that comes. */
  open(
    upstream: string,
    request: GrpcRequest,
    maxMessage: number,
    handler: GrpcHandler,
  ): GrpcCall | undefined;
}
