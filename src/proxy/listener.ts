import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { HttpListenerConfig, ServerLimits } from '../config/types.ts';
import type { Log } from '../log.ts';
import { RequestHeaders } from '../message/headers.ts';
import { ClientConnection } from './client-connection.ts';
import { type ExchangeContext, HttpExchange } from './exchange.ts';
import { listenError } from './listen-error.ts';
import { http } from './node-http.ts';
import { clientErrorStatus, refuse, refuseConnection } from './refusal.ts';
import { RequestCounts } from './request-counts.ts';
import { readRequestHead } from './request-head.ts';
import type { Router } from './router.ts';
import { watchHandshake } from './tunnel.ts';

/** Where a listener ended up: the port is the real one. */
export interface BoundAddress {
  readonly listener: string;
  readonly protocol: 'http' | 'tcp';
  readonly host: string;
  readonly port: number;
}

/** Where to listen, when not only the configuration says so. */
export interface Binding {
  /** In place of the configured port. */
  readonly port?: number;
  /** Others that say so too may listen on the same port: the system shares connections out. */
  readonly reusePort?: boolean;
}

/** ms that idle connections live on at a stop: what clients sent meanwhile is answered, with `Connection: close`. */
const GRACE = 100;

/** One address that clients connect to: an HTTP/1.1 server that turns requests into exchanges. */
export class Listener implements ExchangeContext {
  readonly name: string;
  readonly log: Log;
  router: Router;
  draining = false;
  /** Requests that no route took. */
  readonly counts = new RequestCounts();
  readonly #config: HttpListenerConfig;
  readonly #server: Server;
  readonly #connections = new WeakMap<Duplex, ClientConnection>();
  readonly #upgraded = new Set<Socket>();
  #active = 0;
  /** Of those, upgrades: nobody waits for them at the end. */
  #upgrades = 0;
  #onIdle: (() => void) | undefined;
  #graceOver = false;

  constructor(config: HttpListenerConfig, router: Router, limits: ServerLimits, log: Log) {
    this.name = config.name;
    this.log = log;
    this.router = router;
    this.#config = config;
    const { headersTimeout, requestTimeout, keepAliveTimeout, maxHeaderSize } = limits;
    const options: ServerOptions = {
      headersTimeout,
      requestTimeout,
      keepAliveTimeout,
      maxHeaderSize,
      connectionsCheckingInterval: checkingInterval(headersTimeout, requestTimeout),
      insecureHTTPParser: false,
      // readRequestHead asks for Host, and answers as we do.
      requireHostHeader: false,
      // A request without a body needs no stream for one.
      optimizeEmptyRequests: true,
      noDelay: true,
      shouldUpgradeCallback: req => upgradeOf(req) !== '',
    };
    this.#server = http.createServer(options);
    // Bounded by maxHeaderSize; above a count Node would drop fields silently.
    this.#server.maxHeadersCount = 0;
    this.#server.on('request', (req, res) => this.#onRequest(req, res));
    // Both are judged by readRequestHead.
    this.#server.on('checkContinue', (req, res) => this.#onRequest(req, res));
    this.#server.on('checkExpectation', (req, res) => this.#onRequest(req, res));
    this.#server.on('upgrade', (req, socket, head) => this.#onUpgrade(req, socket, head));
    this.#server.on('connect', (_req, socket) => refuseConnection(socket, 405, 'CONNECT is not supported'));
    this.#server.on('clientError', (error, socket) => this.#onClientError(error, socket));
  }

  /** Binds. A port that can't be had is a WeirError LISTEN_FAILED. */
  listen({ port = this.#config.port, reusePort = false }: Binding = {}): Promise<BoundAddress> {
    const { host, name } = this.#config;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(this.#config, error)));
      this.#server.listen({ host, port, reusePort }, () => {
        this.#server.removeAllListeners('error');
        this.#server.on('error', error => this.log.error({ listener: name, err: error }, 'listener error'));
        const address = this.#server.address() as AddressInfo;
        resolve({ listener: name, protocol: 'http', host, port: address.port });
      });
    });
  }

  /**
   * Stops accepting, lets exchanges in flight end within `drain` ms (their connections close after them), then ends
   * everything that is left, WebSocket tunnels too.
   */
  async close(drain: number): Promise<void> {
    if (!this.#server.listening) return;
    this.draining = true;
    // Not http's own, which ends idle connections at once: the next request may be on its way in them.
    const closed = new Promise<void>(resolve =>
      NetServer.prototype.close.call(this.#server, () => resolve()),
    );
    const grace = Math.min(GRACE, drain);
    if (grace > 0) await this.#emptied(grace, closed);
    this.#graceOver = true;
    // Idle ones; and it looks for connections past their time no more.
    this.#server.close();
    await this.#idle(drain - grace);
    for (const socket of this.#upgraded) socket.destroy();
    this.#server.closeAllConnections();
    await closed;
    // Exchanges hear of their connection's end a moment after the server does.
    while (this.#active > 0) await new Promise(resolve => setImmediate(resolve));
  }

  /** Requests in flight. */
  get active(): number {
    return this.#active;
  }

  exchangeEnded(upgrade: boolean): void {
    this.#active--;
    if (upgrade) this.#upgrades--;
    if (!this.draining) return;
    // Its head may have promised to keep the connection, before draining began.
    if (this.#graceOver) setImmediate(() => this.#server.closeIdleConnections());
    if (this.#busy === 0) this.#onIdle?.();
  }

  get #busy(): number {
    return this.#active - this.#upgrades;
  }

  /** When all connections have ended, `limit` ms at the most. */
  async #emptied(limit: number, closed: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>(resolve => {
      timer = setTimeout(resolve, limit);
    });
    await Promise.race([closed, over]);
    clearTimeout(timer);
  }

  #idle(limit: number): Promise<void> {
    return new Promise(resolve => {
      if (this.#busy === 0) {
        resolve();
        return;
      }
      const timer = setTimeout(resolve, limit);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #connection(socket: Socket): ClientConnection {
    let connection = this.#connections.get(socket);
    if (connection === undefined) {
      connection = new ClientConnection(socket);
      this.#connections.set(socket, connection);
    }
    return connection;
  }

  #onRequest(req: IncomingMessage, res: ServerResponse): void {
    this.#exchange(req, res, '');
  }

  #exchange(req: IncomingMessage, res: ServerResponse, upgrade: string): void {
    const connection = this.#connection(req.socket);
    const head = readRequestHead(req, connection.sourceAddress);
    if ('refused' in head) {
      this.log.debug({ part: 'client', listener: this.name, reason: head.reason }, 'request refused');
      this.counts.refused(head.refused);
      refuse(res, head.refused, head.reason);
      return;
    }
    // A filter must be able to tell a handshake; what is sent is ours.
    if (upgrade !== '') req.rawHeaders.push('Upgrade', upgrade);
    const headers = new RequestHeaders(req.method ?? '', head.path, head.authority, 'http', req.rawHeaders);
    const route = this.router.match(headers);
    if (route === undefined) {
      this.counts.refused(404);
      refuse(res, 404, 'no route', head.length === 0);
      return;
    }
    this.#active++;
    const chain = route.chain.ready();
    if (!(chain instanceof Promise)) {
      this.#start(new HttpExchange(this, connection, req, res, head, headers, route, chain, upgrade));
      return;
    }
    void chain.then(loaded => {
      if (res.closed) {
        route.counts.ended(0, 0);
        this.exchangeEnded(false);
      } else this.#start(new HttpExchange(this, connection, req, res, head, headers, route, loaded, upgrade));
    });
  }

  #start(exchange: HttpExchange): void {
    if (exchange.upgrade !== '') {
      this.#upgrades++;
      this.#upgradeBegins(exchange.req.socket);
    }
    exchange.request.start();
  }

  #upgradeBegins(socket: Socket): void {
    this.#upgraded.add(socket);
    socket.once('close', () => this.#upgraded.delete(socket));
    watchHandshake(socket);
  }

  #onUpgrade(req: IncomingMessage, duplex: Duplex, head: Buffer): void {
    // Over TCP it is always a socket.
    const socket = duplex as Socket;
    socket.on('error', () => socket.destroy());
    if (this.draining) {
      refuseConnection(socket, 503, 'shutting down');
      return;
    }
    const upgrade = upgradeOf(req);
    if (upgrade === '') {
      refuseConnection(socket, 400, 'upgrade not supported');
      return;
    }
    if (head.length > 0) socket.unshift(head);
    const res = new http.ServerResponse(req);
    res.shouldKeepAlive = false;
    res.assignSocket(socket);
    res.once('finish', () => {
      res.detachSocket(socket);
      socket.destroySoon();
    });
    this.#exchange(req, res, upgrade);
  }

  #onClientError(error: NodeJS.ErrnoException, duplex: Duplex): void {
    const socket = duplex as Socket;
    const connection = this.#connection(socket);
    const status = clientErrorStatus(error);
    if (connection.refused) return;
    connection.refused = true;
    this.log.debug({ part: 'client', listener: this.name, code: error.code }, 'client connection error');
    // Part of a response is out: anything more would be taken for the rest of it.
    const started = connection.current?.responseStarted === true;
    connection.abandon();
    if (status === 0 || started || !socket.writable) socket.destroy();
    else refuseConnection(socket, status);
  }
}

/** How often Node looks for connections past their time: often enough to end them at most a quarter late. */
function checkingInterval(headersTimeout: number, requestTimeout: number): number {
  const shortest = Math.min(headersTimeout || 60_000, requestTimeout || 60_000);
  return Math.min(Math.max(Math.round(shortest / 4), 100), 5000);
}

/** HTTP or TLS inside a tunnel: requests that neither the router nor a filter would see. */
const NOT_CARRIED = /(^|[\s,])(h2c?|https?|tls)\b/i;

/**
 * The protocol of an Upgrade that is carried, or an empty string: WebSocket and whatever else, on a request without
 * a body. The others (h2c from curl --http2, say) are ignored, as RFC 9110 section 7.8 allows, and the request goes its
 * usual way. (Node before 24.9 asks nobody and calls every Upgrade one; those are refused.)
 */
function upgradeOf({ headers }: IncomingMessage): string {
  const { upgrade = '', 'content-length': length = '0', 'transfer-encoding': coding } = headers;
  return length === '0' && coding === undefined && !NOT_CARRIED.test(upgrade) ? upgrade : '';
}
