/** http-proxy alone, as most people set it up. */
import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import httpProxy from 'http-proxy';
import { serveBenchmark } from './target.ts';

const proxy = httpProxy.createProxyServer({
  target: process.argv[2]!,
  agent: new Agent({ keepAlive: true, maxSockets: 128 }),
});
const server = createServer((req, res) => proxy.web(req, res));
server.listen(0, '127.0.0.1', () =>
  serveBenchmark(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);
