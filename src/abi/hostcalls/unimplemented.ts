import type { HostcallTable } from '../guest.ts';
import { Status } from '../types.ts';

/**
 * Hostcalls that exist so that modules load, and answer UNIMPLEMENTED, by chapter of the specification. This table
 * is the whole list: README, `weir inspect` and the tests read it.
 */
export const UNIMPLEMENTED: Readonly<Record<string, readonly string[]>> = {
  Timers: ['proxy_set_tick_period_milliseconds'],
  'HTTP calls': ['proxy_http_call'],
  'gRPC calls': [
    'proxy_grpc_call',
    'proxy_grpc_stream',
    'proxy_grpc_send',
    'proxy_grpc_cancel',
    'proxy_grpc_close',
  ],
  'Common HTTP and TCP stream operations': ['proxy_get_status'],
  'Shared Key-Value Store': ['proxy_get_shared_data', 'proxy_set_shared_data'],
  'Shared Queues': [
    'proxy_register_shared_queue',
    'proxy_resolve_shared_queue',
    'proxy_enqueue_shared_queue',
    'proxy_dequeue_shared_queue',
  ],
  Metrics: ['proxy_define_metric', 'proxy_record_metric', 'proxy_increment_metric', 'proxy_get_metric'],
  'Foreign function interface': ['proxy_call_foreign_function'],
};

const answer = () => () => Status.UNIMPLEMENTED;

export const unimplemented: HostcallTable = Object.fromEntries(
  Object.values(UNIMPLEMENTED)
    .flat()
    .map(name => [name, answer]),
);
