import { LOG_MESSAGE_MAX_BYTES } from '../../abi/hostcalls/logging.ts';
import { canHold } from '../../abi/room.ts';
import { LOG_LEVELS } from '../../abi/types.ts';
import type { GuestMemory } from '../../engine/memory.ts';
import { clear, mayWrite, PATH_MAX_BYTES, pathOf, put, readable, remove } from './calls.ts';
import { ResponseDrafts } from './local-response.ts';
import {
  answerOf,
  BAD_ARGUMENT,
  BODY_TYPES,
  type ComponentGuest,
  LIMIT_REACHED,
  LOG_LEVEL_NAMES,
  MAP_TYPES,
  OK,
  STREAM_TYPES,
  trap,
  UNAVAILABLE,
} from './types.ts';

/** The memory of the core module that calls, and its allocator. */
export interface CoreGuest extends ComponentGuest {
  readonly memory: GuestMemory;
  /** Memory for `size` (> 0) bytes that the guest will own, checked to lie inside. @throws RuntimeError */
  allocate(size: number, align: number): number;
}

type Lowered = (...args: never[]) => number | undefined;
type LoweredTable = Readonly<Record<string, Readonly<Record<string, Lowered>>>>;

/** A name longer than this is no field's: nobody makes a string of it. */
const NAME_MAX_BYTES = 64 * 1024;
const ERROR = LOG_LEVELS.indexOf('error');

/**
 * The hostcalls of the world as core functions (component model, CanonicalABI.md, "lower"): what jco's glue does in
 * tens of microseconds, for core modules whose imports go straight to the host. Numbers are i32; `ret` is where a
 * result goes that isn't one.
 */
export function loweredCalls(guest: CoreGuest): LoweredTable {
  const drafts = new ResponseDrafts();

  const check = (ptr: number, size: number): void => {
    if (!guest.memory.has(ptr, size))
      throw trap(`${size >>> 0} bytes at ${ptr >>> 0} are outside of the memory`);
  };
  const one = (value: number, names: readonly string[], what: string): void => {
    if (value >>> 0 >= names.length) throw trap(`${value} is no ${what}`);
  };
  /** `result<_, error>` */
  const answer = (ret: number, value: number): undefined => {
    check(ret, 2);
    const { memory } = guest;
    if (value === OK) memory.setU8(ret, 0);
    else {
      memory.setU8(ret, 1);
      memory.setU8(ret + 1, value);
    }
  };
  /** `err` of a result whose payload is aligned to 4. */
  const fail = (ret: number, error: number): undefined => {
    check(ret, 8);
    guest.memory.setU8(ret, 1);
    guest.memory.setU8(ret + 4, error);
  };
  /** A list or string at `ret`: bytes in memory that the guest owns. */
  const list = (at: number, address: number, length: number): void => {
    guest.memory.setU32(at, address);
    guest.memory.setU32(at + 4, length);
  };
  const giveText = (text: string): number => {
    if (text.length === 0) return 1;
    const address = guest.allocate(text.length, 1);
    guest.memory.writeLatin1(address, text);
    return address;
  };
  const name = (ptr: number, size: number): string => guest.memory.latin1(ptr, size).toLowerCase();

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
      size: (map: number, ret: number) => {
        one(map, MAP_TYPES, 'map-type');
        const fields = guest.host.fields(map);
        if (fields === undefined) return fail(ret, UNAVAILABLE);
        check(ret, 8);
        guest.memory.setU8(ret, 0);
        guest.memory.setU32(ret + 4, fields.count);
        return undefined;
      },
      entries: (map: number, ret: number) => {
        one(map, MAP_TYPES, 'map-type');
        const fields = guest.host.fields(map);
        if (fields === undefined) return fail(ret, UNAVAILABLE);
        check(ret, 12);
        const pairs = fields.pairs();
        const count = pairs.length >> 1;
        // A tuple of a string and a list: two addresses, two lengths.
        const tuples = count === 0 ? 4 : guest.allocate(count * 16, 4);
        for (let i = 0; i < pairs.length; i++) {
          const text = pairs[i]!;
          list(tuples + i * 8, giveText(text), text.length);
        }
        guest.memory.setU8(ret, 0);
        list(ret + 4, tuples, count);
        return undefined;
      },
      get: (map: number, at: number, size: number, ret: number) => {
        one(map, MAP_TYPES, 'map-type');
        check(at, size);
        check(ret, 12);
        const named = size >>> 0 <= NAME_MAX_BYTES;
        const value = named ? guest.host.fields(map)?.get(name(at, size)) : undefined;
        if (value === undefined) {
          guest.memory.setU8(ret, 0);
          return undefined;
        }
        const address = giveText(value);
        guest.memory.setU8(ret, 1);
        list(ret + 4, address, value.length);
        return undefined;
      },
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
      read: (body: number, start: number, size: number, ret: number) => {
        one(body, BODY_TYPES, 'body-type');
        check(ret, 12);
        const buffer = guest.host.buffer(body);
        if (buffer === undefined) return fail(ret, UNAVAILABLE);
        const n = readable(buffer.length, start >>> 0, size >>> 0);
        const address = n === 0 ? 1 : guest.allocate(n, 1);
        if (n > 0) buffer.copyTo(guest.memory.bytes, address, start >>> 0, n);
        guest.memory.setU8(ret, 0);
        list(ret + 4, address, n);
        return undefined;
      },
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
        if (value === undefined) {
          guest.memory.setU8(ret, 0);
          return undefined;
        }
        const address = value.length === 0 ? 1 : guest.allocate(value.length, 1);
        if (value.length > 0) guest.memory.write(address, value);
        guest.memory.setU8(ret, 1);
        list(ret + 4, address, value.length);
        return undefined;
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
      '[constructor]local-response': (status: number) => drafts.add(status & 0xffff),
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
          draft.appendHeader(guest.host, name(nameAt, nameSize), guest.memory.latin1(at, size)),
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
  };
}
