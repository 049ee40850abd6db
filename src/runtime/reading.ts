import { CALLBACK_BOUNDS, REQUEST_BOUNDS } from '../histogram.ts';
import type { FilterCounters } from '../plugin/counters.ts';
import { TIMED } from '../plugin/counters.ts';
import type { VmRegistry } from '../plugin/registry.ts';
import type { ReverseProxy } from '../proxy/proxy.ts';
import type { CompiledModules } from './filter-modules.ts';

/** A metric and what stands beside it. */
export interface Family {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Of a histogram: upper bounds of its ranges, in ms. */
  readonly bounds?: readonly number[];
}

const ofFilter = ['filter'];
const counter = (help: string, labels: readonly string[]): Family => ({ type: 'counter', help, labels });
const gauge = (help: string, labels: readonly string[]): Family => ({ type: 'gauge', help, labels });

/** Weir's own metrics, without `weir_`, in the order in which they are told. */
export const FAMILIES = {
  workers: gauge('Threads that serve.', []),
  worker_restarts_total: counter('Worker threads that ended and were replaced.', []),
  requests_total: counter(
    'Requests that ended; route is empty when none took it, code none when no answer went out.',
    ['listener', 'route', 'code'],
  ),
  request_seconds: {
    type: 'histogram',
    help: "Time from a request's head to the end of its response; tunnels aside.",
    labels: ['listener', 'route'],
    bounds: REQUEST_BOUNDS,
  },
  requests_in_flight: gauge('Requests that have not ended.', ['listener']),
  tcp_connections_total: counter('Connections to TCP listeners.', ['listener']),
  tcp_connections_failed_total: counter(
    'Of those, the ones that no upstream took or that failed in a filter.',
    ['listener'],
  ),
  tcp_connections: gauge('Connections to TCP listeners that have not ended.', ['listener']),
  tcp_bytes_total: counter('Bytes that came to TCP listeners, from downstream or upstream.', [
    'listener',
    'from',
  ]),
  filter_vms_started_total: counter('VMs started.', ofFilter),
  filter_skipped_total: counter('Streams that went on without the filter (onFailure: open).', ofFilter),
  filter_refused_total: counter('Streams that found the filter down.', ofFilter),
  filter_pool_misses_total: counter('Streams that found no VM ready (isolation: request).', ofFilter),
  filter_callbacks_total: counter('Calls into the VMs of the filter.', ofFilter),
  filter_callback_seconds: {
    type: 'histogram',
    help: `Time in the filter's callbacks: one of ${TIMED} is timed.`,
    labels: ofFilter,
    bounds: CALLBACK_BOUNDS,
  },
  filter_failures_total: counter('Deaths of VMs, and VMs that did not start.', ['filter', 'kind']),
  filter_limit_hits_total: counter('Limits that the filter reached.', ['filter', 'limit']),
  filter_contexts: gauge('Stream contexts that live.', ofFilter),
  filter_vms: gauge('VMs shared or ready.', ofFilter),
  filter_memory_bytes: gauge('Linear memory of those VMs.', ofFilter),
  module_cache_hits_total: counter('Modules asked for that were there.', []),
  module_cache_misses_total: counter('Modules asked for that had to be compiled.', []),
  module_cache_evictions_total: counter('Modules that had to go for others.', []),
  module_cache_compile_seconds_total: counter('Time from bytes to compiled modules.', []),
  module_cache_modules: gauge('Compiled modules kept.', []),
  module_cache_bytes: gauge('Code of the modules kept.', []),
} as const satisfies Record<string, Family>;

export type FamilyName = keyof typeof FAMILIES;

/** One value: its labels in the order of their names; a number, or the cells of a histogram (histogram.ts). */
export type Sample = readonly [labels: readonly string[], value: number | Float64Array];

/** What metrics are at one moment, of one thread or of several. It can be posted. */
export type Reading = Partial<Record<FamilyName, readonly Sample[]>>;

/** `failures`, by kind. */
const FAILURES = {
  trap: 'traps',
  interruption: 'interruptions',
  exit: 'exits',
  host_fault: 'hostFaults',
  start: 'startFailures',
} as const satisfies Record<string, keyof FilterCounters>;

/** What happened to the filters of a thread. */
export function readFilters(vms: VmRegistry): Reading {
  const filters = (read: (counters: FilterCounters) => number | Float64Array): Sample[] =>
    [...vms.states].map(([name, { counters }]) => [[name], read(counters)]);
  const several = (read: (counters: FilterCounters) => Iterable<[label: string, value: number]>): Sample[] =>
    [...vms.states].flatMap(([name, { counters }]) =>
      [...read(counters)].map(([label, value]): Sample => [[name, label], value]),
    );
  return {
    filter_vms_started_total: filters(counters => counters.vmsStarted),
    filter_skipped_total: filters(counters => counters.skipped),
    filter_refused_total: filters(counters => counters.refused),
    filter_pool_misses_total: filters(counters => counters.poolMisses),
    filter_callbacks_total: filters(counters => counters.callbacks),
    filter_callback_seconds: filters(counters => counters.times.cells),
    filter_failures_total: several(counters =>
      Object.entries(FAILURES).map(([kind, key]) => [kind, counters[key]]),
    ),
    filter_limit_hits_total: several(counters => Object.entries(counters.limitHits)),
    filter_contexts: filters(counters => counters.contexts),
    filter_vms: [...vms.usage(list => list.length)],
    filter_memory_bytes: [...vms.usage(list => list.reduce((sum, vm) => sum + vm.memorySize, 0))],
  };
}

const CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'];

/** The requests of a thread. */
export function readRequests({ listeners }: ReverseProxy): Reading {
  const requests: Sample[] = [];
  const times: Sample[] = [];
  for (const listener of listeners) {
    const all = [{ name: '', counts: listener.counts }, ...listener.router.routes];
    for (const { name, counts } of all) {
      counts.byClass.forEach((count, i) => {
        // Those that there never were would be most of them.
        if (count > 0 || (i === 2 && name !== '')) requests.push([[listener.name, name, CLASSES[i]!], count]);
      });
      if (name !== '') times.push([[listener.name, name], counts.times.cells]);
    }
  }
  return {
    requests_total: requests,
    request_seconds: times,
    requests_in_flight: listeners.map(({ name, active }) => [[name], active]),
  };
}

/** The connections of a thread's TCP listeners. */
export function readConnections({ tcpListeners }: ReverseProxy): Reading {
  return {
    tcp_connections_total: tcpListeners.map(({ name, counts }) => [[name], counts.connections]),
    tcp_connections_failed_total: tcpListeners.map(({ name, counts }) => [[name], counts.failures]),
    tcp_connections: tcpListeners.map(({ name, active }) => [[name], active]),
    tcp_bytes_total: tcpListeners.flatMap(({ name, counts: { bytes } }): Sample[] => [
      [[name, 'downstream'], bytes[0]],
      [[name, 'upstream'], bytes[1]],
    ]),
  };
}

/** The cache of a process. */
export function readModules({ stats, size, bytes }: CompiledModules): Reading {
  const once = (value: number): readonly Sample[] => [[[], value]];
  return {
    module_cache_hits_total: once(stats.hits),
    module_cache_misses_total: once(stats.misses),
    module_cache_evictions_total: once(stats.evictions),
    module_cache_compile_seconds_total: once(stats.compileTime / 1000),
    module_cache_modules: once(size),
    module_cache_bytes: once(bytes),
  };
}

/** What they say together. `lasting`: only what outlives a thread, which its gauges don't. */
export function sum(readings: readonly Reading[], lasting = false): Reading {
  const result: { [name in FamilyName]?: readonly Sample[] } = {};
  for (const name of Object.keys(FAMILIES) as FamilyName[]) {
    if (lasting && FAMILIES[name].type === 'gauge') continue;
    const parts = readings.map(reading => reading[name]).filter(samples => samples !== undefined);
    if (parts.length === 1) {
      result[name] = parts[0]!;
      continue;
    }
    const sums = new Map<string, Sample>();
    for (const samples of parts) for (const sample of samples) add(sums, sample);
    result[name] = [...sums.values()];
  }
  return result;
}

function add(sums: Map<string, Sample>, sample: Sample): void {
  const [labels, value] = sample;
  const key = JSON.stringify(labels);
  const before = sums.get(key)?.[1];
  if (before === undefined) sums.set(key, [labels, typeof value === 'number' ? value : value.slice()]);
  else if (typeof before === 'number') sums.set(key, [labels, before + (value as number)]);
  else {
    // A copy of the first one.
    for (const [i, more] of (value as Float64Array).entries()) before[i]! += more;
  }
}
