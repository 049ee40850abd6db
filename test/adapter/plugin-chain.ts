import { PluginChain } from '../../src/chain/chain.ts';
import type { FilterChain } from '../../src/chain/types.ts';
import type { BodyBuffer } from '../../src/message/body.ts';
import type {
  Direction,
  FilterContext,
  HttpStream,
  LocalResponse,
  Phases,
  Plugin,
} from '../../src/plugin/types.ts';
import { REQUEST, RESPONSE } from '../../src/plugin/types.ts';
import { MemoryLog } from '../support/log.ts';

/** A stream as the tested plugin sees it. */
export interface Seen {
  readonly stream: HttpStream;
  readonly context: FilterContext;
  /** Names of callbacks, in order. */
  readonly events: string[];
  resume(direction: Direction): void;
  answer(response: Partial<LocalResponse>): void;
}

/** What a plugin does; what it doesn't have is no phase of it. Actions as in abi/types.ts, undefined: Continue. */
export interface PluginScript {
  onRequestHeaders?(seen: Seen, endOfStream: boolean): number | undefined;
  onRequestBody?(seen: Seen, body: BodyBuffer, endOfStream: boolean): number | undefined;
  onRequestTrailers?(seen: Seen): number | undefined;
  onResponseHeaders?(seen: Seen, endOfStream: boolean): number | undefined;
  onResponseBody?(seen: Seen, body: BodyBuffer, endOfStream: boolean): number | undefined;
  onResponseTrailers?(seen: Seen): number | undefined;
  readonly bufferedBody?: number;
  readonly pauseTime?: number;
}

/** A real chain of scripted plugins, and what each saw: `streams[filter][n]`. */
export interface ScriptedChain {
  readonly chain: FilterChain;
  readonly streams: readonly Seen[][];
}

export function scriptedChain(...scripts: readonly PluginScript[]): ScriptedChain {
  const streams: Seen[][] = scripts.map(() => []);
  const plugins = scripts.map((script, i) => plugin(`filter-${i + 1}`, script, streams[i]!));
  return { chain: new PluginChain(plugins, new MemoryLog()), streams };
}

function plugin(name: string, script: PluginScript, streams: Seen[]): Plugin {
  const phases: Phases = {
    requestHeaders: script.onRequestHeaders !== undefined,
    requestBody: script.onRequestBody !== undefined,
    requestTrailers: script.onRequestTrailers !== undefined,
    responseHeaders: script.onResponseHeaders !== undefined,
    responseBody: script.onResponseBody !== undefined,
    responseTrailers: script.onResponseTrailers !== undefined,
    changesBodies: true,
  };
  const { bufferedBody = 1024 * 1024, pauseTime = 10_000 } = script;
  return {
    name,
    phases,
    seenChanging: [false, false],
    bufferedBody,
    pauseTime,
    failOpen: false,
    skipped() {},
    hit() {},
    open: stream => open(name, script, stream, streams),
    close() {},
  };
}

function open(name: string, script: PluginScript, stream: HttpStream, streams: Seen[]): FilterContext {
  const events: string[] = [];
  const side = (direction: Direction) => (direction === REQUEST ? 'request' : 'response');
  const context: FilterContext = {
    name,
    onHeaders(direction, _count, end) {
      events.push(`${side(direction)} headers`);
      const { onRequestHeaders, onResponseHeaders } = script;
      return (direction === REQUEST ? onRequestHeaders : onResponseHeaders)?.(seen, end) ?? 0;
    },
    onBody(direction, body, end) {
      events.push(`${side(direction)} body`);
      const { onRequestBody, onResponseBody } = script;
      return (direction === REQUEST ? onRequestBody : onResponseBody)?.(seen, body, end) ?? 0;
    },
    onTrailers(direction) {
      events.push(`${side(direction)} trailers`);
      const { onRequestTrailers, onResponseTrailers } = script;
      return (direction === REQUEST ? onRequestTrailers : onResponseTrailers)?.(seen) ?? 0;
    },
    onResume() {},
    finish() {
      events.push('finish');
    },
  };
  const seen: Seen = {
    stream,
    context,
    events,
    resume: direction => stream.resume(context, direction),
    answer: ({ status = 403, body = Buffer.from('refused\n'), headers = [], details = '' }) =>
      stream.localResponse(context, { status, body, headers, details, grpcStatus: -1 }),
  };
  streams.push(seen);
  return context;
}

export { REQUEST, RESPONSE };
