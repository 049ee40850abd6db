import type { Socket } from 'node:net';
import type { ConnectionInfo } from '../message/info.ts';

let nextId = 1;

/** An exchange as its connection sees it. */
export interface ConnectionUser {
  /** The connection is gone. */
  connectionClosed(): void;
  /** True once part of a response was handed to the connection. */
  readonly responseStarted: boolean;
}

/** One client connection: the facts filters ask for, and the exchanges that go when it goes. */
export class ClientConnection implements ConnectionInfo {
  readonly id = nextId++;
  readonly socket: Socket;
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly destinationAddress: string;
  readonly destinationPort: number;
  readonly tlsVersion = '';
  readonly requestedServerName = '';
  /** Set when a malformed request was answered: what else arrives on it is dropped. */
  refused = false;
  // One, but for a client that pipelines.
  readonly #exchanges: ConnectionUser[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    // Asked once: each is a system call, and gone when the connection is.
    this.sourceAddress = plainAddress(socket.remoteAddress);
    this.sourcePort = socket.remotePort ?? 0;
    this.destinationAddress = plainAddress(socket.localAddress);
    this.destinationPort = socket.localPort ?? 0;
    socket.once('close', () => this.abandon());
  }

  /** The exchange whose response is next to be sent. */
  get current(): ConnectionUser | undefined {
    return this.#exchanges[0];
  }

  add(exchange: ConnectionUser): void {
    this.#exchanges.push(exchange);
  }

  remove(exchange: ConnectionUser): void {
    const at = this.#exchanges.indexOf(exchange);
    if (at >= 0) this.#exchanges.splice(at, 1);
  }

  /** Ends every exchange: nothing more can be answered in turn. */
  abandon(): void {
    for (const exchange of [...this.#exchanges]) exchange.connectionClosed();
  }
}

/** An IPv4 address seen through an IPv6 socket loses its `::ffff:`. */
function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
