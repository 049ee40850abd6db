import type { IncomingMessage } from 'node:http';
import { FieldMap } from '../message/fields.ts';
import { cleanTrailers } from '../proxy/framing.ts';

/** Where a request's body goes: into the chain. */
export interface RequestSink {
  requestData(chunk: Buffer, endOfStream: boolean): void;
  requestTrailers(trailers: FieldMap): void;
  /** What passed piles up in `req`; false: it is being read. */
  requestFull(full: boolean): void;
}

type OpenRequest = IncomingMessage & { _dumped?: boolean };

const EMPTY = Buffer.alloc(0);

/** The body that chain came to last, per request: a further chain stands behind it. */
const last = new WeakMap<IncomingMessage, RequestBody>();

/**
 * A request's body on its way from Node's parser through a chain into the same `req`. The parser hands chunks to
 * `req.push`, which is a stream's public method; here they go to the chain first, and what passes it is pushed.
 */
export class RequestBody {
  readonly #req: OpenRequest;
  readonly #sink: RequestSink;
  readonly #length: number;
  readonly #push: IncomingMessage['push'];
  readonly #front: RequestBody | undefined;
  #behind: RequestBody | undefined;
  /** Body bytes received. */
  size = 0;
  /** All has arrived. */
  #received = false;
  /** All has passed the chain. */
  #passed = false;
  #paused = false;
  #abandoned = false;
  /** The end has passed, but Node would take the request for aborted if it ended before the parser is through. */
  #endWaits = false;
  /** What passed, when the body had arrived before the chain could take it: Node's stream has ended already. */
  #late: Buffer[] | undefined;

  /** `length`: Content-Length in bytes, or -1. */
  constructor(req: IncomingMessage, sink: RequestSink, length: number) {
    this.#req = req;
    this.#sink = sink;
    this.#length = length;
    // The chain was told of the end with the head.
    this.#received = length === 0;
    const front = last.get(req);
    last.set(req, this);
    this.#front = front;
    this.#push = front === undefined ? req.push : front.#push;
    if (front !== undefined) {
      front.#behind = this;
      return;
    }
    const read = req._read;
    req.push = (chunk: Buffer | null) => this.#take(chunk);
    req._read = size => {
      if (!this.#stopped) read.call(req, size);
      this.#wanted();
    };
  }

  /** True when code in front of the chain has read from the body: what it took can't be filtered. */
  static isRead(req: IncomingMessage): boolean {
    return !last.has(req) && (req.readableDidRead || req.readableEnded || req.readableFlowing === true);
  }

  /** The body waits to be put into `req` at once, when all of it has passed: the handler must not read before. */
  get late(): boolean {
    return this.#late !== undefined && !this.#passed;
  }

  /** All of the body has passed the chain, or none will any more. */
  get over(): boolean {
    return this.#passed || this.#abandoned || this.#req._dumped === true;
  }

  /** Takes what has arrived before the chain was there. */
  start(): void {
    const req = this.#req;
    const size = req.readableLength;
    // Complete, but for what a chain in front still holds.
    const ended = req.complete && (this.#front === undefined || this.#front.over);
    if (ended) this.#late = [];
    if (size > 0) {
      // Exactly what is there: asking for more would end the stream.
      const chunk = req.read(size) as Buffer | string;
      this.#take(typeof chunk === 'string' ? Buffer.from(chunk, req.readableEncoding ?? 'utf8') : chunk);
    }
    if (ended) this.#take(null);
  }

  /** Body that passed the chain. */
  send(chunk: Buffer, endOfStream: boolean): void {
    if (this.#abandoned || this.#passed) return;
    if (chunk.length > 0) this.#forward(chunk);
    if (endOfStream) this.#forward(null);
  }

  /** The end of a body with trailers. */
  sendTrailers(trailers: FieldMap): void {
    if (this.#abandoned || this.#passed) return;
    const req = this.#req;
    const raw = cleanTrailers(trailers.raw.slice());
    req.rawTrailers = raw;
    const joined: NodeJS.Dict<string> = {};
    const distinct: NodeJS.Dict<string[]> = {};
    for (let i = 0; i < raw.length; i += 2) {
      const name = raw[i]!.toLowerCase();
      joined[name] = joined[name] === undefined ? raw[i + 1]! : `${joined[name]}, ${raw[i + 1]}`;
      distinct[name] = [...(distinct[name] ?? []), raw[i + 1]!];
    }
    req.trailers = joined;
    req.trailersDistinct = distinct;
    this.#forward(null);
  }

  /** True: filters hold all they may. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (!paused && this.#hasRoom) this.#req._read(0);
  }

  /**
   * Nothing of the body passes any more. With `told`, a handler that reads it sees it break off, as when the client
   * had gone; the connection stays, for the answer.
   */
  abandon(told: boolean): void {
    if (this.over) return;
    this.#abandoned = true;
    this.pause(false);
    const req = this.#req;
    if (!told || req.destroyed) return;
    const error = Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
    // Node's own would end the connection too.
    req._destroy = (reason, done) => done(req.listenerCount('error') > 0 ? reason : null);
    req.aborted = true;
    req.emit('aborted');
    req.destroy(error);
  }

  /** Node's stream asks for more by itself once there is room again. */
  get #hasRoom(): boolean {
    return this.#req.readableLength < this.#req.readableHighWaterMark;
  }

  get #stopped(): boolean {
    if (this.#paused) return true;
    const behind = this.#behind;
    return behind === undefined ? false : behind.#stopped;
  }

  /** A chunk from the parser or the chain in front; null at the end. False: send no more. */
  #take(chunk: Buffer | null): boolean {
    if (this.#abandoned || this.#req._dumped === true) {
      // Node's stream must still see the end, or the connection could not be used again.
      if (chunk === null && !this.#req.destroyed) this.#forward(null);
      return true;
    }
    if (this.#received) {
      if (chunk === null) this.#complete();
      return true;
    }
    if (chunk === null) {
      this.#received = true;
      const trailers = cleanTrailers([...this.#req.rawTrailers]);
      if (trailers.length > 0) this.#sink.requestTrailers(new FieldMap(trailers));
      else this.#sink.requestData(EMPTY, true);
    } else {
      this.size += chunk.length;
      this.#received = this.size === this.#length;
      this.#sink.requestData(chunk, this.#received);
    }
    return !this.#stopped && this.#hasRoom;
  }

  /** The parser is through with the request. */
  #complete(): void {
    if (this.#behind !== undefined) this.#behind.#complete();
    if (!this.#endWaits) return;
    this.#endWaits = false;
    this.#push.call(this.#req, null);
  }

  #wanted(): void {
    this.#sink.requestFull(false);
    if (this.#behind !== undefined) this.#behind.#wanted();
  }

  #forward(chunk: Buffer | null): void {
    if (chunk === null) {
      if (this.#passed) return;
      this.#passed = true;
    }
    // Also when what takes it next has its hands full.
    if (!this.#pass(chunk) || !this.#hasRoom) this.#sink.requestFull(true);
  }

  #pass(chunk: Buffer | null): boolean {
    if (this.#behind !== undefined) return this.#behind.#take(chunk);
    if (this.#late === undefined) {
      this.#endWaits = chunk === null && !this.#req.complete;
      if (!this.#endWaits) this.#push.call(this.#req, chunk);
    } else if (chunk !== null) {
      this.#late.push(chunk);
    } else if (this.#late.length > 0) {
      this.#req.unshift(Buffer.concat(this.#late));
    }
    return true;
  }
}
