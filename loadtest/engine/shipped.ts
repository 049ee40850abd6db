/** The filters that Weir ships, for benchmarks: as modules, as plugins, and whole requests through them. */
import { readFile } from 'node:fs/promises';
import type { Exchange, FilterChain } from '../../src/chain/types.ts';
import type { FilterLimits } from '../../src/config/types.ts';
import { type CompiledModule, compile, sha256 } from '../../src/engine/compile.ts';
import type { Log } from '../../src/log.ts';
import type { RawFields } from '../../src/message/fields.ts';
import { RequestHeaders, ResponseHeaders } from '../../src/message/headers.ts';
import { NO_CAPABILITIES } from '../../src/plugin/capabilities.ts';
import type { PluginOptions } from '../../src/plugin/plugin.ts';

const quiet = () => {};
export const NO_LOG: Log = {
  level: 'fatal',
  trace: quiet,
  debug: quiet,
  info: quiet,
  warn: quiet,
  error: (fields, message) => console.error(message, fields),
  fatal: quiet,
  isLevelEnabled: () => false,
};

/** The defaults, but for times: machines are busy. */
export const LIMITS: FilterLimits = {
  memory: 16 * 1024 * 1024,
  tableElements: 65_536,
  moduleSize: 32 * 1024 * 1024,
  functionSize: 256 * 1024,
  callTime: 10_000,
  startTime: 60_000,
  bufferedBody: 1024 * 1024,
  pauseTime: 30_000,
  headerCount: 256,
  headerBytes: 128 * 1024,
  localResponseBody: 1024 * 1024,
  propertyBytes: 64 * 1024,
  logLines: 100_000,
  contexts: 10_000,
  calls: 100,
  sharedDataBytes: 1024 * 1024,
  queueLength: 1000,
  queueBytes: 4 * 1024 * 1024,
  callBytes: 16 * 1024 * 1024,
  metrics: 100,
  tickPeriod: 1,
};

/** A filter that Weir ships, a configuration, and a request that makes it work. */
export interface Shipped {
  readonly name: string;
  readonly file: string;
  readonly config: unknown;
  readonly request: RawFields;
  readonly requestBody?: string;
  readonly responseBody?: string;
}

// The tokens and the hash are those of config/auth.yaml, which has no secrets.
const TOKEN =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm5hIiwiaXNzIjoiaHR0cHM6Ly9sb2dpbi5leGFtcGxlLmNvbSIsImV4cCI6NDEwMjQ0NDgwMH0.zrC304xOcjshQsyODXg3xBRE6kwpvjVmaguNfUMXClg';
const HASH = 'sha256:7f3a9c51d20b46e8:bf278cb0d0828c6310a6c15c3ba8b9cbcec49a729574a0d5c6e58544eec896e0';
const TEXT = 'A line of text that no rule is about, as most of a body is.\n'.repeat(40);

export const SHIPPED: readonly Shipped[] = [
  {
    name: 'add-header',
    file: 'rust/add-header/add-header.wasm',
    config: {
      request: { set: { 'x-hello': 'from a filter' } },
      response: { set: { 'x-served-by': 'weir' } },
    },
    request: [],
  },
  {
    name: 'jwt',
    file: 'rust/jwt/jwt.wasm',
    config: {
      secret: 'replace-this-with-32-bytes-of-your-own',
      iss: 'https://login.example.com',
      claimsToHeaders: { sub: 'x-user' },
    },
    request: ['authorization', `Bearer ${TOKEN}`],
  },
  {
    name: 'body-rewrite',
    file: 'rust/body-rewrite/body-rewrite.wasm',
    config: {
      request: [{ pattern: '(card)=\\d+', replacement: '$1=***' }],
      response: [{ pattern: '[a-z]+@example\\.com', replacement: 'someone@example.com' }],
    },
    request: ['content-type', 'text/plain'],
    requestBody: `${TEXT}card=1234${TEXT}`,
    responseBody: `${TEXT}anna@example.com${TEXT}`,
  },
  {
    name: 'cookie-to-header',
    file: 'go/cookie-to-header/cookie-to-header.wasm',
    config: { cookies: { session: 'x-session' } },
    request: ['cookie', 'theme=dark; session=0123456789abcdef; lang=en'],
  },
  {
    name: 'ab-test',
    file: 'assemblyscript/ab-test/ab-test.wasm',
    config: { variants: { blue: 90, green: 10 } },
    request: ['cookie', 'theme=dark; lang=en'],
  },
  {
    name: 'basic-auth',
    file: 'cpp/basic-auth/basic-auth.wasm',
    config: { realm: 'administration', users: { anna: HASH }, userHeader: 'x-user' },
    request: ['authorization', `Basic ${Buffer.from('anna:open sesame').toString('base64')}`],
  },
  {
    name: 'security-headers',
    file: 'c/security-headers/security-headers.wasm',
    config: { 'x-frame-options': 'DENY', remove: ['server', 'x-powered-by'] },
    request: [],
  },
];

export const bytesOf = ({ file }: Shipped): Promise<Buffer> =>
  readFile(new URL(`../../filters/${file}`, import.meta.url));

export function pluginOptions({ name, config }: Shipped): PluginOptions {
  return {
    name,
    config: Buffer.from(JSON.stringify(config)),
    vmConfig: Buffer.alloc(0),
    vmId: '',
    rootId: '',
    env: {},
    allowOnHeadersStopIteration: false,
    limits: LIMITS,
    onFailure: 'reload',
    restart: { firstDelay: 100, maxDelay: 10_000, crashesPerMinute: 30 },
    capabilities: NO_CAPABILITIES,
    isolation: 'shared',
    pool: 2,
  };
}

/** The same module with other bytes: V8 compiles equal ones once, and code has another place each time. */
export function salted(bytes: Uint8Array, salt: number): Uint8Array<ArrayBuffer> {
  const section = Buffer.from([0, 6, 1, 0x78, 0, 0, 0, 0]);
  section.writeUInt32LE(salt, 4);
  return new Uint8Array(Buffer.concat([bytes, section]));
}

export const rewritten = (bytes: Uint8Array): Promise<CompiledModule> =>
  compile(bytes, sha256(bytes), LIMITS);

/** Not rewritten, and with its own memory; can't be interrupted. `facts`: those of the rewritten one. */
export async function original(
  bytes: Uint8Array<ArrayBuffer>,
  facts: CompiledModule['facts'],
): Promise<CompiledModule> {
  const hash = sha256(bytes);
  const module = await WebAssembly.compile(bytes);
  return { module, facts: { ...facts, memories: [] }, sha256: hash, key: hash, size: bytes.length };
}

const COMMON: RawFields = ['accept', '*/*', 'user-agent', 'weir-benchmark/1', 'accept-encoding', 'identity'];
const ANSWER: RawFields = ['content-type', 'text/plain', 'server', 'app', 'cache-control', 'no-store'];

/** Both ends of a chain; counts what arrives there. */
class Ends implements Exchange {
  readonly connection = {
    id: 1,
    sourceAddress: '192.0.2.1',
    sourcePort: 40_000,
    destinationAddress: '192.0.2.2',
    destinationPort: 8080,
    tlsVersion: '',
    requestedServerName: '',
  };
  readonly protocol = 'HTTP/1.1';
  readonly startTime = 1_700_000_000_000;
  readonly routeName = 'route';
  readonly upstream = undefined;
  requestSize = 0;
  responseSize = 0;
  readonly requestHeaders: RequestHeaders;
  /** Of the request, of the response. */
  readonly arrived: [number, number] = [0, 0];

  constructor(method: string, raw: RawFields) {
    this.requestHeaders = new RequestHeaders(method, '/path?query=1', 'example.com', 'http', raw);
  }

  sendRequestHeaders(): void {
    this.arrived[0] += this.requestHeaders.raw.length;
  }
  sendRequestData(chunk: Buffer): void {
    this.arrived[0] += chunk.length;
  }
  sendResponseHeaders(headers: ResponseHeaders): void {
    this.arrived[1] += headers.raw.length + headers.status;
  }
  sendResponseData(chunk: Buffer): void {
    this.arrived[1] += chunk.length;
  }
  sendRequestTrailers(): void {}
  sendResponseTrailers(): void {}
  pauseRequest(): void {}
  pauseResponse(): void {}
  clearRouteCache(): void {}
  takeRequest(): void {}
  takeResponse(): void {}
  dropUpstream(): void {}
  beginLocalResponse(): void {
    throw new Error('the filter answered itself');
  }
  fail(failure: { details: string }): void {
    throw new Error(failure.details);
  }
  reset(reason: string): void {
    throw new Error(reason);
  }
}

/** One whole exchange through the chain, bodies in two pieces. Returns what came out at both ends, as a number each. */
export function exchange(chain: FilterChain, { request, requestBody, responseBody }: Shipped) {
  const ends = new Ends(requestBody === undefined ? 'GET' : 'POST', [...COMMON, ...request]);
  const stream = chain.open(ends);
  const pieces = (body: string, send: (chunk: Buffer, end: boolean) => void) => {
    const bytes = Buffer.from(body, 'latin1');
    send(bytes.subarray(0, bytes.length >> 1), false);
    send(bytes.subarray(bytes.length >> 1), true);
  };
  stream.onRequestHeaders(requestBody === undefined);
  if (requestBody !== undefined) {
    ends.requestSize = requestBody.length;
    pieces(requestBody, (chunk, end) => stream.onRequestData(chunk, end));
  }
  const body = responseBody ?? 'a short answer';
  ends.responseSize = body.length;
  stream.onResponseHeaders(new ResponseHeaders(200, [...ANSWER]), false);
  pieces(body, (chunk, end) => stream.onResponseData(chunk, end));
  stream.finish();
  return ends.arrived;
}
