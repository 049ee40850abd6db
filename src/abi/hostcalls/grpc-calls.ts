import { areFields } from '../../message/fields.ts';
import type { Guest, HostcallTable } from '../guest.ts';
import { readPairs } from '../pairs.ts';
import { returnBytes, returnId, statusOf } from '../results.ts';
import { fits } from '../room.ts';
import { Status } from '../types.ts';
import { TIMEOUT_MAX } from './http-calls.ts';

/** A name of an upstream, or Envoy's GrpcService around it. */
const UPSTREAM_MAX_BYTES = 4096;
const NAME_MAX_BYTES = 1024;
/** What the name of a service or method may be made of: `/service/method` is a path. */
const NAME = /^[0-9A-Za-z_.-]+$/;

/** Whether a service or method may be called so. */
export function isGrpcName(name: string): boolean {
  return name.length <= NAME_MAX_BYTES && NAME.test(name);
}

type Range = readonly [ptr: number, size: number];

/** `message` undefined: a stream. */
function open(
  guest: Guest,
  upstream: Range,
  service: Range,
  method: Range,
  metadata: Range,
  message: Range | undefined,
  timeout: number,
  idPtr: number,
): Status {
  const { memory, host } = guest;
  if (
    !memory.has(...upstream) ||
    !memory.has(...service) ||
    !memory.has(...method) ||
    !memory.has(...metadata) ||
    (message !== undefined && !memory.has(...message)) ||
    !memory.has(idPtr, 4)
  ) {
    return Status.INVALID_MEMORY_ACCESS;
  }
  // Before it is copied.
  if (message !== undefined && tooLarge(guest, message[1])) return Status.BAD_ARGUMENT;
  if (upstream[1] >>> 0 > UPSTREAM_MAX_BYTES || timeout >>> 0 > TIMEOUT_MAX) return Status.BAD_ARGUMENT;
  if (service[1] >>> 0 > NAME_MAX_BYTES || method[1] >>> 0 > NAME_MAX_BYTES) return Status.BAD_ARGUMENT;
  const names = [memory.latin1(...service), memory.latin1(...method)] as const;
  if (!isGrpcName(names[0]) || !isGrpcName(names[1])) return Status.BAD_ARGUMENT;
  const pairs = readPairs(memory, ...metadata);
  if (pairs === undefined || !areFields(pairs) || !fits(host, pairs)) return Status.BAD_ARGUMENT;
  const request = {
    upstream: memory.copy(...upstream),
    service: names[0],
    method: names[1],
    metadata: pairs,
    message: message && memory.copy(...message),
    timeout,
  };
  return returnId(guest, host.grpcCall(request), idPtr);
}

/** Counts a message that is larger than the filter may hold. */
function tooLarge(guest: Guest, size: number): boolean {
  if (size >>> 0 <= guest.host.limits.bufferedBody) return false;
  guest.host.hit('bufferedBody');
  return true;
}

/** Chapter "gRPC calls". Messages are serialized ones, without the prefix they have on the wire. */
export const grpcCalls: HostcallTable = {
  /**
   * `proxy_grpc_call(upstream: *u8, upstream_size, service: *u8, service_size, method: *u8, method_size, metadata: *u8,
   * metadata_size, message: *u8, message_size, timeout, return_call_id: *u32) -> status`: one message each way. `upstream`
   * is a name or, as for Envoy, a serialized GrpcService with one. A timeout (ms) of 0 is none.
   * OK; PARSE_FAILURE for an upstream that isn't there (as in Envoy) or wasn't granted; BAD_ARGUMENT for illegal names or
   * metadata and for more than the filter's limits allow; INTERNAL_FAILURE when it has too many calls under way;
   * INVALID_MEMORY_ACCESS.
   */
  proxy_grpc_call:
    guest =>
    (
      upstreamPtr: number,
      upstreamSize: number,
      servicePtr: number,
      serviceSize: number,
      methodPtr: number,
      methodSize: number,
      metadataPtr: number,
      metadataSize: number,
      messagePtr: number,
      messageSize: number,
      timeout: number,
      idPtr: number,
    ) =>
      open(
        guest,
        [upstreamPtr, upstreamSize],
        [servicePtr, serviceSize],
        [methodPtr, methodSize],
        [metadataPtr, metadataSize],
        [messagePtr, messageSize],
        timeout,
        idPtr,
      ),

  /**
   * `proxy_grpc_stream(upstream: *u8, upstream_size, service: *u8, service_size, method: *u8, method_size, metadata: *u8,
   * metadata_size, return_stream_id: *u32) -> status`: any number of messages each way. As proxy_grpc_call.
   */
  proxy_grpc_stream:
    guest =>
    (
      upstreamPtr: number,
      upstreamSize: number,
      servicePtr: number,
      serviceSize: number,
      methodPtr: number,
      methodSize: number,
      metadataPtr: number,
      metadataSize: number,
      idPtr: number,
    ) =>
      open(
        guest,
        [upstreamPtr, upstreamSize],
        [servicePtr, serviceSize],
        [methodPtr, methodSize],
        [metadataPtr, metadataSize],
        undefined,
        0,
        idPtr,
      ),

  /**
   * `proxy_grpc_send(stream_id, message: *u8, message_size, end_stream) -> status`. OK; NOT_FOUND for a stream that isn't
   * there; BAD_ARGUMENT for a call, after the end, and for more than may wait to go out; INVALID_MEMORY_ACCESS.
   */
  proxy_grpc_send: guest => (id: number, ptr: number, size: number, endOfStream: number) => {
    if (!guest.memory.has(ptr, size)) return Status.INVALID_MEMORY_ACCESS;
    if (tooLarge(guest, size)) return Status.BAD_ARGUMENT;
    return statusOf(guest.host.grpcSend(id >>> 0, guest.memory.copy(ptr, size), endOfStream !== 0));
  },

  /** `proxy_grpc_cancel(id) -> status`: a call or stream ends at once; no callback follows. OK; NOT_FOUND. */
  proxy_grpc_cancel: guest => (id: number) => guest.host.grpcCancel(id >>> 0),

  /** `proxy_grpc_close(id) -> status`: no more messages follow on a stream; a call is cancelled. OK; NOT_FOUND. */
  proxy_grpc_close: guest => (id: number) => guest.host.grpcClose(id >>> 0),

  /**
   * `proxy_get_status(return_code: *u32, return_message: **u8, return_message_size: *usize) -> status`: how the call ended
   * whose end is told now (in proxy_on_grpc_close or proxy_on_http_call_response), or was told last. OK;
   * INVALID_MEMORY_ACCESS.
   */
  proxy_get_status: guest => (codePtr: number, ptrPtr: number, sizePtr: number) => {
    if (!guest.memory.has(codePtr, 4)) return Status.INVALID_MEMORY_ACCESS;
    const { code, message } = guest.host.callStatus();
    const status = returnBytes(guest, Buffer.from(message), ptrPtr, sizePtr);
    if (status === Status.OK) guest.memory.setU32(codePtr, code);
    return status;
  },
};
