import { LOG_MESSAGE_MAX_BYTES } from '../../abi/hostcalls/logging.ts';
import { canHold } from '../../abi/room.ts';
import { LOG_LEVELS } from '../../abi/types.ts';
import { clear, mayWrite, PATH_MAX_BYTES, pathOf, put, remove } from './calls.ts';
import { Drafts } from './drafts.ts';
import { ResponseDraft } from './local-response.ts';
import { readBytes, readFields } from './lowered-reading.ts';
import { loweredServices } from './lowered-services.ts';
import { type CoreGuest, type LoweredTable, lowering, NAME_MAX_BYTES } from './lowering.ts';
import {
  answerOf,
  BAD_ARGUMENT,
  BODY_BUFFERS,
  BODY_TYPES,
  LIMIT_REACHED,
  LOG_LEVEL_NAMES,
  MAP_TYPES,
  OK,
  STREAM_TYPES,
  UNAVAILABLE,
} from './types.ts';

const ERROR = LOG_LEVELS.indexOf('error');

/**
 * The hostcalls of the world as core functions (component model, CanonicalABI.md, "lower"): what jco's glue does in
 * tens of microseconds, for core modules whose imports go straight to the host. Numbers are i32; `ret` is where a
 * result goes that isn't one.
 */
export function loweredCalls(guest: CoreGuest): LoweredTable {
  const drafts = new Drafts<ResponseDraft>('local response');

  const low = lowering(guest);
  const { check, one, answer, name } = low;

  const setter =
    (replaces: boolean) =>
    (map: number, nameAt: number, nameSize: number, at: number, size: number, ret: number) => {
      one(map, MAP_TYPES, 'map-type');
      check(nameAt, nameSize);
      check(at, size);
      const { host, memory } = guest;
      if (host.writableFields(map) === undefined) return answer(ret, UNAVAILABLE);
      if (!canHold(host, (nameSize >>> 0) + (size >>> 0))) return answer(ret, LIMIT_REACHED);
      return answer(ret, put(host, map, name(nameAt, nameSize), memory.latin1(at, size), replaces));
    };

  return {
    logging: {
      log: (level: number, at: number, size: number) => {
        one(level, LOG_LEVEL_NAMES, 'log-level');
        check(at, size);
        const { host } = guest;
        if (level >= Math.min(host.logLevel, ERROR))
          host.log(level, guest.memory.utf8(at, Math.min(size >>> 0, LOG_MESSAGE_MAX_BYTES)));
        return undefined;
      },
      level: () => guest.host.logLevel,
    },

    headers: {
      ...readFields(guest, low, MAP_TYPES, 'map-type', 0),
      set: setter(true),
      append: setter(false),
      remove: (map: number, at: number, size: number, ret: number) => {
        one(map, MAP_TYPES, 'map-type');
        check(at, size);
        const named = size >>> 0 <= NAME_MAX_BYTES;
        return answer(ret, named ? remove(guest.host, map, name(at, size)) : BAD_ARGUMENT);
      },
      clear: (map: number, ret: number) => {
        one(map, MAP_TYPES, 'map-type');
        return answer(ret, clear(guest.host, map));
      },
    },

    body: {
      read: readBytes(guest, low, BODY_TYPES, 'body-type', BODY_BUFFERS),
      write: (body: number, start: number, size: number, at: number, added: number, ret: number) => {
        one(body, BODY_TYPES, 'body-type');
        check(at, added);
        const { host } = guest;
        const buffer = host.writableBuffer(body);
        if (buffer === undefined) return answer(ret, UNAVAILABLE);
        if (!mayWrite(host, buffer.length, start >>> 0, size >>> 0, added >>> 0))
          return answer(ret, LIMIT_REACHED);
        buffer.splice(start >>> 0, size >>> 0, guest.memory.copy(at, added));
        return answer(ret, OK);
      },
    },

    properties: {
      get: (at: number, size: number, ret: number) => {
        check(at, size);
        check(ret, 12);
        const named = size >>> 0 <= PATH_MAX_BYTES;
        const value = named ? guest.host.property(pathOf(guest.memory.latin1(at, size))) : undefined;
        return low.option(ret, value);
      },
      set: (at: number, size: number, valueAt: number, valueSize: number, ret: number) => {
        check(at, size);
        check(valueAt, valueSize);
        const { host, memory } = guest;
        if (size === 0 || size >>> 0 > PATH_MAX_BYTES) return answer(ret, BAD_ARGUMENT);
        if (valueSize >>> 0 > host.limits.propertyBytes) {
          host.hit('propertyBytes');
          return answer(ret, LIMIT_REACHED);
        }
        const path = pathOf(memory.latin1(at, size));
        return answer(ret, answerOf(host.setProperty(path, memory.copy(valueAt, valueSize))));
      },
    },

    'http-stream': {
      '[constructor]local-response': (status: number) => drafts.add(new ResponseDraft(status & 0xffff)),
      '[method]local-response.append-header': (
        handle: number,
        nameAt: number,
        nameSize: number,
        at: number,
        size: number,
        ret: number,
      ) => {
        const draft = drafts.get(handle);
        check(nameAt, nameSize);
        check(at, size);
        if (!canHold(guest.host, (nameSize >>> 0) + (size >>> 0))) return answer(ret, LIMIT_REACHED);
        return answer(
          ret,
          draft.headers.append(guest.host, name(nameAt, nameSize), guest.memory.latin1(at, size)),
        );
      },
      '[method]local-response.set-body': (handle: number, at: number, size: number, ret: number) => {
        const draft = drafts.get(handle);
        check(at, size);
        if (!draft.canHold(guest.host, size >>> 0)) return answer(ret, LIMIT_REACHED);
        draft.body = guest.memory.copy(at, size);
        return answer(ret, OK);
      },
      '[method]local-response.set-details': (handle: number, at: number, size: number) => {
        const draft = drafts.get(handle);
        check(at, size);
        draft.details = guest.memory.utf8(at, Math.min(size >>> 0, 1024));
        return undefined;
      },
      '[method]local-response.set-grpc-status': (handle: number, status: number, ret: number) =>
        answer(ret, drafts.get(handle).setGrpcStatus(status >>> 0)),
      '[resource-drop]local-response': (handle: number) => {
        drafts.take(handle);
        return undefined;
      },
      'send-local-response': (handle: number, ret: number) =>
        answer(ret, drafts.take(handle).send(guest.host)),
      resume: (stream: number, ret: number) => {
        one(stream, STREAM_TYPES, 'stream-type');
        return answer(ret, answerOf(guest.host.continueStream(stream)));
      },
      close: (stream: number, ret: number) => {
        one(stream, STREAM_TYPES, 'stream-type');
        return answer(ret, answerOf(guest.host.closeStream(stream)));
      },
      done: (ret: number) => answer(ret, answerOf(guest.host.done())),
      'set-effective-context': (id: number, ret: number) =>
        answer(ret, answerOf(guest.setEffectiveContext(id >>> 0))),
    },

    ...loweredServices(guest, low),
  };
}
