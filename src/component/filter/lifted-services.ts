import { canHold } from '../../abi/room.ts';
import { Drafts, type FieldsDraft } from './drafts.ts';
import { latin1, liftedRead, liftedReading, serviceAnswer } from './lifting.ts';
import { canHoldBody, errorOf, GrpcRequestDraft, HttpRequestDraft, NO_PART } from './requests.ts';
import {
  callForeign,
  canBeFunction,
  canBeKey,
  canBeMetric,
  defineMetric,
  dequeue,
  enqueue,
  getShared,
  grpcCancel,
  grpcClose,
  grpcSend,
  incrementMetric,
  mayStore,
  metricValue,
  recordMetric,
  registerQueue,
  resolveQueue,
  setShared,
} from './services.ts';
import {
  BAD_ARGUMENT,
  CALL_BUFFERS,
  CALL_BYTES_TYPES,
  CALL_MAP_TYPES,
  type ComponentGuest,
  LIMIT_REACHED,
  MAP_TYPES,
  METRIC_TYPES,
  NOT_FOUND,
  SERVICE_ERRORS,
  trap,
} from './types.ts';

const refuse = (error: number): never => {
  throw SERVICE_ERRORS[error];
};
/** An id, or what stands in its place. */
const give = (id: number): number => (id < 0 ? refuse(errorOf(id)) : id);
/** A value, or the error in its place. */
const value = <T>(found: T | number): T => (typeof found === 'number' ? refuse(found) : found);
/** Keys and names: UTF-8 in latin1 strings, as core modules have them. */
const keyOf = (text: string): string => Buffer.from(text).toString('latin1');
const map = (type: string): number => MAP_TYPES.length + (CALL_MAP_TYPES as readonly string[]).indexOf(type);
const buffer = (type: string): number => CALL_BUFFERS[(CALL_BYTES_TYPES as readonly string[]).indexOf(type)]!;

/** The hostcalls beyond the stream as jco's glue imports them: as `liftedCalls`. */
export function liftedServices(guest: ComponentGuest) {
  const part = (text: string): string => {
    const latin = keyOf(text);
    return canHold(guest.host, latin.length) ? latin : NO_PART;
  };
  const append = (fields: FieldsDraft, name: string, bytes: Uint8Array): void =>
    serviceAnswer(fields.append(guest.host, name.toLowerCase(), latin1(bytes)));
  const message = (bytes: Uint8Array): Buffer =>
    canHoldBody(guest.host, bytes.length) ? Buffer.from(bytes) : refuse(LIMIT_REACHED);
  const stored = (bytes: Uint8Array): Buffer =>
    mayStore(guest.host, bytes.length) ? Buffer.from(bytes) : refuse(LIMIT_REACHED);

  return {
    contexts: { current: () => guest.host.id },
    timers: {
      setTickPeriod(period: number): void {
        guest.host.setTickPeriod(period);
      },
    },
    'http-calls': httpCalls(guest, part, append, message),
    'grpc-calls': grpcCalls(guest, part, append, message),
    answers: {
      ...liftedReading(guest, map),
      read: liftedRead(guest, buffer),
      status: () => guest.host.callStatus(),
    },
    'shared-data': {
      get(text: string) {
        const key = keyOf(text);
        return canBeKey(key.length) ? value(getShared(guest.host, key)) : undefined;
      },
      set(text: string, bytes: Uint8Array, cas: number): void {
        const key = keyOf(text);
        if (!canBeKey(key.length)) refuse(BAD_ARGUMENT);
        serviceAnswer(setShared(guest.host, key, stored(bytes), cas));
      },
    },
    'shared-queues': {
      register(text: string): number {
        const name = keyOf(text);
        return give(canBeKey(name.length) ? registerQueue(guest.host, name) : ~BAD_ARGUMENT);
      },
      resolve(vmId: string, text: string): number {
        const name = keyOf(text);
        const known = canBeKey(Buffer.byteLength(vmId)) && canBeKey(name.length);
        return give(known ? resolveQueue(guest.host, vmId, name) : ~NOT_FOUND);
      },
      enqueue: (queue: number, bytes: Uint8Array) => serviceAnswer(enqueue(guest.host, queue, stored(bytes))),
      dequeue: (queue: number) => value(dequeue(guest.host, queue)),
    },
    metrics: {
      define(type: string, text: string): number {
        const name = keyOf(text);
        const kind = (METRIC_TYPES as readonly string[]).indexOf(type);
        return give(canBeMetric(name.length) ? defineMetric(guest.host, kind, name) : ~BAD_ARGUMENT);
      },
      recordValue: (metric: number, observed: bigint) =>
        serviceAnswer(recordMetric(guest.host, metric, observed)),
      increment: (metric: number, offset: bigint) =>
        serviceAnswer(incrementMetric(guest.host, metric, offset)),
      get: (metric: number) => value(metricValue(guest.host, metric)),
    },
    'foreign-functions': {
      call(text: string, args: Uint8Array): Uint8Array {
        const name = keyOf(text);
        if (!canBeFunction(name.length)) refuse(NOT_FOUND);
        return value(callForeign(guest.host, name, message(args)));
      },
    },
  };
}

type Part = (text: string) => string;
type Append = (fields: FieldsDraft, name: string, bytes: Uint8Array) => void;
type Message = (bytes: Uint8Array) => Buffer;

function httpCalls(guest: ComponentGuest, part: Part, append: Append, message: Message) {
  const drafts = new Drafts<HttpRequestDraft>('HTTP request');

  class HttpRequest {
    readonly #handle: number;

    constructor(upstream: string, method: string, path: string, authority: string) {
      this.#handle = drafts.add(new HttpRequestDraft(upstream, part(method), part(path), part(authority)));
    }

    /** For a handle that it doesn't know, the glue makes an object that was never constructed. */
    static of(request: HttpRequest): number {
      if (!(#handle in request)) throw trap('unknown handle of an HTTP request');
      return request.#handle;
    }

    appendHeader(name: string, bytes: Uint8Array): void {
      append(drafts.get(HttpRequest.of(this)).headers, name, bytes);
    }

    appendTrailer(name: string, bytes: Uint8Array): void {
      append(drafts.get(HttpRequest.of(this)).trailers, name, bytes);
    }

    setBody(bytes: Uint8Array): void {
      drafts.get(HttpRequest.of(this)).body = message(bytes);
    }

    setTimeout(timeout: number): void {
      serviceAnswer(drafts.get(HttpRequest.of(this)).setTimeout(timeout));
    }

    [Symbol.dispose](): void {
      drafts.take(HttpRequest.of(this));
    }
  }

  return {
    HttpRequest,
    send: (request: HttpRequest) => give(drafts.take(HttpRequest.of(request)).send(guest.host)),
  };
}

function grpcCalls(guest: ComponentGuest, part: Part, append: Append, message: Message) {
  const drafts = new Drafts<GrpcRequestDraft>('gRPC request');

  class GrpcRequest {
    readonly #handle: number;

    constructor(upstream: string, service: string, method: string) {
      this.#handle = drafts.add(new GrpcRequestDraft(upstream, part(service), part(method)));
    }

    /** As HttpRequest.of. */
    static of(request: GrpcRequest): number {
      if (!(#handle in request)) throw trap('unknown handle of a gRPC request');
      return request.#handle;
    }

    appendMetadata(name: string, bytes: Uint8Array): void {
      append(drafts.get(GrpcRequest.of(this)).metadata, name, bytes);
    }

    setTimeout(timeout: number): void {
      serviceAnswer(drafts.get(GrpcRequest.of(this)).setTimeout(timeout));
    }

    [Symbol.dispose](): void {
      drafts.take(GrpcRequest.of(this));
    }
  }

  return {
    GrpcRequest,
    call(request: GrpcRequest, bytes: Uint8Array): number {
      const draft = drafts.take(GrpcRequest.of(request));
      return give(draft.send(guest.host, message(bytes)));
    },
    openStream: (request: GrpcRequest) =>
      give(drafts.take(GrpcRequest.of(request)).send(guest.host, undefined)),
    send: (call: number, bytes: Uint8Array, endOfStream: boolean) =>
      serviceAnswer(grpcSend(guest.host, call, message(bytes), endOfStream)),
    close: (call: number) => serviceAnswer(grpcClose(guest.host, call)),
    cancel: (call: number) => serviceAnswer(grpcCancel(guest.host, call)),
  };
}
