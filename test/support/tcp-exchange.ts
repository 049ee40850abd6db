import { afterEach } from 'node:test';
import type { PeerType } from '../../src/abi/types.ts';
import { TcpPluginChain } from '../../src/chain/tcp-chain.ts';
import type { TcpExchange, TcpFailure, TcpFilterStream } from '../../src/chain/tcp-types.ts';
import type { ConnectionInfo, TargetInfo, UpstreamInfo } from '../../src/message/info.ts';
import { DOWNSTREAM, type Side, UPSTREAM } from '../../src/plugin/tcp.ts';
import type { Plugin } from '../../src/plugin/types.ts';
import type { Rig } from './guest.ts';

/** Streams that a test leaves open would keep the process waiting for their timers. */
const open = new Set<TcpFilterStream>();
afterEach(() => {
  for (const stream of open) stream.finish();
  open.clear();
});

const ARROW = ['>', '<'];

/** Both ends of a TCP chain, on paper: keeps what was sent, in order, as one line each. `>` goes to the upstream. */
export class TcpDrive implements TcpExchange {
  readonly connection: ConnectionInfo = {
    id: 7,
    sourceAddress: '192.0.2.1',
    sourcePort: 40000,
    destinationAddress: '192.0.2.2',
    destinationPort: 5000,
    tlsVersion: '',
    requestedServerName: '',
  };
  readonly target: TargetInfo = {
    routeMetadata: undefined,
    upstream: 'db',
    upstreamMetadata: { location: { region: 'eu' } },
    endpoints: 1,
  };
  upstream: UpstreamInfo | undefined;
  readonly events: string[] = [];
  failure: TcpFailure | undefined;
  readonly stream: TcpFilterStream;

  /** A chain of those plugins, or of one puppet. */
  constructor(rig: Rig, ...plugins: Plugin[]) {
    const chain = new TcpPluginChain(plugins.length === 0 ? [rig.start()] : plugins, rig.log);
    this.stream = chain.open(this);
    open.add(this.stream);
  }

  /** What was sent since the last call. */
  take(): string[] {
    return this.events.splice(0);
  }

  start(): this {
    this.stream.onNewConnection();
    return this;
  }

  down(text: string, end = false): this {
    this.stream.onData(DOWNSTREAM, Buffer.from(text, 'latin1'), end);
    return this;
  }

  up(text: string, end = false): this {
    this.stream.onData(UPSTREAM, Buffer.from(text, 'latin1'), end);
    return this;
  }

  closed(side: Side, by: PeerType): this {
    this.stream.onClose(side, by);
    return this;
  }

  connect(): void {
    this.events.push('connect');
    this.upstream = { name: 'db', address: '192.0.2.3', port: 5432 };
  }

  connectTo(upstream: string): boolean {
    if (this.events.includes('connect')) return false;
    this.events.push(`to ${upstream}`);
    return true;
  }

  send(from: Side, chunk: Buffer, end: boolean): void {
    this.events.push(`${ARROW[from]} ${chunk.toString('latin1')}${end ? ' end' : ''}`);
  }

  pause(from: Side, paused: boolean): void {
    this.events.push(`${paused ? 'pause' : 'unpause'} ${from === DOWNSTREAM ? 'downstream' : 'upstream'}`);
  }

  close(reason: string): void {
    this.events.push(`close: ${reason}`);
  }

  fail(failure: TcpFailure): void {
    this.failure = failure;
    this.events.push('fail');
  }
}
