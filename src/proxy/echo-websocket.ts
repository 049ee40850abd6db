import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** A longer message ends the connection with 1009. */
const MAX_PAYLOAD = 1024 * 1024;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** The value of Sec-WebSocket-Accept for a key: RFC 6455 section 4.2.2. */
export function acceptKey(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}

/** Answers a WebSocket handshake and echoes every frame, as RFC 6455 has it: enough to try a proxy with. */
export function acceptWebSocket(req: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.on('error', () => socket.destroy());
  const key = req.headers['sec-websocket-key'];
  if (req.headers.upgrade?.toLowerCase() !== 'websocket' || key === undefined) {
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  const protocol = req.headers['sec-websocket-protocol']?.split(',')[0]?.trim();
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Accept: ${acceptKey(key)}`,
  ];
  if (protocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  let rest = head;
  const onBytes = (chunk: Buffer) => {
    rest = echoFrames(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]), socket);
  };
  if (head.length > 0) onBytes(Buffer.alloc(0));
  socket.on('data', onBytes);
  socket.on('end', () => socket.end());
}

/** Answers every whole frame in `bytes`; returns what is left. */
function echoFrames(bytes: Buffer, socket: Duplex): Buffer {
  let at = 0;
  while (bytes.length - at >= 2) {
    const first = bytes[at]!;
    const opcode = first & 0x0f;
    const masked = (bytes[at + 1]! & 0x80) !== 0;
    let length = bytes[at + 1]! & 0x7f;
    let header = 2;
    if (length === 126) {
      if (bytes.length - at < 4) break;
      length = bytes.readUInt16BE(at + 2);
      header = 4;
    } else if (length === 127) {
      if (bytes.length - at < 10) break;
      length = Number(bytes.readBigUInt64BE(at + 2));
      header = 10;
    }
    if (!masked || length > MAX_PAYLOAD) {
      // 1002: protocol error (a client must mask); 1009: too big.
      const status = masked ? 1009 : 1002;
      socket.end(frame(0x80 | CLOSE, Buffer.from([status >> 8, status & 255])));
      return Buffer.alloc(0);
    }
    if (bytes.length - at < header + 4 + length) break;
    const mask = bytes.subarray(at + header, at + header + 4);
    const payload = Buffer.from(bytes.subarray(at + header + 4, at + header + 4 + length));
    for (let i = 0; i < length; i++) payload[i]! ^= mask[i & 3]!;
    at += header + 4 + length;
    if (opcode === CLOSE) {
      socket.end(frame(0x80 | CLOSE, payload));
      return Buffer.alloc(0);
    }
    if (opcode === PING) socket.write(frame(0x80 | PONG, payload));
    else if (opcode !== PONG) socket.write(frame(first & 0x8f, payload));
  }
  return bytes.subarray(at);
}

function frame(first: number, payload: Buffer): Buffer {
  const { length } = payload;
  let head: Buffer;
  if (length < 126) {
    head = Buffer.from([first, length]);
  } else if (length < 65_536) {
    head = Buffer.from([first, 126, length >> 8, length & 255]);
  } else {
    head = Buffer.alloc(10);
    head[0] = first;
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}
