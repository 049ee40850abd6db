import { type ErrorCode, statusOf } from '../component/http/error-code.ts';
import type { OutflowTarget } from '../component/http/outflow.ts';
import { FieldMap, type RawFields, removeField } from '../message/fields.ts';
import { ResponseHeaders } from '../message/headers.ts';
import type { TakenStream } from './taken.ts';
import { type Direction, RESPONSE } from './types.ts';

/** The framing is ours: a Content-Length says what is known (-1: nothing), or isn't there. */
export function setLength(raw: RawFields, length: number): void {
  removeField(raw, 'content-length');
  if (length >= 0) raw.push('content-length', String(length));
}

/** As for a failed upstream: what the client is told is ours, and filters before see it as a response. */
export function sendError(stream: TakenStream, code: ErrorCode, isHead: boolean): void {
  const status = statusOf(code);
  const body = Buffer.from(`${status} ${code.tag}\n`);
  const raw = ['content-type', 'text/plain; charset=utf-8', 'content-length', String(body.length)];
  stream.sendResponseHeaders(new ResponseHeaders(status, raw), body.length, isHead);
  if (!isHead) stream.sendData(RESPONSE, body, true);
}

/** Where what a guest writes is dropped. */
export const NOWHERE: OutflowTarget = { full: () => false, data() {}, trailers() {}, broken() {} };

/** A body's way into the chain. */
export function targetOf(
  stream: TakenStream,
  direction: Direction,
  owner: { moved(bytes: number): void; broken(reason: string): void },
): OutflowTarget {
  return {
    full: () => stream.full(direction),
    data: (chunk, end) => {
      owner.moved(chunk.length);
      stream.sendData(direction, chunk, end);
    },
    trailers: raw => stream.sendTrailers(direction, new FieldMap(raw)),
    broken: reason => owner.broken(reason),
  };
}
