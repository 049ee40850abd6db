/** httpxy, the maintained successor of http-proxy. */
import { Agent, createServer } from 'node:http';
import { createProxyServer } from 'httpxy';
import { serveTarget } from '../../src/bench/target.ts';
import { listen } from './listen.ts';

serveTarget(target => {
  const proxy = createProxyServer({ target, agent: new Agent({ keepAlive: true, maxSockets: 128 }) });
  return listen(createServer((req, res) => void proxy.web(req, res)));
});
