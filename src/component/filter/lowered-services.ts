import { UPSTREAM_MAX_BYTES } from '../../abi/hostcalls/http-calls.ts';
import { canHold } from '../../abi/room.ts';
import { Drafts, type FieldsDraft } from './drafts.ts';
import { readBytes, readFields } from './lowered-reading.ts';
import type { CoreGuest, LoweredTable, Lowering } from './lowering.ts';
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
  LIMIT_REACHED,
  MAP_TYPES,
  METRIC_TYPES,
  NOT_FOUND,
  OK,
} from './types.ts';

/** The hostcalls beyond the stream as core functions: as `loweredCalls`. */
export function loweredServices(guest: CoreGuest, low: Lowering): LoweredTable {
  const httpRequests = new Drafts<HttpRequestDraft>('HTTP request');
  const grpcRequests = new Drafts<GrpcRequestDraft>('gRPC request');
  const { check, one, answer, fail } = low;

  /** What can't be an upstream's name, or part of a request: an empty one is refused when it is sent. */
  const upstream = (at: number, size: number): string => {
    check(at, size);
    return size >>> 0 > UPSTREAM_MAX_BYTES ? '' : guest.memory.utf8(at, size);
  };
  const part = (at: number, size: number): string => {
    check(at, size);
    return canHold(guest.host, size >>> 0) ? guest.memory.latin1(at, size) : NO_PART;
  };

  /** `result<u32, service-error>` */
  const give = (ret: number, id: number): undefined => {
    if (id < 0) return fail(ret, errorOf(id));
    check(ret, 8);
    guest.memory.setU8(ret, 0);
    guest.memory.setU32(ret + 4, id);
    return undefined;
  };

  const append =
    (fields: (handle: number) => FieldsDraft) =>
    (handle: number, nameAt: number, nameSize: number, at: number, size: number, ret: number) => {
      const draft = fields(handle);
      check(nameAt, nameSize);
      check(at, size);
      if (!canHold(guest.host, (nameSize >>> 0) + (size >>> 0))) return answer(ret, LIMIT_REACHED);
      const done = draft.append(guest.host, low.name(nameAt, nameSize), guest.memory.latin1(at, size));
      return answer(ret, done);
    };

  return {
    contexts: { current: () => guest.host.id },

    timers: {
      'set-tick-period': (period: number) => {
        guest.host.setTickPeriod(period >>> 0);
        return undefined;
      },
    },

    'http-calls': {
      '[constructor]http-request': (
        upstreamAt: number,
        upstreamSize: number,
        methodAt: number,
        methodSize: number,
        pathAt: number,
        pathSize: number,
        authorityAt: number,
        authoritySize: number,
      ) =>
        httpRequests.add(
          new HttpRequestDraft(
            upstream(upstreamAt, upstreamSize),
            part(methodAt, methodSize),
            part(pathAt, pathSize),
            part(authorityAt, authoritySize),
          ),
        ),
      '[method]http-request.append-header': append(handle => httpRequests.get(handle).headers),
      '[method]http-request.append-trailer': append(handle => httpRequests.get(handle).trailers),
      '[method]http-request.set-body': (handle: number, at: number, size: number, ret: number) => {
        const draft = httpRequests.get(handle);
        check(at, size);
        if (!canHoldBody(guest.host, size >>> 0)) return answer(ret, LIMIT_REACHED);
        draft.body = guest.memory.copy(at, size);
        return answer(ret, OK);
      },
      '[method]http-request.set-timeout': (handle: number, timeout: number, ret: number) =>
        answer(ret, httpRequests.get(handle).setTimeout(timeout >>> 0)),
      '[resource-drop]http-request': (handle: number) => {
        httpRequests.take(handle);
        return undefined;
      },
      send: (handle: number, ret: number) => {
        const draft = httpRequests.take(handle);
        check(ret, 8);
        return give(ret, draft.send(guest.host));
      },
    },

    'grpc-calls': {
      '[constructor]grpc-request': (
        upstreamAt: number,
        upstreamSize: number,
        serviceAt: number,
        serviceSize: number,
        methodAt: number,
        methodSize: number,
      ) =>
        grpcRequests.add(
          new GrpcRequestDraft(
            upstream(upstreamAt, upstreamSize),
            part(serviceAt, serviceSize),
            part(methodAt, methodSize),
          ),
        ),
      '[method]grpc-request.append-metadata': append(handle => grpcRequests.get(handle).metadata),
      '[method]grpc-request.set-timeout': (handle: number, timeout: number, ret: number) =>
        answer(ret, grpcRequests.get(handle).setTimeout(timeout >>> 0)),
      '[resource-drop]grpc-request': (handle: number) => {
        grpcRequests.take(handle);
        return undefined;
      },
      call: (handle: number, at: number, size: number, ret: number) => {
        const draft = grpcRequests.take(handle);
        check(at, size);
        check(ret, 8);
        if (!canHoldBody(guest.host, size >>> 0)) return fail(ret, LIMIT_REACHED);
        return give(ret, draft.send(guest.host, guest.memory.copy(at, size)));
      },
      'open-stream': (handle: number, ret: number) => {
        const draft = grpcRequests.take(handle);
        check(ret, 8);
        return give(ret, draft.send(guest.host, undefined));
      },
      send: (call: number, at: number, size: number, endOfStream: number, ret: number) => {
        check(at, size);
        if (!canHoldBody(guest.host, size >>> 0)) return answer(ret, LIMIT_REACHED);
        const message = guest.memory.copy(at, size);
        return answer(ret, grpcSend(guest.host, call >>> 0, message, endOfStream !== 0));
      },
      close: (call: number, ret: number) => answer(ret, grpcClose(guest.host, call >>> 0)),
      cancel: (call: number, ret: number) => answer(ret, grpcCancel(guest.host, call >>> 0)),
    },

    answers: {
      ...readFields(guest, low, CALL_MAP_TYPES, 'fields-type', MAP_TYPES.length),
      read: readBytes(guest, low, CALL_BYTES_TYPES, 'bytes-type', CALL_BUFFERS),
      status: (ret: number) => {
        check(ret, 12);
        const { code, message } = guest.host.callStatus();
        low.giveBytes(ret + 4, Buffer.from(message));
        guest.memory.setU32(ret, code);
        return undefined;
      },
    },

    'shared-data': {
      get: (at: number, size: number, ret: number) => {
        check(at, size);
        // A tag at 0, that of the option at 4, the list at 8, the version at 16.
        check(ret, 20);
        const found = canBeKey(size >>> 0) ? getShared(guest.host, guest.memory.latin1(at, size)) : undefined;
        if (typeof found === 'number') return fail(ret, found);
        if (found !== undefined) {
          low.giveBytes(ret + 8, found.value);
          guest.memory.setU32(ret + 16, found.cas);
        }
        guest.memory.setU8(ret, 0);
        guest.memory.setU8(ret + 4, found === undefined ? 0 : 1);
        return undefined;
      },
      set: (keyAt: number, keySize: number, at: number, size: number, cas: number, ret: number) => {
        check(keyAt, keySize);
        check(at, size);
        const { host, memory } = guest;
        if (!canBeKey(keySize >>> 0)) return answer(ret, BAD_ARGUMENT);
        if (!mayStore(host, size >>> 0)) return answer(ret, LIMIT_REACHED);
        return answer(ret, setShared(host, memory.latin1(keyAt, keySize), memory.copy(at, size), cas >>> 0));
      },
    },

    'shared-queues': {
      register: (at: number, size: number, ret: number) => {
        check(at, size);
        check(ret, 8);
        if (!canBeKey(size >>> 0)) return fail(ret, BAD_ARGUMENT);
        return give(ret, registerQueue(guest.host, guest.memory.latin1(at, size)));
      },
      resolve: (vmIdAt: number, vmIdSize: number, at: number, size: number, ret: number) => {
        check(vmIdAt, vmIdSize);
        check(at, size);
        if (!canBeKey(vmIdSize >>> 0) || !canBeKey(size >>> 0)) return fail(ret, NOT_FOUND);
        const { host, memory } = guest;
        return give(ret, resolveQueue(host, memory.utf8(vmIdAt, vmIdSize), memory.latin1(at, size)));
      },
      enqueue: (queue: number, at: number, size: number, ret: number) => {
        check(at, size);
        if (!mayStore(guest.host, size >>> 0)) return answer(ret, LIMIT_REACHED);
        return answer(ret, enqueue(guest.host, queue >>> 0, guest.memory.copy(at, size)));
      },
      dequeue: (queue: number, ret: number) => {
        // Before a value is taken out that could not be handed over.
        check(ret, 16);
        const value = dequeue(guest.host, queue >>> 0);
        if (typeof value === 'number') return fail(ret, value);
        low.option(ret + 4, value);
        guest.memory.setU8(ret, 0);
        return undefined;
      },
    },

    metrics: {
      define: (type: number, at: number, size: number, ret: number) => {
        one(type, METRIC_TYPES, 'metric-type');
        check(at, size);
        if (!canBeMetric(size >>> 0)) return fail(ret, BAD_ARGUMENT);
        return give(ret, defineMetric(guest.host, type, guest.memory.latin1(at, size)));
      },
      'record-value': (metric: number, value: bigint, ret: number) =>
        answer(ret, recordMetric(guest.host, metric >>> 0, BigInt.asUintN(64, value))),
      increment: (metric: number, offset: bigint, ret: number) =>
        answer(ret, incrementMetric(guest.host, metric >>> 0, offset)),
      get: (metric: number, ret: number) => {
        // The payload is aligned to 8.
        check(ret, 16);
        const value = metricValue(guest.host, metric >>> 0);
        guest.memory.setU8(ret, typeof value === 'number' ? 1 : 0);
        if (typeof value === 'number') guest.memory.setU8(ret + 8, value);
        else guest.memory.setU64(ret + 8, value);
        return undefined;
      },
    },

    'foreign-functions': {
      call: (nameAt: number, nameSize: number, at: number, size: number, ret: number) => {
        check(nameAt, nameSize);
        check(at, size);
        check(ret, 12);
        const { host, memory } = guest;
        if (!canBeFunction(nameSize >>> 0)) return fail(ret, NOT_FOUND);
        if (!canHoldBody(host, size >>> 0)) return fail(ret, LIMIT_REACHED);
        const result = callForeign(host, memory.latin1(nameAt, nameSize), memory.copy(at, size));
        if (typeof result === 'number') return fail(ret, result);
        low.giveBytes(ret + 4, result);
        guest.memory.setU8(ret, 0);
        return undefined;
      },
    },
  };
}
