import { InputStream, OutputStream, Pollable, type WasiInstance } from '../io/index.ts';
import {
  addressText,
  type IpAddressFamily,
  type IpSocketAddress,
  isIpv4Mapped,
  isUnspecified,
  socketAddress,
} from './addresses.ts';
import type { ErrorCode } from './codes.ts';
import { Connection } from './connection.ts';
import type { Network } from './network.ts';
import type { Reach } from './reach.ts';

/** Most connections of one instance, those that still send what was written included. */
export const SOCKETS_MAX = 16;

/** What the sockets of one instance share. */
export interface Sockets {
  readonly instance: WasiInstance;
  readonly reach: Reach;
  /** Sockets and connections that exist. */
  count: number;
}

type State = 'unbound' | 'bind-started' | 'bound' | 'connecting' | 'connected' | 'closed';

/**
 * Resource `wasi:sockets/tcp.tcp-socket` (wasi-sockets 0.2, wit/tcp.wit), as a client only. Methods throw ErrorCode as
 * jco's `err`.
 */
export class TcpSocket {
  readonly #sockets: Sockets;
  readonly #family: IpAddressFamily;
  #state: State = 'unbound';
  #connection: Connection | undefined;
  #keepAlive = false;
  /** Nanoseconds. */
  #keepAliveIdle = 7_200_000_000_000n;
  /** This resource and the streams that are not dropped. */
  #holders = 1;
  #open = true;

  /** Throws `new-socket-limit` over SOCKETS_MAX, WasiTrap for one resource too many. */
  constructor(sockets: Sockets, family: IpAddressFamily) {
    if (sockets.count >= SOCKETS_MAX) throw 'new-socket-limit';
    sockets.instance.take();
    sockets.count++;
    this.#sockets = sockets;
    this.#family = family;
  }

  /** To any address and port of our choice, which is what connecting does anyway. Otherwise `access-denied`. */
  startBind(_network: Network, local: IpSocketAddress): void {
    if (this.#state !== 'unbound') throw 'invalid-state';
    if (local.tag !== this.#family) throw 'invalid-argument';
    if (!isUnspecified(local) || local.val.port !== 0) {
      this.#sockets.reach.never('bind a socket to an address');
      throw 'access-denied';
    }
    this.#state = 'bind-started';
  }

  finishBind(): void {
    if (this.#state !== 'bind-started') throw 'not-in-progress';
    this.#state = 'bound';
  }

  /** Throws `access-denied` for what isn't granted, `invalid-argument`, `invalid-state`. */
  startConnect(_network: Network, remote: IpSocketAddress): void {
    this.#sockets.instance.check();
    if (this.#state === 'connecting') throw 'concurrency-conflict';
    if (this.#state !== 'unbound' && this.#state !== 'bound') throw 'invalid-state';
    const { port, address } = remote.val;
    if (remote.tag !== this.#family || port === 0) throw 'invalid-argument';
    if (isUnspecified(remote) || isIpv4Mapped(remote)) throw 'invalid-argument';
    // A zone names a network card, which no grant can.
    if (remote.tag === 'ipv6' && remote.val.scopeId !== 0) throw 'access-denied';
    const host = addressText({ tag: remote.tag, val: address });
    if (!this.#sockets.reach.mayConnect(host, port)) throw 'access-denied';
    this.#connection = new Connection(host, port, this.#sockets.instance, () => this.#gone());
    this.#state = 'connecting';
  }

  finishConnect(): [input: InputStream, output: OutputStream] {
    const connection = this.#connection;
    if (this.#state !== 'connecting' || connection === undefined) throw 'not-in-progress';
    if (!connection.connected) {
      const { failure } = connection;
      if (failure === undefined && !connection.gone) throw 'would-block';
      this.#state = 'closed';
      throw failure ?? 'connection-aborted';
    }
    this.#state = 'connected';
    if (this.#keepAlive) this.#applyKeepAlive();
    const { instance } = this.#sockets;
    this.#holders++;
    const input = new InputStream(
      instance,
      connection.source(() => this.#dropped(() => connection.endInput())),
    );
    this.#holders++;
    const output = new OutputStream(
      instance,
      connection.sink(() => this.#dropped(() => connection.endOutput())),
    );
    return [input, output];
  }

  startListen(): void {
    this.#sockets.reach.never('listen on a socket');
    throw 'access-denied' satisfies ErrorCode;
  }

  finishListen(): void {
    throw 'not-in-progress' satisfies ErrorCode;
  }

  accept(): never {
    throw 'invalid-state' satisfies ErrorCode;
  }

  localAddress(): IpSocketAddress {
    const { socket } = this.#connected();
    if (socket.localAddress === undefined) throw 'invalid-state';
    return socketAddress(socket.localAddress, socket.localPort ?? 0);
  }

  remoteAddress(): IpSocketAddress {
    const { socket } = this.#connected();
    if (socket.remoteAddress === undefined) throw 'invalid-state';
    return socketAddress(socket.remoteAddress, socket.remotePort ?? 0);
  }

  isListening(): boolean {
    return false;
  }

  addressFamily(): IpAddressFamily {
    return this.#family;
  }

  setListenBacklogSize(): void {
    throw 'not-supported' satisfies ErrorCode;
  }

  keepAliveEnabled(): boolean {
    return this.#keepAlive;
  }

  setKeepAliveEnabled(value: boolean): void {
    this.#keepAlive = value;
    this.#applyKeepAlive();
  }

  /** Nanoseconds. */
  keepAliveIdleTime(): bigint {
    return this.#keepAliveIdle;
  }

  setKeepAliveIdleTime(value: bigint): void {
    if (value === 0n) throw 'invalid-argument';
    this.#keepAliveIdle = value;
    this.#applyKeepAlive();
  }

  /** Throws `not-supported`, as do the options below: node:net can't set them. */
  keepAliveInterval(): bigint {
    throw 'not-supported' satisfies ErrorCode;
  }

  setKeepAliveInterval(): void {
    throw 'not-supported' satisfies ErrorCode;
  }

  keepAliveCount(): number {
    throw 'not-supported' satisfies ErrorCode;
  }

  setKeepAliveCount(): void {
    throw 'not-supported' satisfies ErrorCode;
  }

  hopLimit(): number {
    throw 'not-supported' satisfies ErrorCode;
  }

  setHopLimit(): void {
    throw 'not-supported' satisfies ErrorCode;
  }

  receiveBufferSize(): bigint {
    throw 'not-supported' satisfies ErrorCode;
  }

  setReceiveBufferSize(): void {
    throw 'not-supported' satisfies ErrorCode;
  }

  sendBufferSize(): bigint {
    throw 'not-supported' satisfies ErrorCode;
  }

  setSendBufferSize(): void {
    throw 'not-supported' satisfies ErrorCode;
  }

  /** Ready when the call that was started can be finished. */
  subscribe(): Pollable {
    return new Pollable(this.#sockets.instance, () => this.#connection?.settled());
  }

  shutdown(type: 'receive' | 'send' | 'both'): void {
    const connection = this.#connected();
    if (type !== 'send') connection.endInput();
    if (type !== 'receive') connection.endOutput();
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#sockets.instance.release();
    this.#release();
  }

  #connected(): Connection {
    if (this.#state !== 'connected' || this.#connection === undefined) throw 'invalid-state';
    return this.#connection;
  }

  #applyKeepAlive(): void {
    if (this.#state !== 'connected') return;
    const milliseconds = this.#keepAliveIdle / 1_000_000n;
    const longest = 2n ** 31n - 1n;
    this.#connection?.socket.setKeepAlive(
      this.#keepAlive,
      Number(milliseconds < longest ? milliseconds : longest),
    );
  }

  /** A stream came to its end or was dropped. */
  #dropped(end: () => void): void {
    end();
    this.#release();
  }

  #release(): void {
    this.#holders--;
    if (this.#holders > 0) return;
    if (this.#connection === undefined) this.#gone();
    else this.#connection.drop();
  }

  /** Called once: when the connection is gone, or the resource without one. */
  #gone(): void {
    this.#sockets.count--;
  }
}
