import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { EmbeddedExchange, type ExchangeContext } from './exchange.ts';

/**
 * A handshake: its request runs through the request filters, and its answer is written to the socket by the user's
 * listener, or by a filter that refuses it. A 101 and what follows don't run through the chain.
 */
export class UpgradeExchange extends EmbeddedExchange {
  readonly #socket: Duplex;

  constructor(context: ExchangeContext, req: IncomingMessage, socket: Duplex, next: () => void) {
    super(context, req, new ServerResponse(req), next);
    this.#socket = socket;
    // Until the listener has the socket nobody else would hear of it.
    socket.on('error', () => {});
  }

  protected override hand(next: () => void): void {
    next();
  }

  /** Once the listener has the socket, what is written to it is its own. */
  protected override get canAnswer(): boolean {
    return !this.handed;
  }

  protected override takeAnswer(): void {
    super.takeAnswer();
    const { res } = this;
    if (this.handed || res.socket !== null) return;
    const socket = this.#socket as IncomingMessage['socket'];
    res.shouldKeepAlive = false;
    res.assignSocket(socket);
    res.once('finish', () => {
      res.detachSocket(socket);
      socket.end();
      // What the client still sends is read, or the answer could be lost to a reset.
      socket.resume();
      this.finish();
    });
  }
}
