import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { EchoServer } from './echo.ts';

/** Starts a TCP server on a loopback port that sends back what it gets: the upstream behind `builtin:tcp-echo`. */
export async function startTcpEcho(): Promise<EchoServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    socket.pipe(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return { host: '127.0.0.1', port, close };
}
