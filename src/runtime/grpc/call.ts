import type { Client, ClientDuplexStream, Metadata, StatusObject } from '@grpc/grpc-js';
import type { GrpcCall, GrpcHandler, GrpcRequest } from '../../plugin/services.ts';
import type { Connection, ConnectionWaiter, Library } from './connection.ts';
import { readMetadata, writeMetadata } from './metadata.ts';
import type { GrpcEndpoint, GrpcUpstream } from './upstream.ts';

/** What keeping a message costs beside its bytes: no number of empty ones is free. */
const MESSAGE_COST = 128;

/** Of a service or a method: visible ASCII, nothing that ends a path. */
const PATH_SEGMENT = /^(?:(?![/?#])[\x21-\x7e])+$/;

/** Longest timer of Node, in ms. */
const LONGEST = 2 ** 31 - 1;

const CANCELLED = 1;
const UNKNOWN = 2;
const DEADLINE_EXCEEDED = 4;
const INTERNAL = 13;
const UNAVAILABLE = 14;
const LAST_STATUS = 16;

const identity = (message: Buffer): Buffer => message;

/** One call: looks for an endpoint that takes connections, then is a stream of the library's. */
export class StreamCall implements GrpcCall, ConnectionWaiter {
  readonly #upstream: GrpcUpstream;
  readonly #request: GrpcRequest;
  readonly #maxMessage: number;
  readonly #handler: GrpcHandler;
  /** Told when it is over. */
  readonly #onOver: (call: StreamCall) => void;
  /** `Date.now()` of the deadline. */
  readonly #deadline: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #library: Library | undefined;
  #metadata: Metadata | undefined;
  readonly #tried: GrpcEndpoint[] = [];
  #waitsFor: Connection | undefined;
  #stream: ClientDuplexStream<Buffer, Buffer> | undefined;
  /** What is sent before there is a stream. */
  #early: Buffer[] = [];
  #buffered = 0;
  #ended = false;
  #over = false;

  constructor(
    upstream: GrpcUpstream,
    request: GrpcRequest,
    maxMessage: number,
    handler: GrpcHandler,
    onOver: (call: StreamCall) => void,
  ) {
    this.#upstream = upstream;
    this.#request = request;
    this.#maxMessage = maxMessage;
    this.#handler = handler;
    this.#onOver = onOver;
    const { timeout } = request;
    if (timeout === undefined) return;
    this.#deadline = Date.now() + timeout;
    this.#timer = setTimeout(
      () => this.finish(DEADLINE_EXCEEDED, `no connection within ${timeout} ms`),
      Math.min(timeout, LONGEST),
    );
  }

  get buffered(): number {
    return this.#buffered;
  }

  send(message: Buffer): void {
    if (this.#over || this.#ended) return;
    this.#buffered += message.length + MESSAGE_COST;
    if (this.#stream === undefined) this.#early.push(message);
    else this.#write(this.#stream, message);
  }

  end(): void {
    if (this.#over || this.#ended) return;
    this.#ended = true;
    this.#stream?.end();
  }

  cancel(): void {
    if (this.#over) return;
    this.#release();
    this.#stream?.cancel();
  }

  /** Ends it at once; the handler hears of it. Not to be called on a guest's stack. */
  finish(status: number, message: string): void {
    if (this.#over) return;
    this.cancel();
    this.#handler.onTrailingMetadata([]);
    this.#handler.onClose(status, message);
  }

  shutDown(): void {
    this.finish(CANCELLED, 'Weir shuts down');
  }

  /** The library is there: goes on to an endpoint. What fails is told later. */
  start(library: Library): void {
    if (this.#over) return;
    this.#library = library;
    const { service, method, metadata } = this.#request;
    const own = new library.Metadata();
    let wrong = writeMetadata(metadata, own);
    if (!PATH_SEGMENT.test(service) || !PATH_SEGMENT.test(method)) {
      wrong = `illegal name of a method: ${JSON.stringify(`${service}/${method}`)}`;
    }
    if (wrong !== '') this.#fail(INTERNAL, wrong);
    else {
      this.#metadata = own;
      this.#try(library);
    }
  }

  // ConnectionWaiter

  onConnected(client: Client): void {
    this.#waitsFor = undefined;
    if (this.#over) return;
    this.#upstream.turns.connected(this.#tried.at(-1)!);
    this.#open(client);
  }

  onRefused(): void {
    this.#waitsFor = undefined;
    if (this.#over) return;
    this.#upstream.turns.refused(this.#tried.at(-1)!);
    this.#try(this.#library!);
  }

  #try(library: Library): void {
    const { turns, name } = this.#upstream;
    const endpoint = turns.pick(this.#tried.length === 0 ? undefined : this.#tried);
    if (endpoint === undefined) {
      const urls = this.#tried.map(({ url }) => url).join(', ');
      this.#fail(
        UNAVAILABLE,
        urls === ''
          ? `upstream ${name}: what is built in doesn't speak gRPC`
          : `upstream ${name}: no connection to ${urls}`,
      );
      return;
    }
    this.#tried.push(endpoint);
    const connection = endpoint.connection(library, this.#maxMessage);
    const client = connection.connect(this);
    if (client === undefined) this.#waitsFor = connection;
    else this.#open(client);
  }

  #open(client: Client): void {
    clearTimeout(this.#timer);
    const { service, method } = this.#request;
    const options = this.#deadline === undefined ? {} : { deadline: this.#deadline };
    const path = `/${service}/${method}`;
    const stream = client.makeBidiStreamRequest(path, identity, identity, this.#metadata!, options);
    this.#stream = stream;
    stream.on('metadata', (metadata: Metadata) => {
      if (!this.#over) this.#handler.onInitialMetadata(readMetadata(metadata));
    });
    stream.on('data', (message: Buffer) => {
      if (!this.#over) this.#handler.onMessage(message);
    });
    // A status that isn't OK comes as an error first.
    stream.on('error', () => {});
    stream.on('status', status => this.#onStatus(status));
    for (const message of this.#early) this.#write(stream, message);
    this.#early = [];
    if (this.#ended) stream.end();
  }

  #write(stream: ClientDuplexStream<Buffer, Buffer>, message: Buffer): void {
    stream.write(message, () => {
      if (!this.#over) this.#buffered -= message.length + MESSAGE_COST;
    });
  }

  #onStatus({ code, details, metadata }: StatusObject): void {
    if (this.#over) return;
    this.#release();
    this.#handler.onTrailingMetadata(readMetadata(metadata));
    // A server may say any number.
    const known = Number.isInteger(code) && code >= 0 && code <= LAST_STATUS;
    this.#handler.onClose(known ? code : UNKNOWN, details);
  }

  /** Later: `open` may not have returned. */
  #fail(status: number, message: string): void {
    queueMicrotask(() => this.finish(status, message));
  }

  #release(): void {
    this.#over = true;
    this.#early = [];
    this.#buffered = 0;
    clearTimeout(this.#timer);
    this.#waitsFor?.leave(this);
    this.#onOver(this);
  }
}
