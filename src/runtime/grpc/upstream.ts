import type { EndpointConfig, UpstreamConfig } from '../../config/types.ts';
import { type Avoidable, Turns } from '../../proxy/turns.ts';
import { Connection, type Library } from './connection.ts';

/** One address of an upstream that speaks gRPC. */
export class GrpcEndpoint implements Avoidable {
  readonly url: string;
  avoidUntil = 0;
  readonly #target: string;
  readonly #connectTimeout: number;
  /** By the most bytes of a message. */
  readonly #connections: Map<number, Connection> = new Map();

  constructor({ url, host, port }: EndpointConfig, connectTimeout: number) {
    this.url = url;
    this.#target = `dns:${host.includes(':') ? `[${host}]` : host}:${port}`;
    this.#connectTimeout = connectTimeout;
  }

  /** The library has that limit per connection. There are as many of them as filters with limits of their own. */
  connection(library: Library, maxMessage: number): Connection {
    let connection = this.#connections.get(maxMessage);
    if (connection === undefined) {
      connection = new Connection(library, this.#target, maxMessage, this.#connectTimeout);
      this.#connections.set(maxMessage, connection);
    }
    return connection;
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }
}

/** An upstream, for gRPC: its endpoints but for what is built in. */
export class GrpcUpstream {
  readonly name: string;
  readonly endpoints: readonly GrpcEndpoint[];
  readonly turns: Turns<GrpcEndpoint>;

  constructor({ name, endpoints, timeouts }: UpstreamConfig) {
    this.name = name;
    this.endpoints = endpoints
      .filter(({ kind }) => kind === 'http')
      .map(endpoint => new GrpcEndpoint(endpoint, timeouts.connect));
    this.turns = new Turns(this.endpoints);
  }
}
