import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { EmbeddedExchange, type ExchangeContext } from './exchange.ts';

/**
 * A handshake: its request runs through the request filters, and its answer is written to the socket by the user's
 * listener, or by a filter that refuses it. A 101 and what follows don't run through the chain.
 */
export class UpgradeExchange extends EmbeddedExchange {
  readonly #socket: Duplex;
  #unwatch: (() => void) | undefined;

  constructor(context: ExchangeContext, req: IncomingMessage, socket: Duplex, next: () => void) {
    super(context, req, new ServerResponse(req), next);
    this.#socket = socket;
    // Until the listener has the socket nobody else would hear of it.
    socket.on('error', () => {});
  }

  override start(): void {
    super.start();
    if (!this.handed && this.res.socket === null) this.#watch();
  }

  protected override hand(next: () => void): void {
    this.#unwatch?.();
    next();
    // A filter that waits for the answer would wait as long as the socket lives.
    if (this.ends !== undefined) this.finish();
  }

  /** Once the listener has the socket, what is written to it is its own. */
  protected override get canAnswer(): boolean {
    return !this.handed;
  }

  protected override prepareAnswer(): void {
    const { res } = this;
    if (this.handed || res.socket !== null) return;
    this.#unwatch?.();
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

  /** While a filter holds the handshake nobody reads the socket, and it would not notice that its client goes. */
  #watch(): void {
    const socket = this.#socket;
    const onReadable = () => {
      socket.read(0);
    };
    const onEnd = () => {
      socket.destroy();
    };
    this.#unwatch = () => {
      socket.removeListener('readable', onReadable);
      socket.removeListener('end', onEnd);
    };
    socket.on('readable', onReadable);
    socket.on('end', onEnd);
  }
}
