import { LOG_MESSAGE_MAX_BYTES } from '../../abi/hostcalls/logging.ts';
import { LOG_LEVELS } from '../../abi/types.ts';
import type { ComponentImports } from '../glue.ts';
import { clear, mayWrite, PATH_MAX_BYTES, pathOf, put, remove } from './calls.ts';
import { Drafts } from './drafts.ts';
import { liftedServices } from './lifted-services.ts';
import { answer, latin1, liftedRead, liftedReading } from './lifting.ts';
import { ResponseDraft } from './local-response.ts';
import {
  answerOf,
  BAD_ARGUMENT,
  BODY_TYPES,
  type ComponentGuest,
  ERRORS,
  LIMIT_REACHED,
  LOG_LEVEL_NAMES,
  MAP_TYPES,
  PACKAGE,
  STREAM_TYPES,
  trap,
  UNAVAILABLE,
} from './types.ts';

const ERROR = LOG_LEVELS.indexOf('error');

const map = (type: string): number => (MAP_TYPES as readonly string[]).indexOf(type);
const body = (type: string): number => (BODY_TYPES as readonly string[]).indexOf(type);
const stream = (type: string): number => (STREAM_TYPES as readonly string[]).indexOf(type);

/**
 * The hostcalls of the world as jco's glue imports them: for compositions, whose parts may stand between the filter and
 * the host.
 */
export function liftedCalls(guest: ComponentGuest): ComponentImports {
  const drafts = new Drafts<ResponseDraft>('local response');

  class LocalResponse {
    readonly #handle: number;

    constructor(status: number) {
      this.#handle = drafts.add(new ResponseDraft(status));
    }

    /** For a handle that it doesn't know, the glue makes an object that was never constructed. */
    static #of(response: LocalResponse): number {
      if (!(#handle in response)) throw trap('unknown handle of a local response');
      return response.#handle;
    }

    appendHeader(name: string, value: Uint8Array): void {
      answer(
        drafts.get(LocalResponse.#of(this)).headers.append(guest.host, name.toLowerCase(), latin1(value)),
      );
    }

    setBody(bytes: Uint8Array): void {
      const draft = drafts.get(LocalResponse.#of(this));
      if (!draft.canHold(guest.host, bytes.length)) answer(LIMIT_REACHED);
      draft.body = Buffer.from(bytes);
    }

    setDetails(details: string): void {
      drafts.get(LocalResponse.#of(this)).details = details;
    }

    setGrpcStatus(status: number): void {
      answer(drafts.get(LocalResponse.#of(this)).setGrpcStatus(status));
    }

    static send(response: LocalResponse): void {
      answer(drafts.take(LocalResponse.#of(response)).send(guest.host));
    }

    [Symbol.dispose](): void {
      drafts.take(LocalResponse.#of(this));
    }
  }

  const calls = {
    types: {},
    logging: {
      log(level: string, message: string): void {
        const { host } = guest;
        const index = (LOG_LEVEL_NAMES as readonly string[]).indexOf(level);
        if (index >= Math.min(host.logLevel, ERROR)) host.log(index, message.slice(0, LOG_MESSAGE_MAX_BYTES));
      },
      level: () => LOG_LEVEL_NAMES[guest.host.logLevel],
    },
    headers: {
      ...liftedReading(guest, map),
      set: (type: string, name: string, value: Uint8Array) =>
        answer(put(guest.host, map(type), name.toLowerCase(), latin1(value), true)),
      append: (type: string, name: string, value: Uint8Array) =>
        answer(put(guest.host, map(type), name.toLowerCase(), latin1(value), false)),
      remove: (type: string, name: string) => answer(remove(guest.host, map(type), name.toLowerCase())),
      clear: (type: string) => answer(clear(guest.host, map(type))),
    },
    body: {
      read: liftedRead(guest, body),
      write(type: string, start: number, size: number, bytes: Uint8Array): void {
        const { host } = guest;
        const buffer = host.writableBuffer(body(type));
        if (buffer === undefined) throw ERRORS[UNAVAILABLE];
        if (!mayWrite(host, buffer.length, start, size, bytes.length)) throw ERRORS[LIMIT_REACHED];
        buffer.splice(start, size, Buffer.from(bytes));
      },
    },
    properties: {
      get: (path: string) =>
        path.length > PATH_MAX_BYTES
          ? undefined
          : guest.host.property(pathOf(Buffer.from(path).toString('latin1'))),
      set(path: string, value: Uint8Array): void {
        const { host } = guest;
        const bytes = Buffer.from(path);
        if (bytes.length === 0 || bytes.length > PATH_MAX_BYTES) answer(BAD_ARGUMENT);
        if (value.length > host.limits.propertyBytes) {
          host.hit('propertyBytes');
          answer(LIMIT_REACHED);
        }
        answer(answerOf(host.setProperty(pathOf(bytes.toString('latin1')), Buffer.from(value))));
      },
    },
    'http-stream': {
      LocalResponse,
      sendLocalResponse: (response: LocalResponse) => LocalResponse.send(response),
      resume: (type: string) => answer(answerOf(guest.host.continueStream(stream(type)))),
      close: (type: string) => answer(answerOf(guest.host.closeStream(stream(type)))),
      done: () => answer(answerOf(guest.host.done())),
      setEffectiveContext: (id: number) => answer(answerOf(guest.setEffectiveContext(id))),
    },
    ...liftedServices(guest),
  };
  return Object.fromEntries(
    Object.entries(calls).map(([name, functions]) => [`${PACKAGE}${name}`, functions]),
  );
}
