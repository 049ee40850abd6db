import type { Socket } from 'node:net';
import {
  DOWNSTREAM,
  PeerType,
  type Side,
  type TcpExchange,
  type TcpFailure,
  type TcpFilterChain,
  type TcpFilterStream,
  UPSTREAM,
} from '../chain/tcp-types.ts';
import type { UpstreamError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { TargetInfo, UpstreamInfo } from '../message/info.ts';
import { ClientConnection } from './client-connection.ts';
import { connectTcp, type TcpConnectHandler } from './tcp-connect.ts';
import type { TcpCounts } from './tcp-counts.ts';
import type { Endpoint, Upstream } from './upstream.ts';

/** Where connections go. */
export interface TcpTarget {
  readonly upstream: Upstream;
  readonly info: TargetInfo;
}

/** What a connection needs of its listener. */
export interface TcpExchangeContext {
  readonly name: string;
  readonly log: Log;
  readonly target: TcpTarget;
  /** Where a filter may send a connection instead; undefined: no such upstream. */
  targetOf(upstream: string): TcpTarget | undefined;
  readonly counts: TcpCounts;
  exchangeEnded(exchange: TcpConnection): void;
}

const EMPTY = Buffer.alloc(0);
/** What came before the upstream stood is kept up to here; then the client waits. */
const EARLY_MAX = 65_536;
/** Why nothing is read from a side: bits. */
const BY_CHAIN = 1;
const BY_SINK = 2;

const other = (side: Side): Side => (side === DOWNSTREAM ? UPSTREAM : DOWNSTREAM);

/** A client's connection, the upstream's that belongs to it, and the chain between them. */
export class TcpConnection implements TcpExchange, TcpConnectHandler {
  readonly connection: ClientConnection;
  upstream: UpstreamInfo | undefined;
  #target: TcpTarget;
  /** The upstream was chosen. */
  #connecting = false;
  readonly #context: TcpExchangeContext;
  /** By side; the upstream's once it is connected. */
  readonly #sockets: [Socket, Socket | undefined];
  #stream: TcpFilterStream | undefined;
  #looksAt: readonly [boolean, boolean] = [false, false];
  #cancelConnect: (() => void) | undefined;
  /** For the upstream, until it is connected. */
  readonly #early: Buffer[] = [];
  #earlyBytes = 0;
  #earlyEnd = false;
  readonly #paused: [number, number] = [0, 0];
  /** By side: the end of what comes from there has come. */
  readonly #ended: [boolean, boolean] = [false, false];
  /** By side: who ended that connection first. */
  readonly #closedBy: [PeerType, PeerType] = [PeerType.UNKNOWN, PeerType.UNKNOWN];
  /** By side: that connection is closed, or never was. */
  readonly #closed: [boolean, boolean] = [false, true];
  /** Both connections are about to end: what still comes is dropped. */
  #closing = false;
  readonly #idle: NodeJS.Timeout;

  constructor(context: TcpExchangeContext, client: Socket) {
    this.connection = new ClientConnection(client);
    this.#target = context.target;
    this.#context = context;
    this.#sockets = [client, undefined];
    const { idle } = context.target.upstream.config.timeouts;
    this.#idle = setTimeout(() => this.#onIdle(idle), idle);
    this.#watch(DOWNSTREAM, client);
  }

  start(chain: TcpFilterChain): void {
    const [client] = this.#sockets;
    // It went while the chain was loaded.
    if (client.destroyed) return;
    if (!chain.empty) {
      this.#looksAt = chain.looksAt;
      this.#stream = chain.open(this);
    }
    this.#read(DOWNSTREAM, client);
    if (this.#stream === undefined) this.connect();
    else this.#stream.onNewConnection();
  }

  /** Ends it at once. */
  abort(): void {
    this.#closing = true;
    this.#localClose();
    this.#cancelConnect?.();
    for (const socket of this.#sockets) socket?.destroy();
  }

  // TcpExchange

  get target(): TargetInfo {
    return this.#target.info;
  }

  connectTo(upstream: string): boolean {
    const target = this.#connecting ? undefined : this.#context.targetOf(upstream);
    if (target === undefined) return false;
    this.#target = target;
    return true;
  }

  connect(): void {
    this.#connecting = true;
    if (!this.#closing) this.#cancelConnect = connectTcp(this.#target.upstream, this);
  }

  send(from: Side, chunk: Buffer, endOfStream: boolean): void {
    if (this.#closing) return;
    const sink = this.#sockets[other(from)];
    if (sink === undefined) this.#sendEarly(chunk, endOfStream);
    else this.#write(from, sink, chunk, endOfStream);
  }

  pause(from: Side, paused: boolean): void {
    if (paused) this.#pause(from, BY_CHAIN);
    else this.#unpause(from, BY_CHAIN);
  }

  close(reason: string): void {
    const { log, name } = this.#context;
    log.debug({ part: 'tcp', listener: name, reason }, 'connection closed');
    this.#end(socket => socket.destroySoon());
  }

  fail({ filter, details }: TcpFailure): void {
    const { log, name, counts } = this.#context;
    counts.failures++;
    log.warn({ part: 'filter', filter, listener: name, details }, 'filter failed');
    this.#end(socket => socket.resetAndDestroy());
  }

  // TcpConnectHandler

  onConnect(socket: Socket, { info }: Endpoint): void {
    this.#cancelConnect = undefined;
    this.#sockets[UPSTREAM] = socket;
    this.#closed[UPSTREAM] = false;
    this.upstream = info;
    this.#idle.refresh();
    this.#watch(UPSTREAM, socket);
    this.#read(UPSTREAM, socket);
    this.#unpause(DOWNSTREAM, BY_SINK);
    const early = this.#early.splice(0);
    if (early.length > 0) this.#write(DOWNSTREAM, socket, Buffer.concat(early), this.#earlyEnd);
    else if (this.#earlyEnd) this.#write(DOWNSTREAM, socket, EMPTY, true);
  }

  onFailure(error: UpstreamError, last: Endpoint | undefined): void {
    const { log, name, counts } = this.#context;
    const { upstream } = this.#target;
    counts.failures++;
    const { code, message } = error;
    const endpoint = last?.url;
    log.warn(
      { part: 'upstream', listener: name, upstream: upstream.name, endpoint, code },
      `no connection: ${message}`,
    );
    this.#cancelConnect = undefined;
    this.#end(socket => socket.destroySoon());
  }

  // The connections.

  #watch(side: Side, socket: Socket): void {
    socket.on('error', () => {
      this.#closedBy[side] ||= PeerType.REMOTE;
    });
    socket.once('close', () => this.#onClosed(side));
    socket.on('drain', () => {
      this.#idle.refresh();
      this.#unpause(other(side), BY_SINK);
    });
  }

  #read(side: Side, socket: Socket): void {
    const { bytes } = this.#context.counts;
    const looksAt = this.#looksAt[side];
    socket.on('data', (chunk: Buffer) => {
      bytes[side] += chunk.length;
      this.#idle.refresh();
      if (this.#closing) return;
      if (looksAt) this.#stream!.onData(side, chunk, false);
      else this.send(side, chunk, false);
    });
    socket.once('end', () => {
      this.#ended[side] = true;
      this.#closedBy[side] ||= PeerType.REMOTE;
      if (this.#closing) return;
      if (looksAt) this.#stream!.onData(side, EMPTY, true);
      else this.send(side, EMPTY, true);
    });
  }

  #write(from: Side, sink: Socket, chunk: Buffer, endOfStream: boolean): void {
    const to = other(from);
    if (chunk.length > 0 && sink.writable && !sink.write(chunk)) this.#pause(from, BY_SINK);
    if (!endOfStream) return;
    this.#closedBy[to] ||= PeerType.LOCAL;
    sink.end();
    // A filter held the last of it until now.
    if (this.#closed[from]) this.#end(socket => socket.destroySoon());
  }

  #sendEarly(chunk: Buffer, endOfStream: boolean): void {
    if (chunk.length > 0) this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (endOfStream) this.#earlyEnd = true;
    if (this.#earlyBytes >= EARLY_MAX) this.#pause(DOWNSTREAM, BY_SINK);
  }

  #pause(side: Side, why: number): void {
    if (this.#paused[side] === 0) this.#sockets[side]?.pause();
    this.#paused[side] |= why;
  }

  #unpause(side: Side, why: number): void {
    if (this.#paused[side] === 0) return;
    this.#paused[side] &= ~why;
    if (this.#paused[side] === 0) this.#sockets[side]?.resume();
  }

  /** `how` is what becomes of both connections. */
  #end(how: (socket: Socket) => void): void {
    this.#closing = true;
    this.#localClose();
    this.#cancelConnect?.();
    for (const side of [DOWNSTREAM, UPSTREAM] as const) {
      const socket = this.#sockets[side];
      if (socket === undefined) continue;
      how(socket);
      // What nobody reads would make the system reset the connection, and with it what was sent last.
      this.#unpause(side, BY_CHAIN | BY_SINK);
    }
  }

  #localClose(): void {
    for (const side of [DOWNSTREAM, UPSTREAM] as const) this.#closedBy[side] ||= PeerType.LOCAL;
  }

  #onClosed(side: Side): void {
    this.#closed[side] = true;
    this.#closedBy[side] ||= PeerType.LOCAL;
    this.#stream?.onClose(side, this.#closedBy[side]);
    // The client still gets what the upstream sent before it ended.
    const pending = side === UPSTREAM && this.#ended[UPSTREAM] && !this.#sockets[DOWNSTREAM].writableEnded;
    if (!this.#closing && !pending) this.#end(socket => socket.destroySoon());
    if (this.#closed[DOWNSTREAM] && this.#closed[UPSTREAM]) this.#finish();
  }

  #onIdle(ms: number): void {
    const { log, name } = this.#context;
    log.debug({ part: 'tcp', listener: name }, `connection idle for ${ms} ms`);
    this.abort();
  }

  #finish(): void {
    clearTimeout(this.#idle);
    this.#stream?.finish();
    this.#context.exchangeEnded(this);
  }
}
