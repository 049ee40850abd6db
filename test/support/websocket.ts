import { RawClient, type RawResponse } from './raw-client.ts';
import { until } from './wait.ts';

/** The key of RFC 6455's example; the accept value that belongs to it. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** A WebSocket handshake, with further header lines. */
export function handshake(path = '/', ...lines: string[]): string {
  const head = [`GET ${path} HTTP/1.1`, 'Host: a', 'Connection: keep-alive, Upgrade', 'Upgrade: websocket'];
  return [...head, 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${KEY}`, ...lines, '', ''].join('\r\n');
}

/** A masked frame, as clients send: opcode 1 is text, 8 close, 9 ping. */
export function frame(opcode: number, payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  const mask = Buffer.from([1, 2, 3, 4]);
  const masked = Buffer.from(bytes.map((byte, i) => byte ^ mask[i & 3]!));
  const head =
    bytes.length < 126
      ? Buffer.from([0x80 | opcode, 0x80 | bytes.length])
      : bytes.length < 65_536
        ? Buffer.from([0x80 | opcode, 0x80 | 126, bytes.length >> 8, bytes.length & 255])
        : Buffer.from([0x80 | opcode, 0x80 | 127, 0, 0, 0, 0, ...uint32(bytes.length)]);
  return Buffer.concat([head, mask, masked]);
}

function uint32(value: number): number[] {
  return [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** The next unmasked frame. */
export async function readFrame(client: RawClient): Promise<{ opcode: number; payload: Buffer }> {
  return until(() => {
    const bytes = client.received;
    if (bytes.length < 2) return undefined;
    let length = bytes[1]! & 0x7f;
    let at = 2;
    if (length === 126) {
      if (bytes.length < 4) return undefined;
      length = bytes.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return undefined;
      length = Number(bytes.readBigUInt64BE(2));
      at = 10;
    }
    if (bytes.length < at + length) return undefined;
    client.received = bytes.subarray(at + length);
    return { opcode: bytes[0]! & 0x0f, payload: bytes.subarray(at, at + length) };
  }, 'a frame');
}

/** Connects and shakes hands. */
export async function openWebSocket(
  port: number,
  ...lines: string[]
): Promise<{ client: RawClient; response: RawResponse }> {
  const client = await RawClient.open(port);
  client.send(handshake('/', ...lines));
  return { client, response: await client.response() };
}
