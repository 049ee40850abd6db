/** The least a forwarder on node:http and undici can do. It checks, strips and adds nothing. */
import { createServer, type ServerResponse } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { serveTarget } from '../../src/bench/target.ts';
import { listen } from './listen.ts';

class Forward implements Dispatcher.DispatchHandler {
  readonly #res: ServerResponse;
  constructor(res: ServerResponse) {
    this.#res = res;
  }
  onConnect(): void {}
  onHeaders(status: number, headers: Buffer[]): boolean {
    this.#res.writeHead(status, headers.map(String));
    return true;
  }
  onData(chunk: Buffer): boolean {
    return this.#res.write(chunk);
  }
  onComplete(): void {
    this.#res.end();
  }
  onError(): void {
    this.#res.destroy();
  }
}

serveTarget(upstream => {
  const pool = new Pool(upstream, { connections: 128 });
  const server = createServer((req, res) => {
    const body = req.headers['content-length'] === undefined ? null : req;
    const headers = req.rawHeaders.filter((_, i, all) => all[i & ~1]!.toLowerCase() !== 'connection');
    pool.dispatch(
      { path: req.url!, method: req.method as Dispatcher.HttpMethod, headers, body },
      new Forward(res),
    );
  });
  return listen(server);
});
