import type { EndpointConfig, UpstreamConfig } from '../config/types.ts';
import type { UpstreamInfo } from '../message/info.ts';
import { type EchoServer, startEcho } from './echo.ts';
import { HttpProxyTransport } from './http-proxy-transport.ts';
import { NO_TRANSPORT } from './no-transport.ts';
import { startTcpEcho } from './tcp-echo.ts';
import type { Transport } from './transport.ts';
import { type Avoidable, Turns } from './turns.ts';
import { UndiciTransport } from './undici-transport.ts';

/** One address of an upstream. */
export interface Endpoint extends Avoidable {
  /** As configured. */
  readonly url: string;
  readonly info: UpstreamInfo;
  readonly transport: Transport;
}

/** A group of interchangeable endpoints, used in turn. */
export class Upstream {
  readonly name: string;
  readonly config: UpstreamConfig;
  readonly #maxHeaderSize: number;
  #endpoints: Endpoint[] = [];
  #echoes: EchoServer[] = [];
  #turns = new Turns<Endpoint>([]);

  /** `maxHeaderSize`: most bytes of a response's head. */
  constructor(config: UpstreamConfig, maxHeaderSize: number) {
    this.name = config.name;
    this.config = config;
    this.#maxHeaderSize = maxHeaderSize;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Starts what it has built in; opens no connection to other endpoints. Must be called once, before `pick`. */
  async start(): Promise<void> {
    for (const endpoint of this.config.endpoints) this.#endpoints.push(await this.#open(endpoint));
    this.#turns = new Turns(this.#endpoints);
  }

  /**
   * The endpoint whose turn it is, but for those in `tried`; endpoints that refused a moment ago come last.
   * Undefined when there is none left.
   */
  pick(tried?: readonly Endpoint[]): Endpoint | undefined {
    return this.#turns.pick(tried);
  }

  /** An endpoint refused a connection. */
  refused(endpoint: Endpoint): void {
    this.#turns.refused(endpoint);
  }

  /** An endpoint that was avoided has its turn again. */
  connected(endpoint: Endpoint): void {
    this.#turns.connected(endpoint);
  }

  /** Ends all connections at once. */
  async close(): Promise<void> {
    const endpoints = this.#endpoints;
    const echoes = this.#echoes;
    this.#endpoints = [];
    this.#turns = new Turns([]);
    this.#echoes = [];
    await Promise.all(endpoints.map(endpoint => endpoint.transport.close()));
    await Promise.all(echoes.map(echo => echo.close()));
  }

  async #open(endpoint: EndpointConfig): Promise<Endpoint> {
    let { host, port } = endpoint;
    if (endpoint.kind === 'builtin') {
      const echo = await (endpoint.url === 'builtin:tcp-echo' ? startTcpEcho() : startEcho());
      this.#echoes.push(echo);
      ({ host, port } = echo);
    }
    const tcp = endpoint.kind === 'tcp' || endpoint.url === 'builtin:tcp-echo';
    return {
      url: endpoint.url,
      info: { name: this.name, address: host, port },
      transport: tcp ? NO_TRANSPORT : this.#transport(host, port),
      avoidUntil: 0,
    };
  }

  #transport(host: string, port: number): Transport {
    const { connections, timeouts, transport } = this.config;
    const options = { host, port, connections, timeouts, maxHeaderSize: this.#maxHeaderSize };
    return transport === 'undici' ? new UndiciTransport(options) : new HttpProxyTransport(options);
  }
}

/** Of a configuration, started. `maxHeaderSize`: most bytes of a response's head. */
export async function startUpstreams(
  configs: Iterable<UpstreamConfig>,
  maxHeaderSize: number,
): Promise<ReadonlyMap<string, Upstream>> {
  const upstreams = new Map<string, Upstream>();
  for (const config of configs) {
    const upstream = new Upstream(config, maxHeaderSize);
    await upstream.start();
    upstreams.set(config.name, upstream);
  }
  return upstreams;
}
