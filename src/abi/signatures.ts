import type { AbiVersion } from './types.ts';

/**
 * Signatures of hostcalls (specification, abi-versions): a letter for each parameter, i for i32 and l for i64. All return
 * an i32 but those with `>`.
 */
const COMMON: Readonly<Record<string, string>> = {
  proxy_done: '',
  proxy_set_effective_context: 'i',
  proxy_log: 'iii',
  proxy_get_current_time_nanoseconds: 'i',
  proxy_get_buffer_bytes: 'iiiii',
  proxy_get_buffer_status: 'iii',
  proxy_set_buffer_bytes: 'iiiii',
  proxy_get_header_map_size: 'ii',
  proxy_get_header_map_pairs: 'iii',
  proxy_set_header_map_pairs: 'iii',
  proxy_get_header_map_value: 'iiiii',
  proxy_add_header_map_value: 'iiiii',
  proxy_replace_header_map_value: 'iiiii',
  proxy_remove_header_map_value: 'iii',
  proxy_send_local_response: 'iiiiiiii',
  proxy_get_property: 'iiii',
  proxy_set_property: 'iiii',
  proxy_set_tick_period_milliseconds: 'i',
  proxy_http_call: 'iiiiiiiiii',
  proxy_grpc_call: 'iiiiiiiiiiii',
  proxy_grpc_stream: 'iiiiiiiii',
  proxy_grpc_send: 'iiii',
  proxy_grpc_cancel: 'i',
  proxy_grpc_close: 'i',
  proxy_get_status: 'iii',
  proxy_get_shared_data: 'iiiii',
  proxy_set_shared_data: 'iiiii',
  proxy_register_shared_queue: 'iii',
  proxy_resolve_shared_queue: 'iiiii',
  proxy_enqueue_shared_queue: 'iii',
  proxy_dequeue_shared_queue: 'iii',
  proxy_define_metric: 'iiii',
  proxy_record_metric: 'il',
  proxy_increment_metric: 'il',
  proxy_get_metric: 'ii',
  proxy_call_foreign_function: 'iiiiii',
};

const V010 = {
  proxy_get_configuration: 'ii',
  proxy_continue_request: '',
  proxy_continue_response: '',
  proxy_clear_route_cache: '',
};
const V020 = { proxy_continue_stream: 'i', proxy_close_stream: 'i' };

/** Every hostcall of a version. */
export const HOSTCALL_TYPES: Readonly<Record<AbiVersion, Readonly<Record<string, string>>>> = {
  '0.1.0': { ...COMMON, ...V010 },
  '0.2.0': { ...COMMON, ...V020 },
  '0.2.1': { ...COMMON, ...V020, proxy_get_log_level: 'i' },
};

const CALLBACKS = {
  proxy_on_context_create: 'ii>',
  proxy_on_vm_start: 'ii',
  proxy_on_configure: 'ii',
  proxy_on_request_headers: 'iii',
  proxy_on_request_body: 'iii',
  proxy_on_request_trailers: 'ii',
  proxy_on_response_headers: 'iii',
  proxy_on_response_body: 'iii',
  proxy_on_response_trailers: 'ii',
  proxy_on_new_connection: 'i',
  proxy_on_downstream_data: 'iii',
  proxy_on_downstream_connection_close: 'ii>',
  proxy_on_upstream_data: 'iii',
  proxy_on_upstream_connection_close: 'ii>',
  proxy_on_tick: 'i>',
  proxy_on_http_call_response: 'iiiii>',
  proxy_on_grpc_receive_initial_metadata: 'iii>',
  proxy_on_grpc_receive: 'iii>',
  proxy_on_grpc_receive_trailing_metadata: 'iii>',
  proxy_on_grpc_close: 'iii>',
  proxy_on_queue_ready: 'ii>',
  proxy_on_foreign_function: 'iii>',
  proxy_on_done: 'i',
  proxy_on_log: 'i>',
  proxy_on_delete: 'i>',
};

/** Every callback that is called, of a version: without end_of_stream for headers before 0.2.0. */
export const CALLBACK_TYPES: Readonly<Record<AbiVersion, Readonly<Record<string, string>>>> = {
  '0.1.0': { ...CALLBACKS, proxy_on_request_headers: 'ii', proxy_on_response_headers: 'ii' },
  '0.2.0': CALLBACKS,
  '0.2.1': CALLBACKS,
};

/** What modules built with Emscripten import besides. */
export const EMSCRIPTEN_TYPES: Readonly<Record<string, string>> = {
  emscripten_notify_memory_growth: 'i>',
  pthread_equal: 'ii',
};

/** As ModuleFacts has signatures. */
export function signatureOf(letters: string): string {
  return letters.endsWith('>') ? `${letters.slice(0, -1)}:` : `${letters}:i`;
}

const NAMES: Readonly<Record<string, string>> = {
  i: 'i32',
  l: 'i64',
  f: 'f32',
  d: 'f64',
  v: 'v128',
  r: 'reference',
};

/** A signature as people write it: `(i32, i64) -> i32`. */
export function signatureText(signature: string): string {
  const [params = '', results = ''] = signature.split(':');
  const list = (letters: string) => [...letters].map(letter => NAMES[letter]).join(', ');
  return `(${list(params)}) -> ${results === '' ? 'nothing' : list(results)}`;
}
