import { MetricType, Status } from '../abi/types.ts';
import { FULL, MISMATCH } from './services.ts';
import type { PluginState } from './state.ts';

interface Metric {
  readonly type: MetricType;
  readonly cell: number;
}

/** The metrics that a VM has defined: its ids count from 1. */
export class MetricTable {
  readonly #metrics: Metric[] = [];
  /** By filter and name: a filter's metric is its own, also where filters share a VM. */
  readonly #ids = new Map<string, number>();

  /** The id, or a status negated. */
  define({ name: filter, services, limits, counters }: PluginState, type: MetricType, name: string): number {
    const key = `${filter}\0${name}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return this.#metrics[known - 1]!.type === type ? known : -Status.BAD_ARGUMENT;
    const cell = services.metrics.define(filter, type, name, limits.metrics);
    if (cell === FULL) counters.limitHits.metrics++;
    if (cell === FULL || cell === MISMATCH) return -Status.BAD_ARGUMENT;
    const id = this.#metrics.push({ type, cell });
    this.#ids.set(key, id);
    return id;
  }

  record({ services }: PluginState, id: number, value: bigint): Status {
    const metric = this.#metrics[id - 1];
    if (metric === undefined) return Status.NOT_FOUND;
    services.metrics.record(metric.cell, value);
    return Status.OK;
  }

  increment({ services }: PluginState, id: number, offset: bigint): Status {
    const metric = this.#metrics[id - 1];
    if (metric === undefined) return Status.NOT_FOUND;
    if (metric.type === MetricType.HISTOGRAM) return Status.BAD_ARGUMENT;
    if (metric.type === MetricType.COUNTER && offset < 0n) return Status.BAD_ARGUMENT;
    services.metrics.increment(metric.cell, offset);
    return Status.OK;
  }

  value({ services }: PluginState, id: number): bigint | Status {
    const metric = this.#metrics[id - 1];
    if (metric === undefined) return Status.NOT_FOUND;
    return metric.type === MetricType.HISTOGRAM ? Status.BAD_ARGUMENT : services.metrics.value(metric.cell);
  }
}
