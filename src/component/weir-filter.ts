/** What filters/wit/filter.wit says, as witOf reads it; test/component/weir-filter.test.ts keeps it so. */
export const WEIR_FILTER_VERSION = '0.1.0';

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
