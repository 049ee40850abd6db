/** Core signatures of the world's functions (component model, CanonicalABI.md, "Flattening"): as `facts` has them. */
export const CALL_TYPES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  logging: { log: 'iii:', level: ':i' },
  headers: {
    size: 'ii:',
    entries: 'ii:',
    get: 'iiii:',
    set: 'iiiiii:',
    append: 'iiiiii:',
    remove: 'iiii:',
    clear: 'ii:',
  },
  body: { read: 'iiii:', write: 'iiiiii:' },
  properties: { get: 'iii:', set: 'iiiii:' },
  'http-stream': {
    '[constructor]local-response': 'i:i',
    '[method]local-response.append-header': 'iiiiii:',
    '[method]local-response.set-body': 'iiii:',
    '[method]local-response.set-details': 'iii:',
    '[method]local-response.set-grpc-status': 'iii:',
    '[resource-drop]local-response': 'i:',
    'send-local-response': 'ii:',
    resume: 'ii:',
    close: 'ii:',
    done: 'i:',
    'set-effective-context': 'ii:',
  },
  contexts: { current: ':i' },
  timers: { 'set-tick-period': 'i:' },
  'http-calls': {
    '[constructor]http-request': 'iiiiiiii:i',
    '[method]http-request.append-header': 'iiiiii:',
    '[method]http-request.set-body': 'iiii:',
    '[method]http-request.append-trailer': 'iiiiii:',
    '[method]http-request.set-timeout': 'iii:',
    '[resource-drop]http-request': 'i:',
    send: 'ii:',
  },
  'grpc-calls': {
    '[constructor]grpc-request': 'iiiiii:i',
    '[method]grpc-request.append-metadata': 'iiiiii:',
    '[method]grpc-request.set-timeout': 'iii:',
    '[resource-drop]grpc-request': 'i:',
    call: 'iiii:',
    'open-stream': 'ii:',
    send: 'iiiii:',
    close: 'ii:',
    cancel: 'ii:',
  },
  answers: { size: 'ii:', entries: 'ii:', get: 'iiii:', read: 'iiii:', status: 'i:' },
  'shared-data': { get: 'iii:', set: 'iiiiii:' },
  'shared-queues': { register: 'iii:', resolve: 'iiiii:', enqueue: 'iiii:', dequeue: 'ii:' },
  metrics: { define: 'iiii:', 'record-value': 'ili:', increment: 'ili:', get: 'ii:' },
  'foreign-functions': { call: 'iiiii:' },
};

export const CALLBACK_TYPES: Readonly<Record<string, string>> = {
  '[constructor]plugin-context': ':i',
  '[method]plugin-context.on-vm-start': 'iii:i',
  '[method]plugin-context.on-configure': 'iii:i',
  '[method]plugin-context.create-http-context': 'ii:i',
  '[method]plugin-context.on-done': 'i:i',
  '[method]plugin-context.on-log': 'i:',
  '[dtor]plugin-context': 'i:',
  '[method]http-context.on-request-headers': 'iii:i',
  '[method]http-context.on-request-body': 'iii:i',
  '[method]http-context.on-request-trailers': 'ii:i',
  '[method]http-context.on-response-headers': 'iii:i',
  '[method]http-context.on-response-body': 'iii:i',
  '[method]http-context.on-response-trailers': 'ii:i',
  '[method]http-context.on-done': 'i:i',
  '[method]http-context.on-log': 'i:',
  '[dtor]http-context': 'i:',
};

/** Of the interfaces of events. */
export const EVENT_TYPES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'tick-events': { 'on-tick': 'i:' },
  'http-call-events': { 'on-http-call-response': 'iiiii:' },
  'grpc-call-events': {
    'on-grpc-initial-metadata': 'iii:',
    'on-grpc-message': 'iii:',
    'on-grpc-trailing-metadata': 'iii:',
    'on-grpc-close': 'iii:',
  },
  'queue-events': { 'on-queue-ready': 'ii:' },
  'foreign-function-events': { 'on-foreign-function': 'iii:' },
};

/** The canonical allocator. */
export const REALLOC_TYPE = 'iiii:i';
