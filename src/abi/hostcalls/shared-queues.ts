import type { HostcallTable } from '../guest.ts';
import { returnBytes, returnId, statusOf } from '../results.ts';
import { Status } from '../types.ts';
import { KEY_MAX_BYTES } from './shared-data.ts';

/** Chapter "Shared Queues". */
export const sharedQueues: HostcallTable = {
  /**
   * `proxy_register_shared_queue(name: *u8, name_size, return_queue_id: *u32) -> status`: made in the scope of the VM's
   * vm id, if it isn't there; its values are told to proxy_on_queue_ready of this root context from now on.
   * OK; BAD_ARGUMENT for a name over 4 KiB or more than the filter's limits allow; INTERNAL_FAILURE when the store can't be reached, is full or wasn't granted;
   * INVALID_MEMORY_ACCESS.
   */
  proxy_register_shared_queue: guest => (namePtr: number, nameSize: number, idPtr: number) => {
    const { memory } = guest;
    if (!memory.has(namePtr, nameSize) || !memory.has(idPtr, 4)) return Status.INVALID_MEMORY_ACCESS;
    if (nameSize >>> 0 > KEY_MAX_BYTES) return Status.BAD_ARGUMENT;
    return returnId(guest, guest.host.registerQueue(memory.latin1(namePtr, nameSize)), idPtr);
  },

  /**
   * `proxy_resolve_shared_queue(vm_id: *u8, vm_id_size, name: *u8, name_size, return_queue_id: *u32) -> status`.
   * OK; NOT_FOUND: nobody registered it; INTERNAL_FAILURE; INVALID_MEMORY_ACCESS.
   */
  proxy_resolve_shared_queue:
    guest => (vmIdPtr: number, vmIdSize: number, namePtr: number, nameSize: number, idPtr: number) => {
      const { memory } = guest;
      if (!memory.has(vmIdPtr, vmIdSize) || !memory.has(namePtr, nameSize) || !memory.has(idPtr, 4))
        return Status.INVALID_MEMORY_ACCESS;
      if (vmIdSize >>> 0 > KEY_MAX_BYTES || nameSize >>> 0 > KEY_MAX_BYTES) return Status.NOT_FOUND;
      const vmId = memory.utf8(vmIdPtr, vmIdSize);
      return returnId(guest, guest.host.resolveQueue(vmId, memory.latin1(namePtr, nameSize)), idPtr);
    },

  /**
   * `proxy_enqueue_shared_queue(queue_id, value: *u8, value_size) -> status`. OK; NOT_FOUND: there is no such queue;
   * BAD_ARGUMENT for more than the filter's limits allow; INTERNAL_FAILURE; INVALID_MEMORY_ACCESS.
   */
  proxy_enqueue_shared_queue: guest => (id: number, ptr: number, size: number) => {
    const { memory, host } = guest;
    if (!memory.has(ptr, size)) return Status.INVALID_MEMORY_ACCESS;
    // Before it is copied.
    if (size >>> 0 > host.limits.sharedDataBytes) {
      host.hit('sharedDataBytes');
      return Status.BAD_ARGUMENT;
    }
    return statusOf(host.enqueue(id >>> 0, memory.copy(ptr, size)));
  },

  /**
   * `proxy_dequeue_shared_queue(queue_id, return_value: **u8, return_value_size: *usize) -> status`: the oldest value.
   * OK; EMPTY; NOT_FOUND: there is no such queue; INTERNAL_FAILURE; INVALID_MEMORY_ACCESS.
   */
  proxy_dequeue_shared_queue: guest => (id: number, ptrPtr: number, sizePtr: number) => {
    const { memory } = guest;
    // Before a value is taken out that could not be handed over.
    if (!memory.has(ptrPtr, 4) || !memory.has(sizePtr, 4)) return Status.INVALID_MEMORY_ACCESS;
    const value = guest.host.dequeue(id >>> 0);
    return typeof value === 'number' ? value : returnBytes(guest, value, ptrPtr, sizePtr);
  },
};
