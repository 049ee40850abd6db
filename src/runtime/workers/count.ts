import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { WeirError } from '../../errors.ts';
import type { Log } from '../../log.ts';

/**
 * How many threads are to serve. `shares`: whether several can listen on one port; only asked when they would.
 * @throws WeirError WORKER_FAILED when a number was asked for that can't be had
 */
export async function workerCount(
  workers: number | 'auto',
  log: Log,
  shares: () => Promise<boolean> = sharesPorts,
  cores = availableParallelism(),
): Promise<number> {
  const count = workers === 'auto' ? cores : workers;
  if (count === 1 || (await shares())) return count;
  if (workers === 'auto') {
    log.info({ cores }, "one thread serves: on this system threads can't listen on one port (SO_REUSEPORT)");
    return 1;
  }
  throw new WeirError(
    'WORKER_FAILED',
    `workers: ${workers}: on this system threads can't listen on one port (SO_REUSEPORT): set workers: 1`,
  );
}

/** Where the system has no SO_REUSEPORT that shares connections out, Node says so when it binds. */
function sharesPorts(): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port: 0, reusePort: true }, () => server.close(() => resolve(true)));
  });
}
