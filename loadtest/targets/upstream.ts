/** The upstream of all measurements: a short fixed answer. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveBenchmark } from './target.ts';

const body = Buffer.alloc(512, 'x');
const server = createServer((_req, res) => {
  res.writeHead(200, ['content-type', 'text/plain', 'content-length', String(body.length)]);
  res.end(body);
});
server.listen(0, '127.0.0.1', () =>
  serveBenchmark(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);
