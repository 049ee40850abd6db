/** What filters/wit/filter.wit says, as witOf reads it; test/component/world.test.ts keeps it so. */
export const WEIR_FILTER_VERSION = '0.1.1';

/** Functions by interface: their normal form. */
export const WEIR_FILTER: Readonly<
  Record<string, Readonly<Record<string, { readonly shape: string; readonly text: string }>>>
> = {
  'weir:filter/types': {},
  'weir:filter/logging': {
    log: {
      shape: '8YxD2DPqu6A-2JkixGl729',
      text: 'func(level: log-level, message: string)',
    },
    level: {
      shape: 'fof9y30bpf7b8_SvzRlwB2',
      text: 'func() -> log-level',
    },
  },
  'weir:filter/headers': {
    size: {
      shape: '-tD3cAQoNcnm9O1OvpOeZF',
      text: 'func(which: map-type) -> result<u32, error>',
    },
    entries: {
      shape: 'DVgFhmnKaJxlBTpTRrxYjU',
      text: 'func(which: map-type) -> result<list<tuple<string, list<u8>>>, error>',
    },
    get: {
      shape: 'kMRWWygalWDBVeF2lPKvvX',
      text: 'func(which: map-type, name: string) -> option<list<u8>>',
    },
    set: {
      shape: '8AKwHnxEUv48AzI4oAhlFB',
      text: 'func(which: map-type, name: string, value: list<u8>) -> result<_, error>',
    },
    append: {
      shape: '8AKwHnxEUv48AzI4oAhlFB',
      text: 'func(which: map-type, name: string, value: list<u8>) -> result<_, error>',
    },
    remove: {
      shape: 'gCJG0wMhfx2hyft6vwuvyT',
      text: 'func(which: map-type, name: string) -> result<_, error>',
    },
    clear: {
      shape: 'sVxFpGEjAKPSHVAgjpabke',
      text: 'func(which: map-type) -> result<_, error>',
    },
  },
  'weir:filter/body': {
    read: {
      shape: 'HMxH0GPqec2YR0-I3M-6Ez',
      text: 'func(which: body-type, start: u32, size: u32) -> result<list<u8>, error>',
    },
    write: {
      shape: 'RTeXUNtyXgj5pWdb1VzKEO',
      text: 'func(which: body-type, start: u32, size: u32, bytes: list<u8>) -> result<_, error>',
    },
  },
  'weir:filter/properties': {
    get: {
      shape: 'X70HsboSBzZF0mf-6-zMIu',
      text: 'func(path: string) -> option<list<u8>>',
    },
    set: {
      shape: 'e0RKFRr6PERiwYvptYfXdG',
      text: 'func(path: string, value: list<u8>) -> result<_, error>',
    },
  },
  'weir:filter/http-stream': {
    '[constructor]local-response': {
      shape: 'eM6ZHJQobovK2yT-a0-8CB',
      text: 'constructor(status: u16)',
    },
    '[method]local-response.append-header': {
      shape: 'R-Bj_1iH68dhwJc2Vwl40Y',
      text: 'func(name: string, value: list<u8>) -> result<_, error>',
    },
    '[method]local-response.set-body': {
      shape: 'R46_Mm0_cW-Px3C0HoXkKU',
      text: 'func(body: list<u8>) -> result<_, error>',
    },
    '[method]local-response.set-details': {
      shape: 'dmlebbLvRAhkwxeIeZRUpo',
      text: 'func(details: string)',
    },
    '[method]local-response.set-grpc-status': {
      shape: 'tqc7vyMBOuWM8EtLORAfBK',
      text: 'func(status: u32) -> result<_, error>',
    },
    'send-local-response': {
      shape: 'BmB8pXBozA-EIXpKS7kb9u',
      text: 'func(response: local-response) -> result<_, error>',
    },
    resume: {
      shape: 'Bfs8_yWfujPe8gRR9xCw8b',
      text: 'func(which: stream-type) -> result<_, error>',
    },
    close: {
      shape: 'Bfs8_yWfujPe8gRR9xCw8b',
      text: 'func(which: stream-type) -> result<_, error>',
    },
    done: {
      shape: 'q1UwHnwkvz7LZacKjLCw93',
      text: 'func() -> result<_, error>',
    },
    'set-effective-context': {
      shape: '7Zit3MiXpVYyITKpPdIvb8',
      text: 'func(id: u32) -> result<_, error>',
    },
  },
  'weir:filter/contexts': {
    current: {
      shape: '2rVpE3LEezC8db6avAnpnx',
      text: 'func() -> u32',
    },
  },
  'weir:filter/timers': {
    'set-tick-period': {
      shape: 'IfxSLzUXwSKBPi8CGNcPoC',
      text: 'func(period: u32)',
    },
  },
  'weir:filter/http-calls': {
    '[constructor]http-request': {
      shape: 'tDAHZR7aSfQfVuiba-YH_R',
      text: 'constructor(upstream: string, method: string, path: string, authority: string)',
    },
    '[method]http-request.append-header': {
      shape: 'NGDGE6LaOZ-FiHqoCLf6MU',
      text: 'func(name: string, value: list<u8>) -> result<_, service-error>',
    },
    '[method]http-request.set-body': {
      shape: 'p1NREDyxNFfOAS2aesYiJS',
      text: 'func(body: list<u8>) -> result<_, service-error>',
    },
    '[method]http-request.append-trailer': {
      shape: 'NGDGE6LaOZ-FiHqoCLf6MU',
      text: 'func(name: string, value: list<u8>) -> result<_, service-error>',
    },
    '[method]http-request.set-timeout': {
      shape: 'ZjoCqf0wP1DygfLUtd490g',
      text: 'func(timeout: u32) -> result<_, service-error>',
    },
    send: {
      shape: '0Ox7-ZEVxIBd_FjSAoyiNT',
      text: 'func(request: http-request) -> result<u32, service-error>',
    },
  },
  'weir:filter/grpc-calls': {
    '[constructor]grpc-request': {
      shape: 'ZD4TVAhfEGRh3e0mym2gL3',
      text: 'constructor(upstream: string, service: string, method: string)',
    },
    '[method]grpc-request.append-metadata': {
      shape: 'iyVr5sg9uyE8Mcj7K1hKz8',
      text: 'func(name: string, value: list<u8>) -> result<_, service-error>',
    },
    '[method]grpc-request.set-timeout': {
      shape: 'KcvkHGy-LRrGIbIQa11klV',
      text: 'func(timeout: u32) -> result<_, service-error>',
    },
    call: {
      shape: 'OBEoodtAywcODOrVj6PYXh',
      text: 'func(request: grpc-request, message: list<u8>) -> result<u32, service-error>',
    },
    'open-stream': {
      shape: 'li_qkt4YEBQR9QScttA5fr',
      text: 'func(request: grpc-request) -> result<u32, service-error>',
    },
    send: {
      shape: '0Qa_7P2skVbAybR6RCvSfO',
      text: 'func(call: u32, message: list<u8>, end-of-stream: bool) -> result<_, service-error>',
    },
    close: {
      shape: 'bMeyEGqoJc9a_zacGomjOh',
      text: 'func(call: u32) -> result<_, service-error>',
    },
    cancel: {
      shape: 'bMeyEGqoJc9a_zacGomjOh',
      text: 'func(call: u32) -> result<_, service-error>',
    },
  },
  'weir:filter/answers': {
    size: {
      shape: 'TJIFTjSd-8rumOyVb6VfsC',
      text: 'func(which: fields-type) -> result<u32, error>',
    },
    entries: {
      shape: 'zJRaV0Ik_xLjJhaxZ3be4j',
      text: 'func(which: fields-type) -> result<list<tuple<string, list<u8>>>, error>',
    },
    get: {
      shape: 'jconLHTgahybmC0rRsC4Az',
      text: 'func(which: fields-type, name: string) -> option<list<u8>>',
    },
    read: {
      shape: 'ePc7mReq6iVN5Y0UXvX-oo',
      text: 'func(which: bytes-type, start: u32, size: u32) -> result<list<u8>, error>',
    },
    status: {
      shape: 'z5MCkX3B57owctEwBN3mHK',
      text: 'func() -> call-status',
    },
  },
  'weir:filter/shared-data': {
    get: {
      shape: 'SKtAzMpD5GgQwF1hqSlQux',
      text: 'func(key: string) -> result<option<versioned>, service-error>',
    },
    set: {
      shape: 'JPCzJ4E0xONTbBphDxpgyj',
      text: 'func(key: string, value: list<u8>, cas: u32) -> result<_, service-error>',
    },
  },
  'weir:filter/shared-queues': {
    register: {
      shape: 'cvF6zmKgrx27eWOK4X_pz9',
      text: 'func(name: string) -> result<u32, service-error>',
    },
    resolve: {
      shape: 'AXdVxrfvqJeHGnqowQsDZm',
      text: 'func(vm-id: string, name: string) -> result<u32, service-error>',
    },
    enqueue: {
      shape: 'sHDarxM501U8DsMPaAVloN',
      text: 'func(queue: u32, value: list<u8>) -> result<_, service-error>',
    },
    dequeue: {
      shape: 'gOMIA0ZPnpUM1XAGYISmI5',
      text: 'func(queue: u32) -> result<option<list<u8>>, service-error>',
    },
  },
  'weir:filter/metrics': {
    define: {
      shape: 'zWuanlZS_ziDETHoHSsYM6',
      text: 'func(kind: metric-type, name: string) -> result<u32, service-error>',
    },
    'record-value': {
      shape: 'LEJksAASF8Uk8D28WtsYpv',
      text: 'func(metric: u32, value: u64) -> result<_, service-error>',
    },
    increment: {
      shape: 'D23hJpTPd7FcSuNHlE2REx',
      text: 'func(metric: u32, offset: s64) -> result<_, service-error>',
    },
    get: {
      shape: 'wdXZT0yGNfeLyjBGssryvG',
      text: 'func(metric: u32) -> result<u64, service-error>',
    },
  },
  'weir:filter/foreign-functions': {
    call: {
      shape: 'Ew2VCBozArCJvT_Jm3wTaG',
      text: 'func(name: string, args: list<u8>) -> result<list<u8>, service-error>',
    },
  },
  'weir:filter/http': {
    '[constructor]plugin-context': {
      shape: 'ge2dldoOlMi2npJ2vIB_qU',
      text: 'constructor()',
    },
    '[method]plugin-context.on-vm-start': {
      shape: 'at1JXrlnp493XooZ4N3N3T',
      text: 'func(configuration: list<u8>) -> result<_, string>',
    },
    '[method]plugin-context.on-configure': {
      shape: 'at1JXrlnp493XooZ4N3N3T',
      text: 'func(configuration: list<u8>) -> result<_, string>',
    },
    '[method]plugin-context.create-http-context': {
      shape: 'DoKGn5C1NhjJho-9J3w8ka',
      text: 'func(id: u32) -> http-context',
    },
    '[method]plugin-context.on-done': {
      shape: '73SsSSM4ECAjFthTt8igP4',
      text: 'func() -> bool',
    },
    '[method]plugin-context.on-log': {
      shape: 'GP-lijyUrGosMPRD8oJVUe',
      text: 'func()',
    },
    '[method]http-context.on-request-headers': {
      shape: 'AfVi1WjiyJW1uU0I8u73QF',
      text: 'func(count: u32, end-of-stream: bool) -> action',
    },
    '[method]http-context.on-request-body': {
      shape: 'JQEmus5R8V7QSFBn0Hv5Zg',
      text: 'func(size: u32, end-of-stream: bool) -> action',
    },
    '[method]http-context.on-request-trailers': {
      shape: 'iK6XA_3I71LPNmhAx3rJwb',
      text: 'func(count: u32) -> action',
    },
    '[method]http-context.on-response-headers': {
      shape: 'AfVi1WjiyJW1uU0I8u73QF',
      text: 'func(count: u32, end-of-stream: bool) -> action',
    },
    '[method]http-context.on-response-body': {
      shape: 'JQEmus5R8V7QSFBn0Hv5Zg',
      text: 'func(size: u32, end-of-stream: bool) -> action',
    },
    '[method]http-context.on-response-trailers': {
      shape: 'iK6XA_3I71LPNmhAx3rJwb',
      text: 'func(count: u32) -> action',
    },
    '[method]http-context.on-done': {
      shape: 'NdaR0Dh42-5O3ZCer_jcD_',
      text: 'func() -> bool',
    },
    '[method]http-context.on-log': {
      shape: 'Ms4mrFSnDYPXt1rJPFLE6B',
      text: 'func()',
    },
  },
  'weir:filter/tick-events': {
    'on-tick': {
      shape: 'BVBqzkEyfaC7wtcZPTwdeJ',
      text: 'func(plugin: u32)',
    },
  },
  'weir:filter/http-call-events': {
    'on-http-call-response': {
      shape: 'R_hPZPogP4V_3EKwBHYaLo',
      text: 'func(plugin: u32, call: u32, headers: u32, body-size: u32, trailers: u32)',
    },
  },
  'weir:filter/grpc-call-events': {
    'on-grpc-initial-metadata': {
      shape: '2UzSmlekchWopaT3E3eqr5',
      text: 'func(plugin: u32, call: u32, count: u32)',
    },
    'on-grpc-message': {
      shape: 'U1-QrbGyTmDlp5OVIcAXkh',
      text: 'func(plugin: u32, call: u32, size: u32)',
    },
    'on-grpc-trailing-metadata': {
      shape: '2UzSmlekchWopaT3E3eqr5',
      text: 'func(plugin: u32, call: u32, count: u32)',
    },
    'on-grpc-close': {
      shape: 'y3eETF-eW_Vor4aOuZnLIe',
      text: 'func(plugin: u32, call: u32, status: u32)',
    },
  },
  'weir:filter/queue-events': {
    'on-queue-ready': {
      shape: 'ueNLT-B8wPP-fIUPuAcY2W',
      text: 'func(plugin: u32, queue: u32)',
    },
  },
  'weir:filter/foreign-function-events': {
    'on-foreign-function': {
      shape: 'nnTc24i3fuKWtOliiQ1OBK',
      text: 'func(plugin: u32, id: u32, size: u32)',
    },
  },
  'weir:filter/http-headers': {
    '[constructor]plugin-context': {
      shape: 'jX94OLyJtY1ZIlnTacOOQA',
      text: 'constructor()',
    },
    '[method]plugin-context.on-vm-start': {
      shape: 'JYAX0riXu56l__C0mmvyhE',
      text: 'func(configuration: list<u8>) -> result<_, string>',
    },
    '[method]plugin-context.on-configure': {
      shape: 'JYAX0riXu56l__C0mmvyhE',
      text: 'func(configuration: list<u8>) -> result<_, string>',
    },
    '[method]plugin-context.create-http-context': {
      shape: 'qscFlpVKpPcoc07PK0X_3v',
      text: 'func(id: u32) -> http-context',
    },
    '[method]plugin-context.on-done': {
      shape: 'fI8ycb-QAN2beIL2KIyKBu',
      text: 'func() -> bool',
    },
    '[method]plugin-context.on-log': {
      shape: 'yyYYZ2jCmemdxr0Ql7Vknt',
      text: 'func()',
    },
    '[method]http-context.on-request-headers': {
      shape: 'FmcyuJS9DehQc4udQazTYs',
      text: 'func(count: u32, end-of-stream: bool) -> action',
    },
    '[method]http-context.on-response-headers': {
      shape: 'FmcyuJS9DehQc4udQazTYs',
      text: 'func(count: u32, end-of-stream: bool) -> action',
    },
    '[method]http-context.on-done': {
      shape: 'VHKtexO2T6ouVIs88dn5Lx',
      text: 'func() -> bool',
    },
    '[method]http-context.on-log': {
      shape: '5oqi-OnIgAdVPatlGaIPW2',
      text: 'func()',
    },
  },
  'weir:filter/http-request-headers': {
    '[constructor]plugin-context': {
      shape: 'XldDo1eBDx00vf7hGeRDVM',
      text: 'constructor()',
    },
    '[method]plugin-context.on-vm-start': {
      shape: 'olFfvpGkuygAvQEGgUsyxm',
      text: 'func(configuration: list<u8>) -> result<_, string>',
    },
    '[method]plugin-context.on-configure': {
      shape: 'olFfvpGkuygAvQEGgUsyxm',
      text: 'func(configuration: list<u8>) -> result<_, string>',
    },
    '[method]plugin-context.create-http-context': {
      shape: 'vGiNyYfC9Eqx7bVFg8dGsE',
      text: 'func(id: u32) -> http-context',
    },
    '[method]plugin-context.on-done': {
      shape: 'JpuTdCvOqKaSxayffWNTJ-',
      text: 'func() -> bool',
    },
    '[method]plugin-context.on-log': {
      shape: 'TsGnQqa6HAuUIVw0nPqB8q',
      text: 'func()',
    },
    '[method]http-context.on-request-headers': {
      shape: 'BmuP0KkPSgUUOik8PJ6T-B',
      text: 'func(count: u32, end-of-stream: bool) -> action',
    },
    '[method]http-context.on-done': {
      shape: 'Qc147hmYvJlMsPwqysQH_C',
      text: 'func() -> bool',
    },
    '[method]http-context.on-log': {
      shape: 'fVfCP-2yIDYZKcP9CBF4H1',
      text: 'func()',
    },
  },
};
