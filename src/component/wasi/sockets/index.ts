import type { TcpGrant } from '../../../config/types.ts';
import type { WasiHost } from '../host.ts';
import type { IoError, WasiInstance } from '../io/index.ts';
import type { IpAddressFamily } from './addresses.ts';
import { type ErrorCode, SocketError } from './codes.ts';
import { ResolveAddressStream, resolveAddresses } from './name-lookup.ts';
import { Network } from './network.ts';
import { Reach } from './reach.ts';
import { type Sockets, TcpSocket } from './tcp-socket.ts';

/** Resources of `wasi:sockets/udp`: nobody gets one. */
class UdpSocket {}
class IncomingDatagramStream {}
class OutgoingDatagramStream {}

/** `wasi:sockets` 0.2: TCP to the granted places; no listening, no UDP. */
export function socketImports(
  instance: WasiInstance,
  grants: readonly TcpGrant[],
  host: WasiHost,
): Record<string, object> {
  const sockets: Sockets = { instance, reach: new Reach(grants, host), count: 0 };
  return {
    'wasi:sockets/instance-network': { instanceNetwork: () => new Network(instance) },
    'wasi:sockets/network': {
      Network,
      networkErrorCode: (error: IoError): ErrorCode | undefined =>
        error instanceof SocketError ? error.socketCode : undefined,
    },
    'wasi:sockets/ip-name-lookup': {
      ResolveAddressStream,
      resolveAddresses: (network: Network, name: string) => resolveAddresses(sockets, network, name),
    },
    'wasi:sockets/tcp': { TcpSocket },
    'wasi:sockets/tcp-create-socket': {
      createTcpSocket: (family: IpAddressFamily) => new TcpSocket(sockets, family),
    },
    'wasi:sockets/udp': { UdpSocket, IncomingDatagramStream, OutgoingDatagramStream },
    'wasi:sockets/udp-create-socket': {
      createUdpSocket: () => {
        sockets.reach.never('make a UDP socket');
        throw 'access-denied' satisfies ErrorCode;
      },
    },
  };
}
