import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { ByteSink, ByteSource, IoError, WasiInstance } from '../io/index.ts';
import { codeOf, type ErrorCode, SocketError } from './codes.ts';
import { Signal } from './signal.ts';

/** Bytes a connection holds in each direction before the other side has to wait. */
export const BUFFER_BYTES = 64 * 1024;
/** How long what was written may take to be sent once the guest has dropped the connection, in ms. */
const LINGER_MILLISECONDS = 5000;

/** One TCP connection: the socket resource and its two streams look at it. */
export class Connection {
  readonly #socket: Socket;
  readonly #signal = new Signal();
  #failure: SocketError | undefined;
  #connected = false;
  #inputEnded = false;
  #outputEnded = false;
  #gone = false;
  #flushing = false;

  /** `gone` is called once, when the system's socket is. */
  constructor(host: string, port: number, instance: WasiInstance, gone: () => void) {
    // Streams' options are taken, if not declared.
    const options: TcpNetConnectOpts & { readonly highWaterMark: number } = {
      host,
      port,
      allowHalfOpen: true,
      noDelay: true,
      highWaterMark: BUFFER_BYTES,
    };
    const socket = connect(options);
    this.#socket = socket;
    const forget = instance.onClose(() => socket.destroy());
    const wake = () => this.#signal.wake();
    socket.on('connect', () => {
      this.#connected = true;
      wake();
    });
    socket.on('readable', wake);
    socket.on('end', () => {
      this.#inputEnded = true;
      wake();
    });
    socket.on('error', wake);
    socket.on('close', () => {
      this.#gone = true;
      forget();
      gone();
      wake();
    });
  }

  get connected(): boolean {
    return this.#connected;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Why connecting or the connection failed. */
  get failure(): ErrorCode | undefined {
    return this.#error()?.socketCode;
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** Undefined: connected, or failed. */
  settled(): Promise<void> | undefined {
    return this.#connected || this.#broken() !== undefined ? undefined : this.#signal.promise;
  }

  /** No more is read: the input stream is at its end. */
  endInput(): void {
    this.#inputEnded = true;
    // What arrives is thrown away: closing with bytes unread would reset the connection, and lose what was written.
    this.#socket.removeAllListeners('readable');
    this.#socket.resume();
    this.#signal.wake();
  }

  /** No more is written; what was is sent. */
  endOutput(): void {
    if (this.#outputEnded) return;
    this.#outputEnded = true;
    this.#socket.end();
    this.#signal.wake();
  }

  /** The guest is done with it: what was written is sent, if that is soon. */
  drop(): void {
    if (this.#gone) return;
    this.endInput();
    this.endOutput();
    this.#socket.destroySoon();
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MILLISECONDS).unref();
    this.#socket.once('close', () => clearTimeout(timer));
  }

  /** `closed` is called when the stream is dropped. */
  source(closed: () => void): ByteSource {
    const socket = this.#socket;
    return {
      read: max => {
        if (this.#inputEnded) return 'closed';
        const ready = Math.min(max, socket.readableLength);
        // read(0) also makes an end that has arrived known.
        const chunk = socket.read(ready) as Buffer | null;
        if (chunk !== null && chunk.length > 0) return chunk;
        if (max === 0 && ready < socket.readableLength) return Buffer.alloc(0);
        return this.#broken() ?? 'would-block';
      },
      ready: () =>
        this.#inputEnded || socket.readableLength > 0 || this.#broken() !== undefined
          ? undefined
          : this.#signal.promise,
      close: closed,
    };
  }

  /** `closed` is called when the stream is dropped. */
  sink(closed: () => void): ByteSink {
    const socket = this.#socket;
    const credit = () => {
      const broken = this.#broken();
      if (broken !== undefined) return broken;
      if (this.#outputEnded) return 'closed';
      if (this.#flushing && socket.writableLength > 0) return 0;
      this.#flushing = false;
      return Math.max(0, BUFFER_BYTES - socket.writableLength);
    };
    return {
      credit,
      write: bytes => {
        socket.write(bytes, () => this.#signal.wake());
      },
      flush: () => {
        this.#flushing = true;
      },
      ready: () => (credit() === 0 ? this.#signal.promise : undefined),
      close: closed,
    };
  }

  /** Known before the event `error` tells. */
  #error(): SocketError | undefined {
    if (this.#failure === undefined && this.#socket.errored !== null) {
      this.#failure = new SocketError(codeOf(this.#socket.errored));
    }
    return this.#failure;
  }

  #broken(): IoError | 'closed' | undefined {
    return this.#error() ?? (this.#gone || this.#socket.destroyed ? 'closed' : undefined);
  }
}
