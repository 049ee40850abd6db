import type { LimitName } from '../../src/config/types.ts';
import type { BodyBuffer } from '../../src/message/body.ts';
import {
  type Direction,
  type FilterContext,
  type HttpStream,
  type Phases,
  type Plugin,
  REQUEST,
} from '../../src/plugin/types.ts';

/** What a filter does in its callbacks: the result is the action, nothing is CONTINUE. */
export interface FilterScript {
  requestHeaders?: (c: FakeContext, end: boolean, count: number) => unknown;
  requestBody?: (c: FakeContext, body: BodyBuffer, end: boolean) => unknown;
  requestTrailers?: (c: FakeContext, count: number) => unknown;
  responseHeaders?: (c: FakeContext, end: boolean, count: number) => unknown;
  responseBody?: (c: FakeContext, body: BodyBuffer, end: boolean) => unknown;
  responseTrailers?: (c: FakeContext, count: number) => unknown;
  open?: (c: FakeContext) => unknown;
}

const action = (result: unknown) => (typeof result === 'number' ? result : 0);

/** A filter without a guest: what the chain sees of one. */
export class FakePlugin implements Plugin {
  readonly name: string;
  readonly phases: Phases;
  readonly seenChanging: [boolean, boolean] = [false, false];
  bufferedBody = 100;
  pauseTime = 30_000;
  failOpen = false;
  /** Streams that went on without it. */
  skips = 0;
  onSkip: (() => void) | undefined;
  readonly script: FilterScript;
  readonly contexts: FakeContext[] = [];
  /** Callbacks of all its filters, in order, as `name callback`. */
  readonly calls: string[];

  constructor(name: string, script: FilterScript, calls: string[] = [], phases: Partial<Phases> = {}) {
    this.name = name;
    this.script = script;
    this.calls = calls;
    this.phases = {
      requestHeaders: script.requestHeaders !== undefined,
      requestBody: script.requestBody !== undefined,
      requestTrailers: script.requestTrailers !== undefined,
      responseHeaders: script.responseHeaders !== undefined,
      responseBody: script.responseBody !== undefined,
      responseTrailers: script.responseTrailers !== undefined,
      changesBodies: true,
      ...phases,
    };
  }

  open(stream: HttpStream): FakeContext {
    const context = new FakeContext(this, stream);
    this.contexts.push(context);
    this.script.open?.(context);
    return context;
  }

  get context(): FakeContext {
    return this.contexts.at(-1)!;
  }

  skipped(): void {
    this.skips++;
    this.onSkip?.();
  }

  readonly hits: LimitName[] = [];

  hit(limit: LimitName): void {
    this.hits.push(limit);
  }

  close(): void {}
}

export class FakeContext implements FilterContext {
  readonly plugin: FakePlugin;
  readonly stream: HttpStream;
  finished = 0;
  resumed = 0;

  constructor(plugin: FakePlugin, stream: HttpStream) {
    this.plugin = plugin;
    this.stream = stream;
  }

  get name(): string {
    return this.plugin.name;
  }

  #note(text: string): void {
    this.plugin.calls.push(`${this.name} ${text}`);
  }

  onHeaders(direction: Direction, count: number, end: boolean): number {
    const script = this.plugin.script;
    this.#note(`${direction === REQUEST ? 'request' : 'response'} headers${end ? ' end' : ''}`);
    return action(
      (direction === REQUEST ? script.requestHeaders : script.responseHeaders)?.(this, end, count),
    );
  }

  onBody(direction: Direction, body: BodyBuffer, end: boolean): number {
    const script = this.plugin.script;
    const bytes = Buffer.alloc(body.length);
    body.copyTo(bytes, 0, 0, body.length);
    this.#note(
      `${direction === REQUEST ? 'request' : 'response'} ${bytes.toString('latin1')}${end ? ' end' : ''}`,
    );
    return action((direction === REQUEST ? script.requestBody : script.responseBody)?.(this, body, end));
  }

  onTrailers(direction: Direction, count: number): number {
    const script = this.plugin.script;
    this.#note(`${direction === REQUEST ? 'request' : 'response'} trailers`);
    return action((direction === REQUEST ? script.requestTrailers : script.responseTrailers)?.(this, count));
  }

  onResume(): void {
    this.resumed++;
  }

  finish(): void {
    this.finished++;
  }

  continue(direction: Direction): void {
    this.stream.resume(this, direction);
  }

  respond(status: number, body = '', headers: string[] = []): void {
    this.stream.localResponse(this, {
      status,
      details: '',
      body: Buffer.from(body, 'latin1'),
      headers,
      grpcStatus: -1,
    });
  }

  close(): void {
    this.stream.close(this);
  }
}
