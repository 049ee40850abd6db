import type { EndpointConfig, UpstreamConfig } from '../config/types.ts';
import type { UpstreamInfo } from '../message/info.ts';
import { type EchoServer, startEcho } from './echo.ts';
import { HttpProxyTransport } from './http-proxy-transport.ts';
import type { Transport } from './transport.ts';
import { UndiciTransport } from './undici-transport.ts';

/** How long an endpoint that refused a connection is tried only after all others, in ms. */
const AVOID_MS = 5000;

/** One address of an upstream. */
export interface Endpoint {
  /** As configured. */
  readonly url: string;
  readonly info: UpstreamInfo;
  readonly transport: Transport;
  /** `performance.now()` until which others go first; 0: it is fine. */
  avoidUntil: number;
}

/** A group of interchangeable endpoints, used in turn. */
export class Upstream {
  readonly name: string;
  readonly config: UpstreamConfig;
  readonly #maxHeaderSize: number;
  #endpoints: Endpoint[] = [];
  #echoes: EchoServer[] = [];
  #next = 0;
  #avoided = 0;

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
  }

  /**
   * The endpoint whose turn it is, but for those in `tried`; endpoints that refused a moment ago come last.
   * Undefined when there is none left.
   */
  pick(tried?: readonly Endpoint[]): Endpoint | undefined {
    const endpoints = this.#endpoints;
    if (endpoints.length === 1) return tried === undefined ? endpoints[0] : undefined;
    const now = this.#avoided > 0 ? performance.now() : 0;
    let fallback: Endpoint | undefined;
    const start = this.#next;
    for (let i = 0; i < endpoints.length; i++) {
      const at = (start + i) % endpoints.length;
      const endpoint = endpoints[at]!;
      if (tried?.includes(endpoint)) continue;
      if (endpoint.avoidUntil > now) {
        fallback ??= endpoint;
        continue;
      }
      if (endpoint.avoidUntil !== 0) this.connected(endpoint);
      this.#next = at + 1;
      return endpoint;
    }
    return fallback;
  }

  /** An endpoint refused a connection. */
  refused(endpoint: Endpoint): void {
    if (endpoint.avoidUntil === 0) this.#avoided++;
    endpoint.avoidUntil = performance.now() + AVOID_MS;
  }

  /** An endpoint that was avoided has its turn again. */
  connected(endpoint: Endpoint): void {
    if (endpoint.avoidUntil === 0) return;
    endpoint.avoidUntil = 0;
    this.#avoided--;
  }

  /** Ends all connections at once. */
  async close(): Promise<void> {
    const endpoints = this.#endpoints;
    const echoes = this.#echoes;
    this.#endpoints = [];
    this.#echoes = [];
    await Promise.all(endpoints.map(endpoint => endpoint.transport.close()));
    await Promise.all(echoes.map(echo => echo.close()));
  }

  async #open(endpoint: EndpointConfig): Promise<Endpoint> {
    let { host, port } = endpoint;
    if (endpoint.kind === 'builtin') {
      const echo = await startEcho();
      this.#echoes.push(echo);
      ({ host, port } = echo);
    }
    const { connections, timeouts } = this.config;
    const options = { host, port, connections, timeouts, maxHeaderSize: this.#maxHeaderSize };
    const undici = this.config.transport === 'undici';
    return {
      url: endpoint.url,
      info: { name: this.name, address: host, port },
      transport: undici ? new UndiciTransport(options) : new HttpProxyTransport(options),
      avoidUntil: 0,
    };
  }
}
