import { connect, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { TcpPluginChain } from '../../src/chain/tcp-chain.ts';
import type { TcpChainSource } from '../../src/chain/tcp-types.ts';
import type { EndpointConfig, UpstreamConfig } from '../../src/config/types.ts';
import { ReverseProxy } from '../../src/proxy/proxy.ts';
import type { TcpListener } from '../../src/proxy/tcp-listener.ts';
import { startUpstreams, type Upstream } from '../../src/proxy/upstream.ts';
import { MemoryLog } from './log.ts';
import { until } from './wait.ts';

type Ctx = Pick<TestContext, 'after'>;

export interface TestTcpProxy {
  readonly port: number;
  readonly log: MemoryLog;
  readonly proxy: ReverseProxy;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly listener: TcpListener;
}

export interface TcpProxyOptions {
  readonly chain?: TcpChainSource;
  /** Ports on 127.0.0.1, or `echo`. */
  readonly endpoints?: readonly (number | 'echo')[];
  /** Of the upstream `other`, where no connection goes by itself. */
  readonly other?: readonly (number | 'echo')[];
  readonly connect?: number;
  readonly idle?: number;
}

/** A proxy with one TCP listener, until the test ends. */
export async function startTcpProxy(t: Ctx, options: TcpProxyOptions = {}): Promise<TestTcpProxy> {
  const log = new MemoryLog();
  const { chain = new TcpPluginChain([], log), endpoints = ['echo'], connect: limit = 2000 } = options;
  const upstream = (name: string, list: readonly (number | 'echo')[]): UpstreamConfig => ({
    name,
    transport: 'undici',
    endpoints: list.map(
      (at): EndpointConfig =>
        at === 'echo'
          ? { url: 'builtin:tcp-echo', kind: 'builtin', host: 'tcp-echo', port: 0 }
          : { url: `tcp://127.0.0.1:${at}`, kind: 'tcp', host: '127.0.0.1', port: at },
    ),
    timeouts: { connect: limit, response: 1000, idle: options.idle ?? 60_000 },
    connections: 1,
  });
  const configs = [upstream('up', endpoints), upstream('other', options.other ?? ['echo'])];
  const upstreams = await startUpstreams(configs, 16_384);
  const proxy = new ReverseProxy({
    listeners: [{ name: 'tcp', protocol: 'tcp', host: '127.0.0.1', port: 0, upstream: 'up', filters: [] }],
    upstreams,
    server: { headersTimeout: 1000, requestTimeout: 1000, keepAliveTimeout: 1000, maxHeaderSize: 16_384 },
    chainOf: () => {
      throw new Error('there are no routes');
    },
    tcpChainOf: () => chain,
    log,
  });
  const [bound] = await proxy.listen();
  t.after(async () => {
    await proxy.close({ drain: 0 });
    await Promise.all([...upstreams.values()].map(each => each.close()));
  });
  return { port: bound!.port, log, proxy, upstreams, listener: proxy.tcpListeners[0]! };
}

/** One end of a connection, and what became of it. */
export class Peer {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  ended = false;
  closed = false;
  /** Code of the error that ended it. */
  error = '';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', chunk => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
    });
    socket.on('close', () => {
      this.closed = true;
    });
  }

  get text(): string {
    return this.received.toString('latin1');
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** No more is sent; the other direction stays open. */
  end(): this {
    this.socket.end();
    return this;
  }

  async untilText(text: string): Promise<void> {
    await until(() => this.text === text, `${JSON.stringify(text)}, not ${JSON.stringify(this.text)}`);
  }

  untilEnded(): Promise<unknown> {
    return until(() => this.ended || this.closed, 'the end of a connection');
  }

  untilClosed(): Promise<unknown> {
    return until(() => this.closed, 'a connection to be closed');
  }
}

/** Connects; the connection ends with the test. */
export async function openPeer(t: Ctx, port: number): Promise<Peer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  t.after(() => socket.destroy());
  const peer = new Peer(socket);
  await until(() => !socket.connecting, 'a connection');
  return peer;
}

export interface TcpUpstream {
  readonly port: number;
  readonly peers: readonly Peer[];
  readonly server: Server;
  /** The connection that came as the `n`th. */
  peer(n?: number): Promise<Peer>;
}

/** A TCP server on a free port, until the test ends. */
export async function startTcpUpstream(
  t: Ctx,
  onPeer: (peer: Peer) => void = () => {},
): Promise<TcpUpstream> {
  const peers: Peer[] = [];
  const server = createServer({ allowHalfOpen: true }, socket => {
    const peer = new Peer(socket);
    peers.push(peer);
    onPeer(peer);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const { socket } of peers) socket.destroy();
  });
  const { port } = server.address() as { port: number };
  return { port, peers, server, peer: (n = 0) => until(() => peers[n], 'a connection to the upstream') };
}
