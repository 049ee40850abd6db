import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RawFields } from '../message/fields.ts';
import { removeOwnFields } from './framing.ts';

/** When one end of a tunnel has finished, the other has this long to, in ms. */
const HALF_CLOSED_TIME = 5000;

/** Answers an Upgrade with 101 and takes the connection from `res`. */
export function switchProtocols(res: ServerResponse, socket: Socket, protocol: string, raw: RawFields): void {
  // Filters may have written any of these.
  removeOwnFields(raw);
  let head = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n`;
  for (let i = 0; i < raw.length; i += 2) head += `${raw[i]}: ${raw[i + 1]}\r\n`;
  res.detachSocket(socket);
  socket.write(`${head}\r\n`, 'latin1');
}

function onReadable(this: Socket): void {
  this.read(0);
}

function onEnd(this: Socket): void {
  this.destroy();
}

/** Until a handshake is answered nobody reads its connection; this notices that the client goes. */
export function watchHandshake(client: Socket): void {
  client.on('readable', onReadable);
  client.on('end', onEnd);
}

/** Carries bytes both ways until either end closes, then closes both. */
export function joinTunnel(client: Socket, upstream: Duplex): void {
  client.removeListener('readable', onReadable);
  client.removeListener('end', onEnd);
  client.setTimeout(0);
  client.setNoDelay(true);
  client.setKeepAlive(true);
  upstream.on('error', () => client.destroy());
  client.on('error', () => upstream.destroy());
  client.once('close', () => upstream.destroy());
  upstream.once('close', () => client.destroySoon());
  let timer: NodeJS.Timeout | undefined;
  const finish = () => {
    timer ??= setTimeout(() => client.destroy(), HALF_CLOSED_TIME);
  };
  client.once('end', finish);
  upstream.once('end', finish);
  client.once('close', () => clearTimeout(timer));
  client.pipe(upstream).pipe(client);
}
