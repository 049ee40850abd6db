import { connect, type Socket } from 'node:net';
import { until } from './wait.ts';

/** An HTTP/1.1 response as it came over the wire. */
export interface RawResponse {
  readonly status: number;
  readonly reason: string;
  /** Pairs, in order, names as they came. */
  readonly headers: readonly [string, string][];
  readonly body: Buffer;
  readonly trailers: readonly [string, string][];
  /** How the body's end was found. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close';
}

/** First value of a field. */
export function header(response: Pick<RawResponse, 'headers'>, name: string): string | undefined {
  return response.headers.find(([n]) => n.toLowerCase() === name.toLowerCase())?.[1];
}

/** All values of a field. */
export function headerValues(response: Pick<RawResponse, 'headers'>, name: string): string[] {
  return response.headers.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, v]) => v);
}

/** A TCP connection on which bytes are sent as they are and responses are read strictly. */
export class RawClient {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  ended = false;
  closed = false;
  error: NodeJS.ErrnoException | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', error => {
      this.error = error;
    });
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async open(port: number, host = '127.0.0.1'): Promise<RawClient> {
    const socket = connect({ port, host, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawClient(socket);
  }

  /** Latin1, as HTTP is. */
  send(bytes: string | Buffer): void {
    if (typeof bytes === 'string') this.socket.write(bytes, 'latin1');
    else this.socket.write(bytes);
  }

  /** The next response. Fails when the connection ends before it is whole. `method` of its request. */
  async response(method = 'GET'): Promise<RawResponse> {
    const parsed = await until(() => {
      const result = parse(this.received, method, this.ended || this.closed);
      if (result !== undefined) return result;
      if (this.closed || this.ended) {
        throw new Error(
          `connection ended in a response: ${JSON.stringify(this.received.toString('latin1'))}`,
        );
      }
      return undefined;
    }, 'a response');
    this.received = this.received.subarray(parsed.bytes);
    return parsed.response;
  }

  /** Everything until the connection closes. */
  async rest(): Promise<string> {
    await until(() => this.ended || this.closed, 'the connection to close');
    return this.received.toString('latin1');
  }

  /** Resolves when the other side has closed the connection, or reset it. */
  async untilClosed(): Promise<void> {
    await until(() => this.ended || this.closed, 'the connection to close');
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Sends one request on a connection of its own. */
export async function request(port: number, bytes: string | Buffer, method?: string): Promise<RawResponse> {
  const client = await RawClient.open(port);
  try {
    client.send(bytes);
    const text = typeof bytes === 'string' ? bytes : bytes.subarray(0, 64).toString('latin1');
    return await client.response(method ?? /^\S+/.exec(text)?.[0] ?? 'GET');
  } finally {
    client.close();
  }
}

/** A GET, with further header lines. */
export function get(port: number, path: string, ...lines: string[]): Promise<RawResponse> {
  return request(
    port,
    `GET ${path} HTTP/1.1\r\nHost: test\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`,
  );
}

function parse(
  bytes: Buffer,
  method: string,
  ended: boolean,
): { response: RawResponse; bytes: number } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const lines = bytes.subarray(0, headEnd).toString('latin1').split('\r\n');
  const match = /^HTTP\/1\.1 (\d{3}) (.*)$/.exec(lines[0] ?? '');
  if (match === null) throw new Error(`not a status line: ${lines[0]}`);
  const status = Number(match[1]);
  const headers = lines.slice(1).map(toPair);
  const at = headEnd + 4;
  const done = (
    body: Buffer,
    length: number,
    framing: RawResponse['framing'],
    trailers: [string, string][] = [],
  ): { response: RawResponse; bytes: number } => ({
    response: { status, reason: match[2] ?? '', headers, body, trailers, framing },
    bytes: at + length,
  });
  const lengths = headers.filter(([n]) => n.toLowerCase() === 'content-length');
  const encodings = headers.filter(([n]) => n.toLowerCase() === 'transfer-encoding');
  if (lengths.length > 1 || encodings.length > 1 || (lengths.length > 0 && encodings.length > 0)) {
    throw new Error(`ambiguous framing: ${lines.join(' | ')}`);
  }
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return done(EMPTY, 0, 'none');
  if (encodings.length > 0) {
    const chunks: Buffer[] = [];
    let from = at;
    for (;;) {
      const line = bytes.indexOf('\r\n', from);
      if (line < 0) return undefined;
      const size = Number.parseInt(bytes.subarray(from, line).toString('latin1'), 16);
      if (Number.isNaN(size)) throw new Error('bad chunk size');
      if (size === 0) {
        if (bytes.subarray(line, line + 4).toString() === '\r\n\r\n') {
          return done(Buffer.concat(chunks), line + 4 - at, 'chunked');
        }
        const end = bytes.indexOf('\r\n\r\n', line);
        if (end < 0) return undefined;
        const text = bytes.subarray(line + 2, end).toString('latin1');
        return done(Buffer.concat(chunks), end + 4 - at, 'chunked', text.split('\r\n').map(toPair));
      }
      if (bytes.length < line + 2 + size + 2) return undefined;
      chunks.push(bytes.subarray(line + 2, line + 2 + size));
      from = line + 2 + size + 2;
    }
  }
  if (lengths.length > 0) {
    const length = Number(lengths[0]![1]);
    return bytes.length >= at + length ? done(bytes.subarray(at, at + length), length, 'length') : undefined;
  }
  return ended ? done(bytes.subarray(at), bytes.length - at, 'close') : undefined;
}

const EMPTY = Buffer.alloc(0);

function toPair(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}
