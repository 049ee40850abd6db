import { FutureTrailers, IncomingBody, OutgoingBody, type Result } from './bodies.ts';
import { type ErrorCode, httpErrorCode } from './error-code.ts';
import { Fields } from './fields.ts';
import {
  FutureIncomingResponse,
  IncomingRequest,
  IncomingResponse,
  type PendingResponse,
} from './incoming.ts';
import type { HttpInstance } from './instance.ts';
import { OutgoingRequest, OutgoingResponse, RequestOptions } from './outgoing.ts';

/** Where a handler's requests go. */
export interface RequestSender {
  /** Sends a request, which is the host's; throws ErrorCode as jco's `err`. */
  send(request: OutgoingRequest, options: RequestOptions | undefined): PendingResponse;
}

/** Whoever called the handler: where its messages go. */
export interface HandlerHost extends RequestSender {
  /** The handler's answer. The response is the host's. Called once at the most. */
  respond(answer: Result<OutgoingResponse, ErrorCode>): void;
}

/** Resource `wasi:http/types.response-outparam` (wasi-http 0.2, wit/types.wit). */
export class ResponseOutparam {
  readonly #instance: HttpInstance;
  readonly #host: HandlerHost;
  #open = true;

  constructor(instance: HttpInstance, host: HandlerHost) {
    instance.wasi.take();
    this.#instance = instance;
    this.#host = host;
  }

  /** `[static]response-outparam.set` */
  static set(param: ResponseOutparam, answer: Result<OutgoingResponse, ErrorCode>): void {
    param.#release();
    if (answer.tag === 'ok') answer.val[Symbol.dispose]();
    param.#host.respond(answer);
  }

  /** `[method]response-outparam.send-informational`: not supported. */
  sendInformational(): never {
    throw { tag: 'internal-error', val: 'informational responses are not sent' } satisfies ErrorCode;
  }

  [Symbol.dispose](): void {
    // Without an answer; that is seen when the handler returns.
    if (this.#open) this.#release();
  }

  #release(): void {
    this.#open = false;
    this.#instance.wasi.release();
  }
}

/**
 * A class as the glue of one instance wants it: constructor and static functions know the instance, and what was made
 * is an instance of both.
 */
function bound<T extends object>(
  prototype: T,
  make: (...args: never[]) => T,
  statics: object = {},
): (...args: never[]) => T {
  // Called with `new`, whose result is then what it returns; an arrow function can't be.
  const made = function construct(...args: never[]): T {
    return make(...args);
  };
  return Object.assign(made, { prototype, ...statics });
}

/** The import objects of `wasi:http` for one instance, as jco wants them: keys without versions. */
export function httpImports(instance: HttpInstance, host: RequestSender): Record<string, object> {
  return {
    'wasi:http/types': {
      Fields: bound(Fields.prototype, () => new Fields(instance), {
        fromList: (entries: readonly (readonly [string, Uint8Array])[]) => Fields.fromList(instance, entries),
      }),
      FutureIncomingResponse,
      FutureTrailers,
      IncomingBody,
      IncomingRequest,
      IncomingResponse,
      OutgoingBody,
      OutgoingRequest: bound(
        OutgoingRequest.prototype,
        (fields: Fields) => new OutgoingRequest(instance, fields),
      ),
      OutgoingResponse: bound(
        OutgoingResponse.prototype,
        (fields: Fields) => new OutgoingResponse(instance, fields),
      ),
      RequestOptions: bound(RequestOptions.prototype, () => new RequestOptions(instance)),
      ResponseOutparam,
      httpErrorCode,
    },
    'wasi:http/outgoing-handler': {
      handle(request: OutgoingRequest, options: RequestOptions | undefined): FutureIncomingResponse {
        try {
          const future = new FutureIncomingResponse(instance, host.send(request, options));
          return future;
        } finally {
          request[Symbol.dispose]();
          options?.[Symbol.dispose]();
        }
      },
    },
  };
}
