import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { ListenerConfig } from '../../config/types.ts';
import { listenError } from '../../proxy/listen-error.ts';

/**
 * Binds all addresses for a moment, alone: workers share theirs, also with whoever else does that, another Weir for
 * example, without an error. Ports that the system picks need none. @throws WeirError LISTEN_FAILED
 */
export async function probe(listeners: readonly ListenerConfig[]): Promise<void> {
  const servers: Server[] = [];
  try {
    for (const config of listeners) {
      if (config.port === 0) continue;
      const server = createServer();
      servers.push(server);
      await bind(server, config);
    }
  } finally {
    await Promise.all(
      servers.filter(server => server.listening).map(server => once(server.close(), 'close')),
    );
  }
}

function bind(server: Server, config: ListenerConfig): Promise<void> {
  const { host, port } = config;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(config, error)));
    // Whoever connects meanwhile comes too early.
    server.listen({ host, port, exclusive: true }, resolve).on('connection', socket => socket.destroy());
  });
}
