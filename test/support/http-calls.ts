import assert from 'node:assert/strict';
import { NO_CAPABILITIES } from '../../src/plugin/capabilities.ts';
import type { OptionOverrides, Puppet } from './guest.ts';
import type { FakeCall } from './services.ts';

/** Where the puppets of these tests have the id of a call. */
export const CALL_ID = 32;

/** Calls to the upstream `auth` are granted. */
export const CALLS_GRANTED: OptionOverrides = { capabilities: { ...NO_CAPABILITIES, upstreams: ['auth'] } };

const DEFAULTS = {
  upstream: 'auth',
  headers: [':method', 'GET', ':path', '/check', ':authority', 'auth.example'] as string[],
  body: '' as string | Uint8Array,
  trailers: [] as string[],
  timeout: 0,
};
export type CallChange = Partial<typeof DEFAULTS>;

export function callArgs(p: Puppet, change: CallChange = {}): number[] {
  const { upstream, headers, body, trailers, timeout } = { ...DEFAULTS, ...change };
  const lists = [...p.pairs(headers), ...p.put(body), ...p.pairs(trailers)];
  return [...p.put(upstream), ...lists, timeout, CALL_ID];
}

/** proxy_http_call: the call's id, or a status negated. */
export function httpCall(p: Puppet, change: CallChange = {}): number {
  p.poison(CALL_ID, 4);
  const status = p.call('proxy_http_call', ...callArgs(p, change));
  if (status !== 0) assert.equal(p.bytes(CALL_ID, 4).toString('hex'), 'aaaaaaaa', 'no id was written');
  return status === 0 ? p.u32(CALL_ID) : -status;
}

/** The upstream answers. */
export function answer(
  { handler }: FakeCall,
  status = 200,
  headers: string[] = [],
  body: readonly string[] = [],
  trailers: string[] = [],
): void {
  handler.onHeaders(status, headers);
  for (const chunk of body) handler.onData(Buffer.from(chunk, 'latin1'));
  handler.onEnd(trailers);
}
