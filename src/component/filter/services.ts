import { FULL, type Host, type SharedValue } from '../../abi/host.ts';
import { FUNCTION_NAME_MAX_BYTES } from '../../abi/hostcalls/foreign-functions.ts';
import { METRIC_NAME_MAX_BYTES } from '../../abi/hostcalls/metrics.ts';
import { KEY_MAX_BYTES } from '../../abi/hostcalls/shared-data.ts';
import { type MetricType, Status } from '../../abi/types.ts';
import { BAD_ARGUMENT, CAS_MISMATCH, DENIED, LIMIT_REACHED, NOT_FOUND, OK, UNAVAILABLE } from './types.ts';

/**
 * What hostcalls beyond the stream do once their arguments are values of JavaScript: the same for both roads into a
 * component. Keys and names are latin1 strings of UTF-8 bytes. What is no value is an index into SERVICE_ERRORS, or OK.
 */

function serviceAnswer(status: Status | typeof FULL): number {
  switch (status) {
    case Status.OK:
      return OK;
    case Status.NOT_FOUND:
      return NOT_FOUND;
    case Status.INTERNAL_FAILURE:
      return UNAVAILABLE;
    case Status.CAS_MISMATCH:
      return CAS_MISMATCH;
    case FULL:
      return LIMIT_REACHED;
    default:
      return BAD_ARGUMENT;
  }
}

const NO_BYTES = new Uint8Array(0);

/** Of the store, which doesn't say why it failed. */
function storeAnswer(host: Host, status: Status | typeof FULL): number {
  return status === Status.INTERNAL_FAILURE && !host.mayShare ? DENIED : serviceAnswer(status);
}

/** Whether a value of so many bytes may be put into the store: to be asked before it is copied. */
export function mayStore(host: Host, length: number): boolean {
  if (length <= host.limits.sharedDataBytes) return true;
  host.hit('sharedDataBytes');
  return false;
}

/** Whether a key or name of so many bytes can be one: to be asked before a string is made of it. */
export const canBeKey = (length: number): boolean => length <= KEY_MAX_BYTES;

/** Undefined: it isn't there. */
export function getShared(host: Host, key: string): SharedValue | undefined | number {
  const found = host.sharedData(key);
  if (found === Status.NOT_FOUND) return undefined;
  return typeof found === 'number' ? storeAnswer(host, found) : found;
}

export function setShared(host: Host, key: string, value: Buffer, cas: number): number {
  return storeAnswer(host, host.setSharedData(key, value, cas));
}

/** The id, or what `errorOf` takes. */
export function registerQueue(host: Host, name: string): number {
  const id = host.registerQueue(name);
  return id > 0 ? id : ~storeAnswer(host, -id as Status);
}

/** The id, or what `errorOf` takes. */
export function resolveQueue(host: Host, vmId: string, name: string): number {
  const id = host.resolveQueue(vmId, name);
  return id > 0 ? id : ~storeAnswer(host, -id as Status);
}

export function enqueue(host: Host, queue: number, value: Buffer): number {
  return storeAnswer(host, host.enqueue(queue, value));
}

/** Undefined: it is empty. */
export function dequeue(host: Host, queue: number): Uint8Array | undefined | number {
  const value = host.dequeue(queue);
  if (value === Status.EMPTY) return undefined;
  return typeof value === 'number' ? storeAnswer(host, value) : value;
}

export const canBeMetric = (length: number): boolean => length > 0 && length <= METRIC_NAME_MAX_BYTES;

/** The id, or what `errorOf` takes. */
export function defineMetric(host: Host, type: number, name: string): number {
  const id = host.defineMetric(type as MetricType, name);
  return id > 0 ? id : ~serviceAnswer(-id as Status);
}

/** `value`: unsigned, 64 bits. */
export function recordMetric(host: Host, metric: number, value: bigint): number {
  return serviceAnswer(host.recordMetric(metric, value));
}

/** `offset`: signed, 64 bits. */
export function incrementMetric(host: Host, metric: number, offset: bigint): number {
  return serviceAnswer(host.incrementMetric(metric, offset));
}

export function metricValue(host: Host, metric: number): bigint | number {
  const value = host.metricValue(metric);
  return typeof value === 'number' ? serviceAnswer(value) : value;
}

export const canBeFunction = (length: number): boolean => length <= FUNCTION_NAME_MAX_BYTES;

export function callForeign(host: Host, name: string, args: Buffer): Uint8Array | number {
  const result = host.callForeignFunction(name, args);
  if (typeof result !== 'number') return result;
  return result === Status.OK ? NO_BYTES : serviceAnswer(result);
}

export function grpcSend(host: Host, call: number, message: Buffer, endOfStream: boolean): number {
  return serviceAnswer(host.grpcSend(call, message, endOfStream));
}

export function grpcClose(host: Host, call: number): number {
  return serviceAnswer(host.grpcClose(call));
}

export function grpcCancel(host: Host, call: number): number {
  return serviceAnswer(host.grpcCancel(call));
}
