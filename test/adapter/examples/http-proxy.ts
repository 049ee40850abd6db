import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import httpProxy from 'http-proxy';
import { createFilterChain, withFilterChain } from '../../../src/index.ts';

const chain = await createFilterChain({
  filters: [
    { module: 'filters/rust/add-header/add-header.wasm', config: { header: 'x-hello', value: 'weir' } },
  ],
});
const proxy = withFilterChain(httpProxy.createProxyServer({ target: process.argv[3] }), chain);
proxy.on('error', (_error, _req, res) => {
  if ('writeHead' in res) res.writeHead(502);
  res.end();
});

const server = createServer((req, res) => proxy.web(req, res));
server.on('upgrade', (req, socket, head) => proxy.ws(req, socket, head));
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
