import type { ComponentImports } from '../glue.ts';
import type { CoreGuest, Lowered, LoweredTable } from './lowering.ts';
import { lowering } from './lowering.ts';
import { DENIED, ERRORS, LOG_LEVEL_NAMES, PACKAGE, SERVICE_ERRORS, UNAVAILABLE } from './types.ts';

/** What stands for a function that is denied: by what it gives. */
type Answer =
  /** `result<_, error>`; with a payload aligned to 4. */
  | 'error'
  | 'error-value'
  /** The same with service-error; with a payload aligned to 8. */
  | 'service'
  | 'service-value'
  | 'service-u64'
  /** `option<…>`: none. */
  | 'none'
  | 'nothing'
  /** The highest level: nothing is worth a line. */
  | 'level'
  /** `call-status`: 0 and no text. */
  | 'status';

/** `drops`: the resource that it takes as its first argument. */
type Denial = readonly [from: string, name: string, answer: Answer, drops?: string];

/** What goes by the names of the ABI. */
const DENIALS: Readonly<Record<string, readonly Denial[]>> = {
  proxy_log: [['logging', 'log', 'nothing']],
  proxy_get_log_level: [['logging', 'level', 'level']],
  proxy_get_header_map_size: [
    ['headers', 'size', 'error-value'],
    ['answers', 'size', 'error-value'],
  ],
  proxy_get_header_map_pairs: [
    ['headers', 'entries', 'error-value'],
    ['answers', 'entries', 'error-value'],
  ],
  proxy_set_header_map_pairs: [['headers', 'clear', 'error']],
  proxy_get_header_map_value: [
    ['headers', 'get', 'none'],
    ['answers', 'get', 'none'],
  ],
  proxy_replace_header_map_value: [['headers', 'set', 'error']],
  proxy_add_header_map_value: [['headers', 'append', 'error']],
  proxy_remove_header_map_value: [['headers', 'remove', 'error']],
  proxy_get_buffer_bytes: [
    ['body', 'read', 'error-value'],
    ['answers', 'read', 'error-value'],
  ],
  proxy_set_buffer_bytes: [['body', 'write', 'error']],
  proxy_get_property: [['properties', 'get', 'none']],
  proxy_set_property: [['properties', 'set', 'error']],
  proxy_send_local_response: [['http-stream', 'send-local-response', 'error', 'local-response']],
  proxy_continue_stream: [['http-stream', 'resume', 'error']],
  proxy_close_stream: [['http-stream', 'close', 'error']],
  proxy_done: [['http-stream', 'done', 'error']],
  proxy_set_effective_context: [['http-stream', 'set-effective-context', 'error']],
  proxy_set_tick_period_milliseconds: [['timers', 'set-tick-period', 'nothing']],
  proxy_http_call: [['http-calls', 'send', 'service-value', 'http-request']],
  proxy_grpc_call: [['grpc-calls', 'call', 'service-value', 'grpc-request']],
  proxy_grpc_stream: [['grpc-calls', 'open-stream', 'service-value', 'grpc-request']],
  proxy_grpc_send: [['grpc-calls', 'send', 'service']],
  proxy_grpc_close: [['grpc-calls', 'close', 'service']],
  proxy_grpc_cancel: [['grpc-calls', 'cancel', 'service']],
  proxy_get_status: [['answers', 'status', 'status']],
  proxy_get_shared_data: [['shared-data', 'get', 'service-value']],
  proxy_set_shared_data: [['shared-data', 'set', 'service']],
  proxy_register_shared_queue: [['shared-queues', 'register', 'service-value']],
  proxy_resolve_shared_queue: [['shared-queues', 'resolve', 'service-value']],
  proxy_enqueue_shared_queue: [['shared-queues', 'enqueue', 'service']],
  proxy_dequeue_shared_queue: [['shared-queues', 'dequeue', 'service-value']],
  proxy_define_metric: [['metrics', 'define', 'service-value']],
  proxy_record_metric: [['metrics', 'record-value', 'service']],
  proxy_increment_metric: [['metrics', 'increment', 'service']],
  proxy_get_metric: [['metrics', 'get', 'service-u64']],
  proxy_call_foreign_function: [['foreign-functions', 'call', 'service-value']],
};

/** Hostcalls that can be denied to components. */
export const DENIABLE: ReadonlySet<string> = new Set(Object.keys(DENIALS));

/** Told of each time that something denied is called, with its name in the ABI. */
type Told = (call: string) => void;

/** The table without what was denied. */
export function denyLowered(
  guest: CoreGuest,
  table: LoweredTable,
  denied: readonly string[],
  told: Told,
): LoweredTable {
  if (denied.length === 0) return table;
  const { check, answer, fail, list } = lowering(guest);
  const give = (kind: Answer, ret: number): number | undefined => {
    const { memory } = guest;
    switch (kind) {
      case 'error':
        return answer(ret, UNAVAILABLE);
      case 'error-value':
        return fail(ret, UNAVAILABLE);
      case 'service':
        return answer(ret, DENIED);
      case 'service-value':
        return fail(ret, DENIED);
      case 'service-u64':
        check(ret, 16);
        memory.setU8(ret, 1);
        memory.setU8(ret + 8, DENIED);
        return undefined;
      case 'none':
        check(ret, 12);
        memory.setU8(ret, 0);
        return undefined;
      case 'status':
        check(ret, 12);
        memory.setU32(ret, 0);
        list(ret + 4, 1, 0);
        return undefined;
      case 'level':
        return LOG_LEVEL_NAMES.length - 1;
      case 'nothing':
        return undefined;
    }
  };
  const kept: Record<string, Record<string, Lowered>> = {};
  for (const [from, functions] of Object.entries(table)) kept[from] = { ...functions };
  for (const call of denied) {
    for (const [from, name, kind, drops] of DENIALS[call] ?? []) {
      const drop = drops === undefined ? undefined : kept[from]![`[resource-drop]${drops}`];
      kept[from]![name] = (...args: unknown[]) => {
        told(call);
        (drop as ((handle: unknown) => void) | undefined)?.(args[0]);
        return give(kind, Number(args.at(-1)));
      };
    }
  }
  return kept;
}

/** The same for jco's glue. */
export function denyLifted(
  imports: ComponentImports,
  denied: readonly string[],
  told: Told,
): ComponentImports {
  if (denied.length === 0) return imports;
  const give = (kind: Answer): unknown => {
    switch (kind) {
      case 'error':
      case 'error-value':
        throw ERRORS[UNAVAILABLE];
      case 'service':
      case 'service-value':
      case 'service-u64':
        throw SERVICE_ERRORS[DENIED];
      case 'status':
        return { code: 0, message: '' };
      case 'level':
        return LOG_LEVEL_NAMES.at(-1);
      case 'none':
      case 'nothing':
        return undefined;
    }
  };
  const kept: Record<string, Record<string, unknown>> = {};
  for (const [name, functions] of Object.entries(imports)) kept[name] = { ...functions };
  for (const call of denied) {
    for (const [from, name, kind, drops] of DENIALS[call] ?? []) {
      const method = name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
      kept[`${PACKAGE}${from}`]![method] = (first: unknown) => {
        told(call);
        if (drops !== undefined) (first as Disposable)[Symbol.dispose]();
        return give(kind);
      };
    }
  }
  return kept;
}
