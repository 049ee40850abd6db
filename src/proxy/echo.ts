import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { acceptWebSocket } from './echo-websocket.ts';
import { http } from './node-http.ts';

const MAX_DELAY_MS = 60_000;
const MAX_SIZE = 1024 ** 3;
const MAX_CHUNK = 1024 * 1024;
/** A body is echoed up to here; of the rest only the size is told. */
const MAX_ECHO = 1024 * 1024;
const FILLER = Buffer.alloc(MAX_CHUNK, 'weir ');

/** The upstream behind `builtin:echo`, running on a loopback port. */
export interface EchoServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Starts an HTTP server that answers every request with what it received, as JSON: method, path, query, headers
 * (lower-case names, every value), rawHeaders (pairs), trailers, body (base64 when it isn't UTF-8), bodySize.
 * Query parameters change the answer: `status`; `delay` and `drip` in ms (before the head, between chunks);
 * `header=name:value` and `trailer=name:value`, as often as wanted; `size` in bytes answers filler instead,
 * in pieces of `chunk` bytes. A WebSocket handshake gets an echo of its messages.
 */
export async function startEcho(): Promise<EchoServer> {
  const server = http.createServer({ maxHeaderSize: 1024 * 1024, keepAliveTimeout: 60_000 }, (req, res) => {
    respond(req, res).catch(() => res.destroy());
  });
  server.on('upgrade', acceptWebSocket);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { host: '127.0.0.1', port, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function respond(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new URL(req.url ?? '/', 'http://echo');
  const query = url.searchParams;
  const body = await readBody(req);
  const delay = number(query, 'delay', 0, MAX_DELAY_MS, 0);
  if (delay > 0) await sleep(delay);
  if (res.destroyed) return;
  const fields = pairs(query, 'header');
  const trailers = pairs(query, 'trailer');
  const status = number(query, 'status', 200, 599, 200);
  const size = query.has('size') ? number(query, 'size', 0, MAX_SIZE, 0) : -1;
  const report = size >= 0 ? EMPTY : Buffer.from(`${JSON.stringify(describe(req, url, body), null, 2)}\n`);
  const length = size >= 0 ? size : report.length;
  const chunked = trailers.length > 0 || query.has('chunk') || query.has('drip');
  const head = ['Content-Type', size >= 0 ? 'text/plain' : 'application/json', ...fields.flat()];
  if (!chunked) head.push('Content-Length', String(length));
  if (trailers.length > 0) head.push('Trailer', trailers.map(([name]) => name).join(', '));
  res.writeHead(status, head);
  if (trailers.length > 0) res.addTrailers(trailers);
  const step = number(query, 'chunk', 1, MAX_CHUNK, 65_536);
  const drip = number(query, 'drip', 0, MAX_DELAY_MS, 0);
  for (let at = 0; at < length && !res.destroyed; at += step) {
    const n = Math.min(step, length - at);
    const piece = size >= 0 ? FILLER.subarray(0, n) : report.subarray(at, at + n);
    if (at > 0 && drip > 0) await sleep(drip);
    if (!res.write(piece)) await drained(res);
  }
  res.end();
}

const EMPTY = Buffer.alloc(0);

interface EchoedBody {
  readonly bytes: Buffer;
  readonly size: number;
}

async function readBody(req: IncomingMessage): Promise<EchoedBody> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    if (size < MAX_ECHO) chunks.push(chunk.subarray(0, MAX_ECHO - size));
    size += chunk.length;
  }
  return { bytes: Buffer.concat(chunks), size };
}

function describe(req: IncomingMessage, url: URL, body: EchoedBody): object {
  const text = body.bytes.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(body.bytes);
  return {
    method: req.method,
    path: url.pathname,
    query: url.search.slice(1),
    headers: req.headersDistinct,
    rawHeaders: toPairs(req.rawHeaders),
    trailers: req.trailersDistinct,
    ...(isText ? { body: text } : { body: body.bytes.toString('base64'), bodyEncoding: 'base64' }),
    bodySize: body.size,
  };
}

function toPairs(raw: readonly string[]): [string, string][] {
  const out: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) out.push([raw[i]!, raw[i + 1]!]);
  return out;
}

function number(query: URLSearchParams, name: string, min: number, max: number, missing: number): number {
  const text = query.get(name);
  if (text === null || text === '') return missing;
  const value = Math.trunc(Number(text));
  return Number.isFinite(value) ? Math.min(Math.max(value, min), max) : missing;
}

/** `name:value` parameters; what Node would refuse as a header makes the request fail with a reset. */
function pairs(query: URLSearchParams, name: string): [string, string][] {
  return query.getAll(name).map(text => {
    const colon = text.indexOf(':');
    return colon < 0 ? [text, ''] : [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}

function drained(res: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const go = () => {
      res.removeListener('drain', go);
      res.removeListener('close', go);
      resolve();
    };
    res.on('drain', go);
    res.on('close', go);
  });
}
