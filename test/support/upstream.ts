import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** A request as an upstream saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  /** Lower-case names; several values joined with `|`. */
  readonly headers: ReadonlyMap<string, string>;
  body: Buffer;
  trailers: readonly string[];
  /** The body arrived whole. */
  complete: boolean;
  /** The connection went before the request had an answer. */
  aborted: boolean;
}

/** An upstream that keeps what it is sent. */
export interface TestUpstream {
  readonly port: number;
  readonly requests: SeenRequest[];
  /** Connections it accepted. */
  readonly connections: () => number;
  close(): Promise<void>;
}

type Respond = (req: IncomingMessage, res: ServerResponse, seen: SeenRequest) => void;

/** Answers `ok` unless told otherwise, when the request has arrived whole (`early`: when its head has). */
export async function startUpstream(
  respond: Respond = (_req, res) => {
    res.end('ok');
  },
  options: { readonly early?: boolean } = {},
): Promise<TestUpstream> {
  const requests: SeenRequest[] = [];
  let connections = 0;
  const server = createHttpServer({ maxHeaderSize: 1024 * 1024, keepAliveTimeout: 60_000 }, (req, res) => {
    const seen: SeenRequest = {
      method: req.method ?? '',
      url: req.url ?? '',
      rawHeaders: req.rawHeaders,
      headers: toMap(req.rawHeaders),
      body: Buffer.alloc(0),
      trailers: [],
      complete: false,
      aborted: false,
    };
    requests.push(seen);
    const chunks: Buffer[] = [];
    res.on('close', () => {
      if (!res.writableFinished) seen.aborted = true;
    });
    if (options.early === true) respond(req, res, seen);
    else {
      req.on('data', chunk => chunks.push(chunk));
      req.on('end', () => {
        seen.body = Buffer.concat(chunks);
        seen.trailers = req.rawTrailers;
        seen.complete = true;
        respond(req, res, seen);
      });
    }
  });
  server.on('connection', () => connections++);
  const port = await listen(server);
  return {
    port,
    requests,
    connections: () => connections,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An upstream below HTTP: what it is sent as text, and what it does with the socket. */
export interface RawUpstream {
  readonly port: number;
  readonly sockets: Socket[];
  /** All bytes received so far, per connection, latin1. */
  readonly received: string[];
  close(): Promise<void>;
}

/** `onHead` is called with the text so far each time something arrives that holds a whole request head. */
export async function startRawUpstream(
  onHead: (socket: Socket, text: string, connection: number) => void,
): Promise<RawUpstream> {
  const sockets: Socket[] = [];
  const received: string[] = [];
  const server = createServer({ noDelay: true }, socket => {
    const connection = sockets.push(socket) - 1;
    received[connection] = '';
    socket.on('error', () => {});
    socket.on('data', chunk => {
      received[connection] += chunk.toString('latin1');
      if (received[connection]!.includes('\r\n\r\n')) onHead(socket, received[connection]!, connection);
    });
  });
  const port = await listen(server);
  return {
    port,
    sockets,
    received,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A port that nothing listens on. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise(resolve => server.close(resolve));
  return port;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function toMap(raw: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const before = map.get(name);
    map.set(name, before === undefined ? raw[i + 1]! : `${before}|${raw[i + 1]}`);
  }
  return map;
}
