import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FilterChain } from '../chain/types.ts';
import type { Log } from '../log.ts';
import { EmbeddedExchange, type ExchangeContext } from './exchange.ts';
import { RequestBody } from './request-body.ts';
import { UpgradeExchange } from './upgrade.ts';

/** The last argument of a connect middleware. */
export type Next = (error?: unknown) => void;

/** As connect, Express and other frameworks on node:http take it. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: Next) => void;

/** A listener of a server's `request` event. */
export type RequestHandler = (req: IncomingMessage, res: ServerResponse) => unknown;

/** A listener of a server's `upgrade` event. */
export type UpgradeHandler = (req: IncomingMessage, socket: Duplex, head: Buffer) => unknown;

/** A filter chain in a server of your own. */
export interface EmbeddedChain {
  /** Names of its filters, in request order. */
  readonly filters: readonly string[];
  /**
   * A middleware for node:http and node:https servers. Code behind it sees the request as the filters left it, and what
   * it answers goes through the filters in reverse before the client sees it. `next` isn't called when a filter answers
   * or fails, or the client goes. `next(error)` is called when the body has been read already (put the chain in front
   * of body parsers), for HTTP/2, and after `close`.
   */
  middleware(): Middleware;
  /** The same around one listener, for `http.createServer`. It throws where the middleware calls `next(error)`. */
  handler(listener: RequestHandler): RequestHandler;
  /**
   * Around a listener of `upgrade` (WebSocket handshakes): the request filters run, and one that answers refuses the
   * handshake with an HTTP response. What the listener writes to the socket doesn't run through the chain.
   */
  upgradeHandler(listener: UpgradeHandler): UpgradeHandler;
  /**
   * Waits until the requests under way have ended, then ends the filters. Close the server first. Calls after the first
   * wait for the same end.
   */
  close(): Promise<void>;
}

/** A filter chain at work in node:http servers. */
export class NodeChain implements EmbeddedChain {
  readonly #context: ExchangeContext;
  readonly #end: () => void;
  /** Requests each of which this chain has filtered: a handler that tries again doesn't run the filters again. */
  readonly #seen = new WeakSet<IncomingMessage>();
  #active = 0;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  /** `end` is called once, when the last exchange is over after `close`. */
  constructor(chain: FilterChain, log: Log, end: () => void) {
    this.#context = { chain, log, exchangeEnded: () => this.#exchangeEnded() };
    this.#end = end;
  }

  get filters(): readonly string[] {
    return this.#context.chain.filters;
  }

  middleware(): Middleware {
    return (req, res, next) => this.#run(req, res, next);
  }

  handler(listener: RequestHandler): RequestHandler {
    return (req, res) =>
      this.#run(req, res, error => {
        if (error !== undefined) throw error;
        listener(req, res);
      });
  }

  upgradeHandler(listener: UpgradeHandler): UpgradeHandler {
    return (req, socket, head) => {
      const next = () => {
        listener(req, socket, head);
      };
      if (!this.#takes(req)) {
        next();
        return;
      }
      if (this.#closing !== undefined) throw closedError();
      if (socket.destroyed) return;
      this.#active++;
      new UpgradeExchange(this.#context, req, socket, next).start();
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#whenIdle().then(this.#end);
    return this.#closing;
  }

  #run(req: IncomingMessage, res: ServerResponse, next: Next): void {
    if (!this.#takes(req)) {
      next();
      return;
    }
    const error = this.#refusal(req);
    if (error !== undefined) {
      next(error);
      return;
    }
    // Nobody is there any more to whom anything could be sent.
    if (res.destroyed || req.socket.destroyed) return;
    this.#active++;
    new EmbeddedExchange(this.#context, req, res, next).start();
  }

  /** False: there is nothing to do for it. */
  #takes(req: IncomingMessage): boolean {
    if (this.#context.chain.empty || this.#seen.has(req)) return false;
    this.#seen.add(req);
    return true;
  }

  #refusal(req: IncomingMessage): Error | undefined {
    if (this.#closing !== undefined) return closedError();
    if (req.httpVersionMajor !== 1) return new Error('the filter chain takes HTTP/1 requests only');
    if (this.#context.chain.requestBody && RequestBody.isRead(req)) {
      return new Error('the request body was read before the filter chain: put the chain in front');
    }
    return undefined;
  }

  #exchangeEnded(): void {
    if (--this.#active === 0) this.#idle?.();
  }

  async #whenIdle(): Promise<void> {
    if (this.#active > 0) {
      await new Promise<void>(resolve => {
        this.#idle = resolve;
      });
    }
  }
}

function closedError(): Error {
  return new Error('the filter chain is closed');
}
