import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { checkFilters } from '../../src/runtime/check-filters.ts';
import { startUpstream } from '../support/fixtures.ts';
import { MemoryLog } from '../support/log.ts';
import { get, headerValues } from '../support/raw-client.ts';
import { type FilterInput, ROOT, startTestWeir, weirConfig } from '../support/weir.ts';

/** add-header in every form there is: one module and seven components, all of which do the same. */
interface Form {
  readonly path: string;
  /** What it needs beyond the defaults, as its README says. */
  readonly limits?: FilterInput['limits'];
  /** Too large for the repository. */
  readonly isLocal?: boolean;
}

/** Every callback gets time: this table is about what they do, on machines that have other work. */
const TIME = { callTime: '10s', startTime: '30s' };

const FORMS: Readonly<Record<string, Form>> = {
  'Proxy-Wasm module in Rust': { path: 'rust/add-header/add-header.wasm' },
  'component in Rust': { path: 'rust/add-header-component/add-header-component.wasm' },
  'component in C': { path: 'c/add-header-component/add-header-component.wasm' },
  'component in AssemblyScript': { path: 'assemblyscript/add-header-component/add-header-component.wasm' },
  'component in Go': { path: 'go/add-header-component/add-header-component.wasm' },
  'component in JavaScript, QuickJS': { path: 'javascript/add-header/add-header.wasm' },
  'component in JavaScript, StarlingMonkey': {
    path: 'javascript/add-header-starlingmonkey/add-header-starlingmonkey.wasm',
    limits: { memory: '64MiB' },
    isLocal: true,
  },
  'component in Python': {
    path: 'python/add-header/add-header.wasm',
    limits: { memory: '64MiB', functionSize: '512KiB' },
    isLocal: true,
  },
};

type Values = Readonly<Record<string, readonly string[]>>;

interface Case {
  readonly what: string;
  readonly config: unknown;
  /** Header lines of the request; `x-other: \xff\x80` is in every one. */
  readonly send?: readonly string[];
  /** What the upstream gets, by name, as bytes; an empty list: no such header. */
  readonly upstream?: Values;
  /** What the client gets. UPSTREAM_HEADERS is what there was. */
  readonly client?: Values;
}

const UPSTREAM_HEADERS = ['Server', 'secret/1.0', 'X-Served-By', 'upstream', 'X-Two', 'one', 'x-two', 'two'];

const utf8 = (text: string) => Buffer.from(text).toString('latin1');

const CASES: readonly Case[] = [
  {
    what: 'removes all of a name, whatever its case',
    config: { request: { remove: ['x-debug', 'X-NOT-THERE'] }, response: { remove: ['SERVER', 'X-Two'] } },
    send: ['X-Debug: 1', 'x-DEBUG: 2', 'X-Debugger: 3'],
    upstream: { 'x-debug': [], 'x-debugger': ['3'] },
    client: { server: [], 'x-two': [], 'x-served-by': ['upstream'] },
  },
  {
    what: 'sets one value in place of all',
    config: { request: { set: { 'X-Env': 'production' } }, response: { set: { 'x-two': 'three' } } },
    send: ['X-Env: mine', 'x-env: too'],
    upstream: { 'x-env': ['production'] },
    client: { 'x-two': ['three'], server: ['secret/1.0'] },
  },
  {
    what: 'adds one value or several beside those there are',
    config: {
      request: { add: { 'x-tag': ['a', 'b'], 'x-one': 'c' } },
      response: { add: { 'X-Two': ['3', '4'] } },
    },
    send: ['X-Tag: own'],
    upstream: { 'x-tag': ['own', 'a', 'b'], 'x-one': ['c'] },
    client: { 'x-two': ['one', 'two', '3', '4'] },
  },
  {
    what: 'removes first, then sets, then adds',
    config: { request: { add: { 'x-a': '3' }, set: { 'x-a': '2' }, remove: ['x-a'] } },
    send: ['X-A: 1'],
    upstream: { 'x-a': ['2', '3'] },
    client: { 'x-served-by': ['upstream'] },
  },
  {
    what: 'goes by the order of the names where two are one header',
    config: { request: { set: { 'x-a': 'lower', 'X-A': 'upper' } } },
    upstream: { 'x-a': ['lower'] },
  },
  {
    what: 'an empty list adds nothing, an empty value is one',
    config: { request: { add: { 'x-none': [] }, set: { 'x-empty': '' } } },
    upstream: { 'x-none': [], 'x-empty': [''] },
  },
  {
    what: 'null is as if it were not there',
    config: { request: null, response: { set: null, add: null, remove: ['server'] } },
    client: { server: [] },
  },
  {
    what: 'the short form is for both directions',
    config: { header: 'X-Hello', value: 'a "quoted" \\ value\t!' },
    send: ['x-hello: forged'],
    upstream: { 'x-hello': ['a "quoted" \\ value\t!'] },
    client: { 'x-hello': ['a "quoted" \\ value\t!'] },
  },
  {
    what: 'the short form says weir when no value is given',
    config: { header: 'x-hello' },
    upstream: { 'x-hello': ['weir'] },
    client: { 'x-hello': ['weir'] },
  },
  {
    what: 'and when the value is null',
    config: { header: 'x-hello', value: null },
    upstream: { 'x-hello': ['weir'] },
  },
  {
    what: 'values are UTF-8 on the wire',
    config: { request: { set: { 'x-text': 'Grüße ✓ 😀' } }, response: { add: { 'x-two': 'ß' } } },
    upstream: { 'x-text': [utf8('Grüße ✓ 😀')] },
    client: { 'x-two': ['one', 'two', utf8('ß')] },
  },
  {
    what: 'escapes in the configuration are read',
    config: '{"request": {"set": {"x-\\u0061": "\\u00e9\\ud83d\\ude00\\/\\t."}}}',
    upstream: { 'x-a': [utf8('é😀/\t.')] },
  },
  {
    what: 'long values stay whole',
    config: { request: { set: { 'x-long': 'l'.repeat(40_000) } } },
    upstream: { 'x-long': ['l'.repeat(40_000)] },
  },
  {
    what: 'many headers',
    config: {
      request: { set: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-many-${i}`, `${i}`])) },
    },
    upstream: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-many-${i}`, [`${i}`]])),
  },
  {
    what: 'every character a name may have',
    config: { request: { set: { "A!#$%&'*+-.^_`|~9": 'x' } } },
    upstream: { "a!#$%&'*+-.^_`|~9": ['x'] },
  },
  {
    what: "framing and pseudo headers are the proxy's",
    config: {
      request: { set: { 'content-length': '7', 'transfer-encoding': 'chunked' }, remove: ['host'] },
      response: { set: { 'content-length': '7' } },
    },
    upstream: { host: ['test'], 'transfer-encoding': [] },
    client: { 'content-length': ['2'] },
  },
];

/** Configurations that are refused, and what the reason says. */
const REFUSED: readonly (readonly [config: unknown, reason: RegExp])[] = [
  [undefined, /there is none; a JSON object is needed/],
  ['', /there is none; a JSON object is needed/],
  ['not json', /not JSON: /],
  ['{"header": "x"} {}', /not JSON: /],
  ['{"header": "x",}', /not JSON: /],
  ['{"header": "x', /not JSON: /],
  [[], /a JSON object is needed, not an array/],
  ['3', /a JSON object is needed, not a number/],
  ['null', /a JSON object is needed, not null/],
  [{}, /nothing to do: neither request nor response has a header to set, add or remove/],
  [{ request: {} }, /nothing to do/],
  [{ request: { set: {}, add: { a: [] }, remove: [] } }, /nothing to do/],
  [{ requests: { set: { a: 'b' } } }, /requests: unknown key; known are request, response, header, value/],
  [{ zz: 1, aa: 2 }, /aa: unknown key/],
  [{ request: 3 }, /request: an object is needed, not a number/],
  [{ request: { sets: {} } }, /request\.sets: unknown key; known are set, add, remove/],
  [{ request: { set: [] } }, /request\.set: an object is needed, not an array/],
  [{ request: { set: { 'a b': 'c' } } }, /request\.set: "a b" is not a header name/],
  [{ request: { set: { ':path': '/x' } } }, /request\.set: ":path" is not a header name/],
  [{ request: { set: { '': 'c' } } }, /request\.set: "" is not a header name/],
  [{ request: { set: { ä: 'c' } } }, /request\.set: "ä" is not a header name/],
  [{ request: { set: { a: 'b\r\nc: d' } } }, /request\.set\.a: control characters in a header value/],
  [{ request: { set: { a: 'b\0' } } }, /request\.set\.a: control characters/],
  [{ request: { set: { a: '\x7f' } } }, /request\.set\.a: control characters/],
  [{ request: { set: { a: ['b', 'c'] } } }, /request\.set\.a: a string is needed, not an array/],
  [{ request: { set: { a: {} } } }, /request\.set\.a: a string is needed, not an object/],
  [{ request: { set: { a: null } } }, /request\.set\.a: a string is needed, not null/],
  [{ request: { add: { a: ['b', true] } } }, /request\.add\.a: a string is needed, not a boolean/],
  [{ request: { add: { 'a b': [] } } }, /request\.add: "a b" is not a header name/],
  [{ request: { remove: [1.5] } }, /request\.remove\.0: a string is needed, not a number/],
  [{ response: { remove: 'server' } }, /response\.remove: an array is needed, not a string/],
  [{ response: { remove: ['server\n'] } }, /response\.remove: "server.{1,2}" is not a header name/],
  [{ header: 'x y' }, /header: "x y" is not a header name/],
  [{ header: null, value: 'x' }, /header: a header name is needed/],
  [{ header: [] }, /header: a string is needed, not an array/],
  [{ value: 'x' }, /header: a header name is needed/],
  [{ header: 'x', value: 3 }, /value: a string is needed, not a number/],
  [{ header: 'x', value: 'a\nb' }, /value: control characters in a header value/],
  [{ header: 'x', request: { set: { a: 'b' } } }, /request: unknown key; known are header, value/],
];

for (const [name, form] of Object.entries(FORMS)) {
  const missing = form.isLocal === true && !existsSync(`${ROOT}filters/${form.path}`);
  const skip = missing
    ? `NOT BUILT: filters/${form.path} is too large for the repository; npm run filters:build makes it`
    : false;

  const filter = (config: unknown): FilterInput => ({
    module: `filters/${form.path}`,
    limits: { ...TIME, ...form.limits },
    ...(config === undefined ? {} : { config }),
  });

  /** A proxy with a route for each case: the first has the path /0. */
  const start = async (t: TestContext) => {
    const upstream = await startUpstream(t, (_req, res) => {
      res.writeHead(200, [...UPSTREAM_HEADERS, 'X-Bytes', '\xff\xfe', 'content-length', '2']);
      // As bytes: Node sends a text together with the head, which makes UTF-8 of both.
      res.end(Buffer.from('ok'));
    });
    const weir = await startTestWeir(t, {
      upstreams: [upstream.port],
      filters: Object.fromEntries(CASES.map(({ config }, i) => [`case-${i}`, filter(config)])),
      routes: CASES.map((_, i) => ({
        match: { path: { exact: `/${i}` } },
        upstream: 'app',
        filters: [`case-${i}`],
      })),
    });
    return { port: weir.port, upstream };
  };

  describe(`add-header, ${name}`, () => {
    it('does to requests and responses what the table says', { skip }, async t => {
      const { port, upstream } = await start(t);
      for (const [i, { what, send = [], upstream: sent = {}, client = {} }] of CASES.entries()) {
        const response = await get(port, `/${i}`, ...send, 'X-Other: \xff\x80');
        assert.equal(response.status, 200, what);
        const seen = upstream.requests.at(-1)!;
        for (const [header, values] of Object.entries({ ...sent, 'x-other': ['\xff\x80'] })) {
          assert.deepEqual(seen.headers.get(header)?.split(/\||, /) ?? [], values, `${what}: ${header}`);
        }
        for (const [header, values] of Object.entries({ ...client, 'x-bytes': ['\xff\xfe'] })) {
          assert.deepEqual(headerValues(response, header), values, `${what}: ${header}`);
        }
        assert.equal(response.body.toString(), 'ok', what);
      }
    });

    it('serves many requests one after the other and at once', { skip }, async t => {
      const { port } = await start(t);
      for (let round = 0; round < 10; round++) {
        const responses = await Promise.all(Array.from({ length: 20 }, () => get(port, '/7')));
        for (const response of responses) {
          assert.deepEqual(headerValues(response, 'x-hello'), ['a "quoted" \\ value\t!']);
        }
      }
    });

    it('refuses wrong configurations at start, with the reason', { skip }, async () => {
      const filters = Object.fromEntries(REFUSED.map(([config], i) => [`fault-${i}`, filter(config)]));
      const config = weirConfig({ filters, routes: [{ upstream: 'app' }] });
      const errors = await checkFilters(config, new MemoryLog());
      for (const [i, [wrong, reason]] of REFUSED.entries()) {
        const what = JSON.stringify(wrong);
        const error = errors.find(({ message }) => message.includes(`filters.fault-${i}: `));
        assert.ok(error !== undefined, `${what} was not refused`);
        assert.equal(error.code, 'PLUGIN_CONFIGURE_FAILED', `${what}: ${error.message}`);
        assert.match(error.message, /^[^\n]+wrong configuration: [^\n]+$/, what);
        assert.match(error.message, reason, what);
      }
      assert.equal(errors.length, REFUSED.length);
    });
  });
}
