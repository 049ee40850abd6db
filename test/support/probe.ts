import type { LogLine, MemoryLog } from './log.ts';
import { until } from './wait.ts';
import type { FilterInput } from './weir.ts';

/** The ABI's numbers, as the probe's operations take them. */
export const MAP = { request: 0, requestTrailers: 1, response: 2, responseTrailers: 3 } as const;
export const BUFFER = { request: 0, response: 1, vmConfig: 6, config: 7 } as const;
export const STATUS = { ok: 0, notFound: 1, badArgument: 2, unimplemented: 12 } as const;
export const PAUSE = 1;
/** A size that means all there is: what the Rust SDK asks for. */
export const ALL = 0xffffffff;

/** An operation and its arguments; see test/fixtures/probe/probe.c. */
export type Op = readonly [string, ...unknown[]];

export type Callback =
  | 'create'
  | 'vmStart'
  | 'configure'
  | 'requestHeaders'
  | 'requestBody'
  | 'requestTrailers'
  | 'responseHeaders'
  | 'responseBody'
  | 'responseTrailers'
  | 'done'
  | 'log'
  | 'delete';

export type Script = Partial<Record<Callback, readonly Op[]>> & { readonly quiet?: boolean };

const FILES = { full: 'probe', headers: 'probe-headers', '0.1.0': 'probe-0.1.0' } as const;

/** A filter that does what the script says. */
export function probe(
  script: Script = {},
  options: Omit<FilterInput, 'module' | 'config'> & { readonly variant?: keyof typeof FILES } = {},
): FilterInput {
  const { variant = 'full', ...rest } = options;
  return { module: `test/fixtures/probe/${FILES[variant]}.wasm`, config: script, ...rest };
}

/** What a probe logged: a callback that began, or an operation in it and what it came to. */
export interface Event {
  readonly filter: string;
  readonly on: string;
  readonly id: number;
  /** A callback's arguments. */
  readonly a?: number;
  readonly b?: number;
  readonly op?: string;
  readonly status?: number;
  readonly size?: number;
  readonly value?: string;
}

function toEvent({ fields, message }: LogLine): Event[] {
  if (!message.startsWith('{"on":')) return [];
  return [{ filter: String(fields['filter']), ...(JSON.parse(message) as Omit<Event, 'filter'>) }];
}

/** All that probes logged so far, in order. */
export function events(log: MemoryLog, filter?: string): Event[] {
  const all = log.lines.flatMap(toEvent);
  return filter === undefined ? all : all.filter(event => event.filter === filter);
}

/** What came of the operations in a callback, in order; of one kind, or of all. */
export function results(log: MemoryLog, on: Callback, op?: string): Event[] {
  return events(log).filter(e => e.on === on && e.op !== undefined && (op === undefined || e.op === op));
}

/** Statuses of the operations in a callback, in order. */
export function statuses(log: MemoryLog, on: Callback, op?: string): (number | undefined)[] {
  return results(log, on, op).map(e => e.status);
}

/** The value that the only (or first) such operation in a callback gave. */
export function value(log: MemoryLog, on: Callback, op: string): string | undefined {
  return results(log, on, op)[0]?.value;
}

/** Callbacks that began on streams, in order, as `filter callback`; creation and the end left out unless wanted. */
export function calls(log: MemoryLog, whole = false): string[] {
  const quiet = ['create', 'done', 'log', 'delete'];
  const starts = ['initialize', 'main', 'vmStart', 'configure'];
  return events(log)
    .filter(e => e.op === undefined && !starts.includes(e.on) && (whole || !quiet.includes(e.on)))
    .map(e => `${e.filter} ${e.on}${e.b === 1 ? ' end' : ''}`);
}

/** Contexts of streams: what began and how it ended, by `filter id`. */
export function contexts(log: MemoryLog): Map<string, string[]> {
  const map = new Map<string, string[]>();
  const all = events(log);
  // Ids are unique within a VM only.
  const keyOf = (e: Event) => `${e.filter} ${e.id}`;
  const roots = new Set(all.flatMap(e => (e.on === 'create' && e.a === 0 ? [keyOf(e)] : [])));
  for (const e of all) {
    const key = keyOf(e);
    if (e.op !== undefined || roots.has(key)) continue;
    if (!['create', 'done', 'log', 'delete'].includes(e.on)) continue;
    map.set(key, [...(map.get(key) ?? []), e.on]);
  }
  return map;
}

/** Waits until `count` stream contexts have been deleted, and fails when one of them had another end. */
export async function finished(log: MemoryLog, count: number): Promise<void> {
  const ends = () => [...contexts(log).values()];
  await until(() => ends().filter(e => e.at(-1) === 'delete').length >= count, `${count} contexts to end`);
  for (const [context, end] of contexts(log)) {
    if (end.join() !== 'create,done,log,delete') throw new Error(`context ${context}: ${end.join()}`);
  }
}

/** Waits until a probe has begun that callback. */
export async function began(log: MemoryLog, on: Callback, times = 1): Promise<void> {
  await until(
    () => events(log).filter(e => e.op === undefined && e.on === on && (e.id ?? 0) > 0).length >= times,
    `${on} to begin`,
  );
}

/** Reads serialized pairs as a probe logs them. */
export function readPairs(text: string): [string, string][] {
  if (text === '') return [];
  const bytes = Buffer.from(text, 'latin1');
  const count = bytes.readUInt32LE(0);
  let at = 4 + 8 * count;
  const next = (length: number) => {
    const value = bytes.toString('latin1', at, at + length);
    at += length + 1;
    return value;
  };
  return Array.from({ length: count }, (_, i) => {
    const name = next(bytes.readUInt32LE(4 + 8 * i));
    return [name, next(bytes.readUInt32LE(8 + 8 * i))];
  });
}
