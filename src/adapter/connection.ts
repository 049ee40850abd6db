import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Certificates, ConnectionInfo } from '../message/info.ts';
import { ClientConnection, type ConnectionUser } from '../proxy/client-connection.ts';
import { TlsCertificates } from './certificates.ts';

const connections = new WeakMap<Socket, EmbeddedConnection>();

/** A connection of the user's server: HTTP, or HTTPS with what its handshake agreed on. */
export class EmbeddedConnection implements ConnectionInfo {
  readonly id: number;
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly destinationAddress: string;
  readonly destinationPort: number;
  readonly tlsVersion: string;
  readonly requestedServerName: string;
  readonly certificates: Certificates | undefined;
  readonly #client: ClientConnection;

  private constructor(socket: Socket) {
    const client = new ClientConnection(socket);
    this.id = client.id;
    this.sourceAddress = client.sourceAddress;
    this.sourcePort = client.sourcePort;
    this.destinationAddress = client.destinationAddress;
    this.destinationPort = client.destinationPort;
    const { encrypted, servername, getProtocol } = socket as Partial<TLSSocket>;
    this.tlsVersion = encrypted === true ? (getProtocol?.call(socket) ?? '') : '';
    this.requestedServerName = typeof servername === 'string' ? servername : '';
    this.certificates = encrypted === true ? new TlsCertificates(socket as Partial<TLSSocket>) : undefined;
    this.#client = client;
  }

  /** The same object for every request of a connection. */
  static of(socket: Socket): EmbeddedConnection {
    let connection = connections.get(socket);
    if (connection === undefined) {
      connection = new EmbeddedConnection(socket);
      connections.set(socket, connection);
    }
    return connection;
  }

  /** `user` is told when the connection closes. */
  add(user: ConnectionUser): void {
    this.#client.add(user);
  }

  remove(user: ConnectionUser): void {
    this.#client.remove(user);
  }
}
