import { PluginChain } from '../../src/chain/chain.ts';
import { GuestError, type HostState } from '../../src/errors.ts';
import type { BodyBuffer } from '../../src/message/body.ts';
import type { FieldMap } from '../../src/message/fields.ts';
import { Drive, FakeExchange } from './guest-exchange.ts';
import { type FakeContext, FakePlugin, type FilterScript } from './guest-filter.ts';
import { GuestLog } from './guest-log.ts';

/** A filter `a` with onFailure: open, and after it those of `others`. `die`: its VM ends elsewhere. */
export function openChain(script: FilterScript, ...others: FilterScript[]) {
  const calls: string[] = [];
  const log = new GuestLog();
  const plugins = [script, ...others].map((s, i) => new FakePlugin('abc'[i]!, s, calls));
  const a = plugins[0]!;
  a.failOpen = true;
  const exchange = new FakeExchange(['x-a', '1']);
  const d = new Drive(new PluginChain(plugins, log), exchange);
  const die = (hostState?: HostState) => a.context.stream.died(a.context, 'its VM ended: trap', hostState);
  return { calls, log, a, plugins, d, die };
}

/** Does one thing after another, as an expression. */
export const last = <T>(...values: readonly [unknown, T]): T => values[1];

/** Removes what was there and adds what was not. */
export const spoilHeaders = (c: FakeContext): void => {
  c.stream.requestHeaders.setPairs([':path', '/spoilt', 'x-b', '2']);
};

/** What a fake filter throws when its guest dies. */
export function trap(c: FakeContext, hostState: HostState = 'whole'): never {
  throw new GuestError('GUEST_TRAP', c.name, 'callback', 'trap: unreachable', { hostState });
}

export const text = (body: BodyBuffer): string => {
  const bytes = Buffer.alloc(body.length);
  body.copyTo(bytes, 0, 0, body.length);
  return bytes.toString('latin1');
};

/** Changes a body as the hostcall does. */
export function rewrite(c: FakeContext, direction: 0 | 1, body: BodyBuffer, to: string): void {
  c.stream.bodyChanged(c, direction);
  body.splice(0, body.length, Buffer.from(to, 'latin1'));
}

/** A filter that changes all it sees, whatever way the body is cut: letters to upper case, a header, a trailer. */
export function changer(mark: string): FilterScript {
  const upper = (c: FakeContext, direction: 0 | 1, body: BodyBuffer) => {
    rewrite(c, direction, body, text(body).toUpperCase());
  };
  return {
    requestHeaders: c => c.stream.requestHeaders.add(`x-${mark}`, 'q'),
    requestBody: (c, body) => upper(c, 0, body),
    requestTrailers: c => c.stream.requestTrailers.add(`t-${mark}`, 'q'),
    responseHeaders: c => c.stream.responseHeaders!.add(`x-${mark}`, 's'),
    responseBody: (c, body) => upper(c, 1, body),
    responseTrailers: c => c.stream.responseTrailers.add(`t-${mark}`, 's'),
  };
}

/** What both ends of an exchange got, but for how bodies are cut. */
export interface Outcome {
  request: { head: unknown; body: string; end: string } | undefined;
  response: { head: unknown; body: string; end: string } | undefined;
  failed: boolean;
}

/** Watches an exchange: call it before anything happens. */
export function watch(exchange: FakeExchange): Outcome {
  const outcome: Outcome = { request: undefined, response: undefined, failed: false };
  const fields = (map: FieldMap | undefined) => JSON.stringify([map?.raw, map?.mutated]);
  const before = exchange.on;
  exchange.on = event => {
    before?.(event);
    const end = event.endsWith(' end') ? 'end' : event.endsWith(' trailers') ? 'trailers' : '';
    const side = event.startsWith('> ') ? 'request' : 'response';
    if (event === '> headers' || event === '> headers end') {
      outcome.request = { head: [exchange.requestHeaders.pairs()], body: '', end };
      (outcome.request.head as unknown[]).push(exchange.requestHeaders.mutated);
    } else if (/^< \d{3}( end)?$/.test(event)) {
      outcome.response = { head: [exchange.response!.pairs(), exchange.response!.mutated], body: '', end };
    } else if (/^[<>] /.test(event)) {
      const message = outcome[side]!;
      const trailers = side === 'request' ? exchange.requestTrailers : exchange.responseTrailers;
      message.end = end === 'trailers' ? `trailers ${fields(trailers)}` : end;
      if (end !== 'trailers') message.body += event.slice(2).replace(/ ?end$/, '');
    } else if (/^(fail|reset)/.test(event)) outcome.failed = true;
  };
  return outcome;
}
