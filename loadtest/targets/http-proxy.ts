/** http-proxy alone, as most people set it up. */
import { Agent, createServer } from 'node:http';
import httpProxy from 'http-proxy';
import { serveTarget } from '../../src/bench/target.ts';
import { listen } from './listen.ts';

serveTarget(target => {
  const proxy = httpProxy.createProxyServer({
    target,
    ws: true,
    agent: new Agent({ keepAlive: true, maxSockets: 128 }),
  });
  const server = createServer((req, res) => proxy.web(req, res));
  server.on('upgrade', (req, socket, head) => proxy.ws(req, socket, head));
  return listen(server);
});
