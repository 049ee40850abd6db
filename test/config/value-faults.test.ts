import assert from 'node:assert/strict';
import { test } from 'node:test';
import { around, faultsOf, filter, route } from './faults.ts';

/** Values the schema refuses: name, text, every fault with line, column, path and remedy. */
const types: readonly [string, string, string[]][] = [
  [
    'a list at the top',
    '- a',
    [
      '1:1: expected a mapping, got a list (write a mapping with at least listeners and upstreams; see config/minimal.yaml)',
    ],
  ],
  [
    'a string at the top',
    'hello',
    [
      '1:1: expected a mapping, got "hello" (write a mapping with at least listeners and upstreams; see config/minimal.yaml)',
    ],
  ],
  [
    'a mapping for a list',
    around('listeners: {address: ":1"}'),
    [
      '1:12: listeners: expected a list, got a mapping (list at least one, for example [{address: "127.0.0.1:8080", routes: [{upstream: app}]}])',
    ],
  ],
  [
    'a string for a list',
    route('filters: auth'),
    [
      '1:75: listeners[0].routes[0].filters: expected a list, got "auth" (list names from filters, for example [auth, add-header])',
    ],
  ],
  [
    'a number for an address',
    around('listeners: [{address: 8080, routes: [{upstream: app}]}]'),
    [
      '1:23: listeners[0].address: expected a string, got the number 8080 (host:port, for example 127.0.0.1:8080, :8080 (every address) or "[::1]:8080" in quotes)',
    ],
  ],
  [
    'a number for a duration',
    around('shutdown: {drain: 10}'),
    [
      '1:19: shutdown.drain: expected a string, got the number 10 (a number from 0s to 24h with its unit (ms, s, m or h), for example "10s")',
    ],
  ],
  [
    'a number for a size',
    filter('limits: {bufferedBody: 1024}'),
    [
      '1:60: filters.f.limits.bufferedBody: expected a string, got the number 1024 (a number from 1B to 1GiB with its unit (B, KiB, MiB, KB, MB, …), for example "64KiB")',
    ],
  ],
  [
    'a string for a number',
    around('upstreams: {app: {endpoints: ["builtin:echo"], connections: "8"}}'),
    ['1:61: upstreams.app.connections: expected a whole number, got "8" (a whole number from 1 to 65535)'],
  ],
  [
    'a fraction for a whole number',
    around('modules: {cache: {maxModules: 1.5}}'),
    [
      '1:31: modules.cache.maxModules: expected a whole number, got the number 1.5 (a whole number from 1 to 10000)',
    ],
  ],
  [
    'a string for a boolean',
    filter('allowOnHeadersStopIteration: yes'),
    ['1:66: filters.f.allowOnHeadersStopIteration: expected true or false, got "yes" (true or false)'],
  ],
  [
    'a number in env',
    filter('env: {PORT: 8080}'),
    [
      '1:49: filters.f.env.PORT: expected a string, got the number 8080 (a string; quote numbers, true and false)',
    ],
  ],
  [
    'a number for a header',
    route('match: {headers: {x-a: 1}}'),
    [
      '1:89: listeners[0].routes[0].match.headers.x-a: expected a string or true, got the number 1 (a string (quote numbers), or true for any value)',
    ],
  ],
  [
    'false for a header',
    route('match: {headers: {x-a: false}}'),
    [
      '1:89: listeners[0].routes[0].match.headers.x-a: expected a string or true, got the boolean false (a string (quote numbers), or true for any value)',
    ],
  ],
  [
    'a number for a path',
    route('match: {path: 5}'),
    [
      '1:80: listeners[0].routes[0].match.path: expected a string or a mapping, got the number 5 (write a prefix such as /api/, or one of {exact: /login}, {regex: ^/v[0-9]+/})',
    ],
  ],
  [
    'a list for a path',
    route('match: {path: [/a]}'),
    [
      '1:80: listeners[0].routes[0].match.path: expected a string or a mapping, got a list (write a prefix such as /api/, or one of {exact: /login}, {regex: ^/v[0-9]+/})',
    ],
  ],
  [
    'infinity',
    filter('config: {a: .inf, b: .nan}'),
    [
      '1:49: filters.f.config.a: Infinity is not a number JSON has (quote it)',
      '1:58: filters.f.config.b: NaN is not a number JSON has (quote it)',
    ],
  ],
  [
    'a number that would change',
    filter('config: {id: 12345678901234567890}'),
    ['1:50: filters.f.config.id: this number is too large to be kept exactly (quote it)'],
  ],
];

for (const [name, text, expected] of types) {
  test(`types: ${name}`, () => assert.deepEqual(faultsOf(text), expected));
}

const values: readonly [string, string, string[]][] = [
  [
    'duration without unit',
    around('shutdown: {drain: "10"}'),
    [
      '1:19: shutdown.drain: "10" is not a duration (a number from 0s to 24h with its unit (ms, s, m or h), for example "10s")',
    ],
  ],
  [
    'duration with a wrong unit',
    around('shutdown: {drain: 10 sec}'),
    [
      '1:19: shutdown.drain: "10 sec" is not a duration (a number from 0s to 24h with its unit (ms, s, m or h), for example "10s")',
    ],
  ],
  [
    'duration too long',
    around('shutdown: {drain: 25h}'),
    [
      '1:19: shutdown.drain: 25h is out of range (a number from 0s to 24h with its unit (ms, s, m or h), for example "10s")',
    ],
  ],
  [
    'duration too short',
    filter('limits: {pauseTime: 0s}'),
    [
      '1:57: filters.f.limits.pauseTime: 0s is out of range (a number from 1ms to 24h with its unit (ms, s, m or h), for example "10s")',
    ],
  ],
  [
    'size with a wrong unit',
    filter('limits: {bufferedBody: 1MIB}'),
    [
      '1:60: filters.f.limits.bufferedBody: "1MIB" is not a size (a number from 1B to 1GiB with its unit (B, KiB, MiB, KB, MB, …), for example "64KiB")',
    ],
  ],
  [
    'size out of range',
    around('server: {maxHeaderSize: 2MiB}'),
    [
      '1:25: server.maxHeaderSize: 2MiB is out of range (a number from 1KiB to 1MiB with its unit (B, KiB, MiB, KB, MB, …), for example "64KiB")',
    ],
  ],
  [
    'address without port',
    around('listeners: [{address: 127.0.0.1, routes: [{upstream: app}]}]'),
    [
      '1:23: listeners[0].address: "127.0.0.1" is not an address (host:port, for example 127.0.0.1:8080, :8080 (every address) or "[::1]:8080" in quotes)',
    ],
  ],
  [
    'port too large',
    around('listeners: [{address: 127.0.0.1:65536, routes: [{upstream: app}]}]'),
    [
      '1:23: listeners[0].address: "127.0.0.1:65536" is not an address (host:port, for example 127.0.0.1:8080, :8080 (every address) or "[::1]:8080" in quotes)',
    ],
  ],
  [
    'address out of range',
    around('listeners: [{address: 300.0.0.1:80, routes: [{upstream: app}]}]'),
    [
      '1:23: listeners[0].address: "300.0.0.1:80" is not an address (host:port, for example 127.0.0.1:8080, :8080 (every address) or "[::1]:8080" in quotes)',
    ],
  ],
  [
    'IPv6 without brackets',
    around('listeners: [{address: ::1:80, routes: [{upstream: app}]}]'),
    [
      '1:23: listeners[0].address: "::1:80" is not an address (host:port, for example 127.0.0.1:8080, :8080 (every address) or "[::1]:8080" in quotes)',
    ],
  ],
  [
    'host with a port',
    route('match: {host: a.example:80}'),
    [
      '1:80: listeners[0].routes[0].match.host: "a.example:80" is not a host name (a host without port, for example api.example.com or "*.example.com")',
    ],
  ],
  [
    'wildcard in the middle',
    route('match: {host: a.*.example}'),
    [
      '1:80: listeners[0].routes[0].match.host: "a.*.example" is not a host name (a host without port, for example api.example.com or "*.example.com")',
    ],
  ],
  [
    'path without a slash',
    route('match: {path: api}'),
    [
      '1:80: listeners[0].routes[0].match.path: "api" is not a path (write a prefix such as /api/, or one of {exact: /login}, {regex: ^/v[0-9]+/})',
    ],
  ],
  [
    'a path with a double slash',
    route('match: {path: /a//b}'),
    [
      '1:80: listeners[0].routes[0].match.path: "/a//b" matches no request: they are compared with dot segments and // resolved, letters and digits not escaped, other escapes in upper case (write a prefix such as /api/, or one of {exact: /login}, {regex: ^/v[0-9]+/})',
    ],
  ],
  [
    'a path with dot segments',
    route('match: {path: /a/../b}'),
    [
      '1:80: listeners[0].routes[0].match.path: "/a/../b" matches no request: they are compared with dot segments and // resolved, letters and digits not escaped, other escapes in upper case (write a prefix such as /api/, or one of {exact: /login}, {regex: ^/v[0-9]+/})',
    ],
  ],
  [
    'a path with a needless escape',
    route('match: {path: /%61}'),
    [
      '1:80: listeners[0].routes[0].match.path: "/%61" matches no request: they are compared with dot segments and // resolved, letters and digits not escaped, other escapes in upper case (write a prefix such as /api/, or one of {exact: /login}, {regex: ^/v[0-9]+/})',
    ],
  ],
  [
    'a path with an escape in lower case',
    route('match: {path: /%2f}'),
    [
      '1:80: listeners[0].routes[0].match.path: "/%2f" matches no request: they are compared with dot segments and // resolved, letters and digits not escaped, other escapes in upper case (write a prefix such as /api/, or one of {exact: /login}, {regex: ^/v[0-9]+/})',
    ],
  ],
  [
    'a path with a half escape',
    route('match: {path: "/100%"}'),
    [
      '1:80: listeners[0].routes[0].match.path: "/100%" matches no request: they are compared with dot segments and // resolved, letters and digits not escaped, other escapes in upper case (write a prefix such as /api/, or one of {exact: /login}, {regex: ^/v[0-9]+/})',
    ],
  ],
  [
    'a path that is not ASCII',
    route('match: {path: /ü}'),
    [
      '1:80: listeners[0].routes[0].match.path: "/ü" matches no request: they are compared with dot segments and // resolved, letters and digits not escaped, other escapes in upper case (write a prefix such as /api/, or one of {exact: /login}, {regex: ^/v[0-9]+/})',
    ],
  ],
  [
    'path with a query',
    route('match: {path: "/a?b"}'),
    [
      '1:80: listeners[0].routes[0].match.path: "/a?b" is not a path (write a prefix such as /api/, or one of {exact: /login}, {regex: ^/v[0-9]+/})',
    ],
  ],
  [
    'unknown kind of path',
    route('match: {path: {glob: /a}}'),
    ['1:81: listeners[0].routes[0].match.path.glob: unknown key (known here: prefix, exact, regex)'],
  ],
  [
    'two kinds of path',
    route('match: {path: {exact: /a, prefix: /}}'),
    [
      '1:80: listeners[0].routes[0].match.path: needs exactly one kind of match (write a prefix such as /api/, or one of {exact: /login}, {regex: ^/v[0-9]+/})',
    ],
  ],
  [
    'no kind of path',
    route('match: {path: {}}'),
    [
      '1:80: listeners[0].routes[0].match.path: needs exactly one kind of match (write a prefix such as /api/, or one of {exact: /login}, {regex: ^/v[0-9]+/})',
    ],
  ],
  [
    'invalid regular expression',
    route('match: {path: {regex: "("}}'),
    [
      "1:88: listeners[0].routes[0].match.path.regex: invalid regular expression: /(/u: Unterminated group (a JavaScript regular expression, for example '^/v[0-9]+/')",
    ],
  ],
  [
    'empty regular expression',
    route('match: {path: {regex: ""}}'),
    [
      "1:88: listeners[0].routes[0].match.path.regex: is empty (a JavaScript regular expression, for example '^/v[0-9]+/')",
    ],
  ],
  [
    'a method',
    route('match: {methods: ["GE T"]}'),
    [
      '1:84: listeners[0].routes[0].match.methods[0]: "GE T" is not a method (an HTTP method, for example GET)',
    ],
  ],
  [
    'a header name',
    route('match: {headers: {"x y": a}}'),
    [
      '1:84: listeners[0].routes[0].match.headers["x y"]: "x y" is not a header name (letters, digits and hyphens, for example x-env; the host is matched with "host")',
    ],
  ],
  [
    'an endpoint with a path',
    around('upstreams: {app: {endpoints: ["http://a/b"]}}'),
    [
      '1:31: upstreams.app.endpoints[0]: "http://a/b" is not an endpoint (http://host:port without a path, tcp://host:port, builtin:echo or builtin:tcp-echo)',
    ],
  ],
  [
    'an https endpoint',
    around('upstreams: {app: {endpoints: ["https://a"]}}'),
    [
      '1:31: upstreams.app.endpoints[0]: https:// endpoints are not implemented yet (http://host:port without a path, tcp://host:port, builtin:echo or builtin:tcp-echo)',
    ],
  ],
  [
    'an unknown builtin',
    around('upstreams: {app: {endpoints: ["builtin:eco"]}}'),
    [
      '1:31: upstreams.app.endpoints[0]: "builtin:eco" is not an endpoint (http://host:port without a path, tcp://host:port, builtin:echo or builtin:tcp-echo)',
    ],
  ],
  [
    'transport',
    around('upstreams: {app: {endpoints: ["builtin:echo"], transport: http_proxy}}'),
    [
      '1:59: upstreams.app.transport: "http_proxy" is not a choice (did you mean http-proxy? undici or http-proxy)',
    ],
  ],
  [
    'connections',
    around('upstreams: {app: {endpoints: ["builtin:echo"], connections: 0}}'),
    ['1:61: upstreams.app.connections: the number 0 is out of range (a whole number from 1 to 65535)'],
  ],
  [
    'level',
    around('log: {level: warning}'),
    [
      '1:14: log.level: "warning" is not a choice (did you mean warn? trace, debug, info, warn, error or fatal)',
    ],
  ],
  [
    'sha256',
    filter('sha256: abc'),
    [
      '1:45: filters.f.sha256: "abc" is not a SHA-256 (64 hexadecimal digits in quotes, as sha256sum prints them)',
    ],
  ],
  [
    'environment name',
    filter('env: {A-B: x}'),
    [
      '1:43: filters.f.env.A-B: "A-B" is not a name of an environment variable (letters, digits and _, not starting with a digit, for example API_TOKEN)',
    ],
  ],
  [
    'NUL in a value',
    filter('env: {A: "a\\0b"}'),
    ['1:46: filters.f.env.A: "a\\u0000b" is not text without NUL (a string; quote numbers, true and false)'],
  ],
  [
    'an upstream name',
    around('upstreams: {app: {endpoints: ["builtin:echo"]}, "a\\nb": {endpoints: ["builtin:echo"]}}'),
    ['1:49: upstreams["a\\nb"]: "a\\nb" is not a name (1 to 128 visible characters, no blank at the ends)'],
  ],
];

for (const [name, text, expected] of values) {
  test(`values: ${name}`, () => assert.deepEqual(faultsOf(text), expected));
}
