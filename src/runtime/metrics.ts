import type { CollectFunction, Counter, Gauge, Registry } from 'prom-client';
import type { FilterCounters } from '../plugin/counters.ts';
import type { Loader } from './filter-source.ts';

/** One value of a metric: its labels, in the order of their names, and the number. */
type Sample = readonly [labels: readonly string[], value: number];

/** `failures`, by kind. */
const FAILURES = {
  trap: 'traps',
  interruption: 'interruptions',
  exit: 'exits',
  host_fault: 'hostFaults',
  start: 'startFailures',
} as const satisfies Record<string, keyof FilterCounters>;

/**
 * Weir's own metrics, in the text format of Prometheus. The hot path counts in plain numbers; they are read only when
 * somebody asks, and prom-client is loaded only then.
 */
export class Metrics {
  readonly #loader: Loader;
  #registry: Promise<Registry> | undefined;

  constructor(loader: Loader) {
    this.#loader = loader;
  }

  /** All metrics now. */
  async text(): Promise<string> {
    this.#registry ??= this.#make();
    return (await this.#registry).metrics();
  }

  async #make(): Promise<Registry> {
    // CommonJS, made of getters: what Node can see of its names depends on its version.
    const { default: prom } = await import('prom-client');
    const registry = new prom.Registry();
    const { cache, registry: vms } = this.#loader;
    const define = (
      type: 'counter' | 'gauge',
      name: string,
      help: string,
      labelNames: readonly string[],
      samples: () => Iterable<Sample>,
    ) => {
      const collect: CollectFunction<Counter | Gauge> = function () {
        this.reset();
        for (const [labels, value] of samples()) {
          this.inc(Object.fromEntries(labelNames.map((label, i) => [label, labels[i]!])), value);
        }
      };
      const options = { name: `weir_${name}`, help, labelNames, registers: [registry], collect };
      if (type === 'counter') new prom.Counter(options);
      else new prom.Gauge(options);
    };
    const filters = function* (read: (counters: FilterCounters) => number): Iterable<Sample> {
      for (const [name, { counters }] of vms.states) yield [[name], read(counters)];
    };
    const perFilter = (
      name: string,
      help: string,
      key: 'vmsStarted' | 'skipped' | 'refused' | 'poolMisses',
    ) =>
      define('counter', `filter_${name}_total`, help, ['filter'], () => filters(counters => counters[key]));

    perFilter('vms_started', 'VMs started.', 'vmsStarted');
    perFilter('skipped', 'Streams that went on without the filter (onFailure: open).', 'skipped');
    perFilter('refused', 'Streams that found the filter down.', 'refused');
    perFilter('pool_misses', 'Streams that found no VM ready (isolation: request).', 'poolMisses');
    define(
      'counter',
      'filter_failures_total',
      'Deaths of VMs, and VMs that did not start.',
      ['filter', 'kind'],
      function* () {
        for (const [name, { counters }] of vms.states) {
          for (const [kind, key] of Object.entries(FAILURES)) yield [[name, kind], counters[key]];
        }
      },
    );
    define(
      'counter',
      'filter_limit_hits_total',
      'Limits that the filter reached.',
      ['filter', 'limit'],
      function* () {
        for (const [name, { counters }] of vms.states) {
          for (const [limit, hits] of Object.entries(counters.limitHits)) yield [[name, limit], hits];
        }
      },
    );
    define('gauge', 'filter_contexts', 'Stream contexts that live.', ['filter'], () =>
      filters(c => c.contexts),
    );
    define('gauge', 'filter_vms', 'VMs shared or ready.', ['filter'], () => vms.usage(list => list.length));
    define('gauge', 'filter_memory_bytes', 'Linear memory of those VMs.', ['filter'], () =>
      vms.usage(list => list.reduce((sum, vm) => sum + vm.memorySize, 0)),
    );

    const { stats } = cache;
    const once = (type: 'counter' | 'gauge', name: string, help: string, read: () => number) =>
      define(type, `module_cache_${name}`, help, [], () => [[[], read()]]);
    once('counter', 'hits_total', 'Modules asked for that were there.', () => stats.hits);
    once('counter', 'misses_total', 'Modules asked for that had to be compiled.', () => stats.misses);
    once('counter', 'evictions_total', 'Modules that had to go for others.', () => stats.evictions);
    once(
      'counter',
      'compile_seconds_total',
      'Time from bytes to compiled modules.',
      () => stats.compileTime / 1000,
    );
    once('gauge', 'modules', 'Compiled modules kept.', () => cache.size);
    once('gauge', 'bytes', 'Code of the modules kept.', () => cache.bytes);
    return registry;
  }
}
