import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from './node-http.ts';

/** How long a refused client may still send before its connection goes, in ms: it has to read the answer first. */
const LINGER_MS = 500;

/** Answers a request that never becomes an exchange, and closes the connection unless told to keep it. */
export function refuse(res: ServerResponse, status: number, reason: string, keep = false): void {
  const body = `${status} ${reason}\n`;
  const head = ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(body.length)];
  if (!keep) head.push('Connection', 'close');
  res.writeHead(status, head);
  res.end(body);
}

/** Answers on a connection whose bytes are no request we can answer in turn, and closes it. */
export function refuseConnection(
  socket: Duplex,
  status: number,
  reason: string = (STATUS_CODES[status] ?? '').toLowerCase(),
): void {
  const body = `${status} ${reason}\n`;
  socket.on('error', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

/** The answer to what node:http couldn't read; 0: the connection broke, there is nobody to answer. */
export function clientErrorStatus(error: NodeJS.ErrnoException): number {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return 431;
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 413;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 408;
    default:
      return error.code?.startsWith('HPE_') === true ? 400 : 0;
  }
}
