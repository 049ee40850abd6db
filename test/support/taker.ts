import type { UpstreamError } from '../../src/errors.ts';
import { FieldMap, type RawFields } from '../../src/message/fields.ts';
import { RequestHeaders, ResponseHeaders } from '../../src/message/headers.ts';
import type { TakenContext, TakenStream } from '../../src/plugin/taken.ts';
import { type Direction, type Plugin, REQUEST, RESPONSE } from '../../src/plugin/types.ts';

/** What a filter that takes streams over does; without it, messages pass as they are. */
export interface TakerScript {
  open?(taken: FakeTaken): void;
  requestHeaders?(taken: FakeTaken, end: boolean): void;
  responseHeaders?(taken: FakeTaken, headers: ResponseHeaders, end: boolean): void;
  data?(taken: FakeTaken, direction: Direction, chunk: Buffer, end: boolean): void;
  trailers?(taken: FakeTaken, direction: Direction, trailers: FieldMap): void;
  upstreamFailed?(taken: FakeTaken, error: UpstreamError): void;
  drain?(taken: FakeTaken, direction: Direction): void;
  finish?(taken: FakeTaken): void;
}

/** A filter with messages of its own, written as callbacks. What it sends is sent in a microtask, as a guest would. */
export class FakeTaker implements Plugin {
  readonly name: string;
  readonly phases = {
    requestHeaders: false,
    requestBody: false,
    requestTrailers: false,
    responseHeaders: false,
    responseBody: false,
    responseTrailers: false,
    changesBodies: false,
  };
  readonly seenChanging: [boolean, boolean] = [false, false];
  bufferedBody = 100;
  pauseTime = 30_000;
  failOpen = false;
  skips = 0;
  readonly script: TakerScript;
  readonly taken: FakeTaken[] = [];

  constructor(script: TakerScript = {}, name = 'taker') {
    this.script = script;
    this.name = name;
  }

  get last(): FakeTaken {
    return this.taken.at(-1)!;
  }

  open(): never {
    throw new Error('it takes streams over');
  }

  takeOver(stream: TakenStream): TakenContext {
    const taken = new FakeTaken(this, stream);
    this.taken.push(taken);
    this.script.open?.(taken);
    return taken;
  }

  skipped(): void {
    this.skips++;
  }

  hit(): void {}

  close(): void {}
}

const later = (call: () => void) => queueMicrotask(call);
const NAMES = ['request', 'response'];

export class FakeTaken implements TakenContext {
  readonly plugin: FakeTaker;
  readonly stream: TakenStream;
  readonly events: string[] = [];
  finished = 0;

  constructor(plugin: FakeTaker, stream: TakenStream) {
    this.plugin = plugin;
    this.stream = stream;
  }

  onRequestHeaders(end: boolean): void {
    this.events.push(`request${end ? ' end' : ''}`);
    const { script } = this.plugin;
    if (script.requestHeaders !== undefined) script.requestHeaders(this, end);
    else later(() => this.forward({}, end ? 0 : -1, end));
  }

  onResponseHeaders(headers: ResponseHeaders, end: boolean): void {
    this.events.push(`response ${headers.status}${end ? ' end' : ''}`);
    const { script } = this.plugin;
    if (script.responseHeaders !== undefined) script.responseHeaders(this, headers, end);
    else later(() => this.respond(headers.status, headers.raw.slice(), end ? 0 : -1, end));
  }

  onData(direction: Direction, chunk: Buffer, end: boolean): void {
    const text = chunk.length > 200 ? `${chunk.length} bytes` : chunk.toString('latin1');
    this.events.push(`${NAMES[direction]} ${text}${end ? ' end' : ''}`);
    const { script } = this.plugin;
    if (script.data !== undefined) script.data(this, direction, chunk, end);
    else later(() => this.stream.sendData(direction, chunk, end));
  }

  onTrailers(direction: Direction, trailers: FieldMap): void {
    this.events.push(`${NAMES[direction]} trailers`);
    const { script } = this.plugin;
    if (script.trailers !== undefined) script.trailers(this, direction, trailers);
    else later(() => this.stream.sendTrailers(direction, new FieldMap(trailers.raw.slice())));
  }

  onUpstreamFailed(error: UpstreamError): void {
    this.events.push(`upstream ${error.code}`);
    const { script } = this.plugin;
    if (script.upstreamFailed !== undefined) script.upstreamFailed(this, error);
    else later(() => this.stream.fail(502, 'upstream failed'));
  }

  onDrain(direction: Direction): void {
    this.events.push(`${NAMES[direction]} drain`);
    this.plugin.script.drain?.(this, direction);
  }

  finish(): void {
    this.finished++;
    this.plugin.script.finish?.(this);
  }

  /** Sends the request on, with changes. */
  forward(change: { method?: string; path?: string; raw?: RawFields }, length: number, end: boolean): void {
    const { method, path, authority, scheme, raw } = this.stream.requestHeaders;
    const fields = change.raw ?? raw.slice();
    const headers = new RequestHeaders(
      change.method ?? method,
      change.path ?? path,
      authority,
      scheme,
      fields,
    );
    this.stream.sendRequestHeaders(headers, length, end);
  }

  respond(status: number, raw: RawFields, length: number, end: boolean): void {
    this.stream.sendResponseHeaders(new ResponseHeaders(status, raw), length, end);
  }

  send(direction: Direction, text: string, end = false): void {
    this.stream.sendData(direction, Buffer.from(text, 'latin1'), end);
  }
}

export { REQUEST, RESPONSE };
