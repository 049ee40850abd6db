/**
 * The upstream of all measurements. Any request is answered with as many bytes of text as its input says, `/bytes/N`
 * with N; what is sent is read to its end; WebSocket messages are echoed.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { acceptWebSocket } from '../proxy/echo-websocket.ts';
import { serveTarget } from './target.ts';

const LARGEST = 256 * 1024 * 1024;
const LINE = 'See http://internal.example/docs for what the pump at the weir is good for, and whom to ask.\n';

let usual = 0;
const bodies = new Map<number, Buffer>();

/** Text in which one line in about 64 KiB has something that a filter may rewrite. */
function textOf(size: number): Buffer {
  let body = bodies.get(size);
  if (body === undefined) {
    body = Buffer.alloc(size, `${'All work and no play makes Jack a dull boy.\n'.repeat(1488)}${LINE}`);
    bodies.set(size, body);
  }
  return body;
}

const server = createServer((req, res) => {
  const size = Math.min(LARGEST, Number(/^\/bytes\/([0-9]{1,9})$/.exec(req.url!)?.[1] ?? usual));
  const answer = () => {
    const body = textOf(size);
    res.writeHead(200, ['content-type', 'text/plain', 'content-length', String(body.length)]);
    res.end(body);
  };
  if (req.headers['content-length'] === undefined && req.headers['transfer-encoding'] === undefined) {
    answer();
    return;
  }
  req.on('end', answer);
  req.resume();
});
server.on('upgrade', acceptWebSocket);

serveTarget(
  (_, input) =>
    new Promise(resolve => {
      usual = Number(input);
      server.listen(0, '127.0.0.1', () =>
        resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
      );
    }),
);
