import type { BodyBuffer } from '../message/body.ts';
import type { Guest } from './guest.ts';
import { FULL } from './host.ts';
import { Status } from './types.ts';

/** The ABI's status for what reached a limit. */
export function statusOf(status: Status | typeof FULL): Status {
  return status === FULL ? Status.BAD_ARGUMENT : status;
}

/**
 * Return values: `*ptrPtr = address, *sizePtr = size`, the bytes in memory that the guest's allocator gave and
 * that the guest then owns. An empty value is a null pointer and 0, with no allocation.
 */
function reserve(guest: Guest, size: number, ptrPtr: number, sizePtr: number): number {
  const memory = guest.memory;
  // Before the guest's allocator runs: a bad pointer must not cost the guest memory.
  if (!memory.has(ptrPtr, 4) || !memory.has(sizePtr, 4)) return -1;
  let address = 0;
  if (size > 0) {
    address = guest.allocate(size);
    if (address === 0) return -1;
  }
  memory.setU32(ptrPtr, address);
  memory.setU32(sizePtr, size);
  return address;
}

/** Returns a latin1 string. INVALID_MEMORY_ACCESS: bad pointers, or the allocator failed. */
export function returnLatin1(guest: Guest, text: string, ptrPtr: number, sizePtr: number): Status {
  const address = reserve(guest, text.length, ptrPtr, sizePtr);
  if (address < 0) return Status.INVALID_MEMORY_ACCESS;
  if (text.length > 0) guest.memory.writeLatin1(address, text);
  return Status.OK;
}

/** Returns bytes. INVALID_MEMORY_ACCESS: bad pointers, or the allocator failed. */
export function returnBytes(guest: Guest, bytes: Uint8Array, ptrPtr: number, sizePtr: number): Status {
  const address = reserve(guest, bytes.length, ptrPtr, sizePtr);
  if (address < 0) return Status.INVALID_MEMORY_ACCESS;
  if (bytes.length > 0) guest.memory.write(address, bytes);
  return Status.OK;
}

/** Returns a part of a buffer, copied once, straight into the guest. The range must lie inside. */
export function returnRange(
  guest: Guest,
  buffer: BodyBuffer,
  start: number,
  size: number,
  ptrPtr: number,
  sizePtr: number,
): Status {
  const address = reserve(guest, size, ptrPtr, sizePtr);
  if (address < 0) return Status.INVALID_MEMORY_ACCESS;
  if (size > 0) buffer.copyTo(guest.memory.bytes, address, start, size);
  return Status.OK;
}

/** Returns an id, or passes on the status that stands in its place. */
export function returnId(guest: Guest, id: number, ptr: number): Status {
  if (id <= 0) return -id as Status;
  guest.memory.setU32(ptr, id);
  return Status.OK;
}
