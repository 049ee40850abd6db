import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type EmbeddedChain, NodeChain } from '../../src/adapter/embedded-chain.ts';
import type { FilterChain } from '../../src/chain/types.ts';
import { MemoryLog } from '../support/log.ts';

/** A user's server with a chain in it. */
export interface TestServer {
  readonly port: number;
  readonly server: Server;
  readonly chain: EmbeddedChain;
  readonly log: MemoryLog;
  close(): Promise<void>;
}

/** Listens on a free loopback port. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Closes a server and its connections. */
export async function closeServer(server: Server): Promise<void> {
  await new Promise<void>(resolve => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** A chain for tests, with its log. */
export function embed(filters: FilterChain): { chain: EmbeddedChain; log: MemoryLog } {
  const log = new MemoryLog();
  return { chain: new NodeChain(filters, log, () => {}), log };
}

/** A node:http server whose handler stands behind a chain. */
export async function serve(filters: FilterChain, handler: RequestListener): Promise<TestServer> {
  const { chain, log } = embed(filters);
  const server = createServer(chain.handler(handler as never) as RequestListener);
  const port = await listen(server);
  return {
    port,
    server,
    chain,
    log,
    close: async () => {
      await closeServer(server);
      await chain.close();
    },
  };
}
