import type { ServerResponse } from 'node:http';

/** ServerResponse as Node's own code and other middlewares see it. */
export type OpenResponse = ServerResponse & {
  _implicitHeader(): void;
  /** Documented for every outgoing message, typed for client requests only. */
  getRawHeaderNames(): string[];
};

/**
 * The methods a response had before a chain overrode them: Node's own, or those of a middleware or a chain in front.
 * Everything that goes to the client goes through these.
 */
export class NodeResponse {
  readonly res: OpenResponse;
  readonly #writeHead: ServerResponse['writeHead'];
  readonly #write: (chunk: unknown, encoding?: unknown, callback?: unknown) => boolean;
  readonly #end: (chunk?: unknown, encoding?: unknown, callback?: unknown) => ServerResponse;
  readonly #flushHeaders: ServerResponse['flushHeaders'];
  readonly #addTrailers: ServerResponse['addTrailers'];
  readonly #implicitHeader: () => void;
  readonly #setHeader: ServerResponse['setHeader'];
  readonly #removeHeader: ServerResponse['removeHeader'];
  readonly #headersSent: () => boolean;
  readonly #needDrain: () => boolean;
  readonly #ended: () => boolean;

  constructor(response: ServerResponse) {
    const res = response as OpenResponse;
    this.res = res;
    this.#writeHead = res.writeHead;
    this.#write = res.write as never;
    this.#end = res.end as never;
    this.#flushHeaders = res.flushHeaders;
    this.#addTrailers = res.addTrailers;
    this.#implicitHeader = res._implicitHeader;
    this.#setHeader = res.setHeader;
    this.#removeHeader = res.removeHeader;
    this.#headersSent = getter(res, 'headersSent');
    this.#needDrain = getter(res, 'writableNeedDrain');
    this.#ended = getter(res, 'writableEnded');
  }

  get headersSent(): boolean {
    return this.#headersSent();
  }

  /** More was written than the connection takes for now. */
  get needDrain(): boolean {
    return this.#needDrain();
  }

  get ended(): boolean {
    return this.#ended();
  }

  writeHead(...args: readonly unknown[]): ServerResponse {
    return Reflect.apply(this.#writeHead, this.res, args);
  }

  write(...args: readonly unknown[]): boolean {
    return Reflect.apply(this.#write, this.res, args);
  }

  end(...args: readonly unknown[]): ServerResponse {
    return Reflect.apply(this.#end, this.res, args);
  }

  flushHeaders(): void {
    this.#flushHeaders.call(this.res);
  }

  /** Takes the place of trailers added before. */
  addTrailers(trailers: Parameters<ServerResponse['addTrailers']>[0]): void {
    this.#addTrailers.call(this.res, trailers);
  }

  implicitHeader(): void {
    this.#implicitHeader.call(this.res);
  }

  setHeader(name: string, value: string | string[]): void {
    this.#setHeader.call(this.res, name, value);
  }

  removeHeader(name: string): void {
    this.#removeHeader.call(this.res, name);
  }
}

/** Reads a property as it is before it is overridden on the object itself. */
function getter(
  res: ServerResponse,
  name: 'headersSent' | 'writableNeedDrain' | 'writableEnded',
): () => boolean {
  const own = Object.getOwnPropertyDescriptor(res, name)?.get;
  if (own !== undefined) return () => own.call(res) as boolean;
  return () => Reflect.get(Object.getPrototypeOf(res), name, res) as boolean;
}
