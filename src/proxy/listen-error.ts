import type { ListenerConfig } from '../config/types.ts';
import { WeirError } from '../errors.ts';

/** A WeirError LISTEN_FAILED that says what to do. */
export function listenError(
  config: Pick<ListenerConfig, 'name' | 'host' | 'port'>,
  error: NodeJS.ErrnoException,
): WeirError {
  const { name, host, port } = config;
  const remedy: Record<string, string> = {
    EADDRINUSE: 'another process listens there: stop it, or choose another port',
    EACCES: 'ports below 1024 need privileges: choose a higher one, or grant CAP_NET_BIND_SERVICE',
    EADDRNOTAVAIL: 'no interface has this address: use one of this machine, 127.0.0.1 or 0.0.0.0',
    ENOTFOUND: 'the host name has no address: use an IP address',
  };
  const hint = remedy[error.code ?? ''] ?? 'check the address';
  return new WeirError('LISTEN_FAILED', `${name}: can't listen on ${host}:${port}: ${error.code} (${hint})`, {
    cause: error,
  });
}
