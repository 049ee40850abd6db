import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AdminConfig } from '../config/types.ts';
import { listenError } from '../proxy/listen-error.ts';
import { http } from '../proxy/node-http.ts';
import type { Metrics } from './metrics.ts';

/** What operators ask: `/metrics` (Prometheus' text format) and `/healthz`. */
export class AdminListener {
  readonly #config: AdminConfig;
  readonly #server: Server;

  /** `healthy`: somebody serves. */
  constructor(config: AdminConfig, metrics: Metrics, healthy: () => boolean) {
    this.#config = config;
    this.#server = http.createServer((req, res) => {
      const [path] = (req.url ?? '').split('?');
      const answer = (status: number, text: string) => {
        res.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
        res.end(req.method === 'HEAD' ? undefined : text);
      };
      if (req.method !== 'GET' && req.method !== 'HEAD') answer(405, 'method not allowed\n');
      else if (path === '/healthz') {
        if (healthy()) answer(200, 'ok\n');
        else answer(503, 'no worker serves\n');
      } else if (path !== '/metrics') answer(404, 'not found: there are /metrics and /healthz\n');
      else
        metrics.text().then(
          text => answer(200, text),
          () => answer(500, 'internal error\n'),
        );
    });
  }

  /** Resolves to the URL it listens at. @throws WeirError LISTEN_FAILED */
  listen(): Promise<string> {
    const { host, port } = this.#config;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(listenError({ name: 'admin', host, port }, error));
      });
      this.#server.listen(port, host, () => {
        const address = this.#server.address() as AddressInfo;
        resolve(
          `http://${address.address.includes(':') ? `[${address.address}]` : address.address}:${address.port}`,
        );
      });
    });
  }

  close(): Promise<void> {
    return new Promise(resolve => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
