import { MetricType } from '../plugin/services.ts';
import { BUCKETS, type GuestMetric } from './store/metrics.ts';

/** One line of Prometheus' text. */
export interface Line {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** A metric that guests defined, those of the same name and type in several filters together. */
export interface GuestFamily {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly lines: readonly Line[];
}

const TYPES = {
  [MetricType.COUNTER]: 'counter',
  [MetricType.GAUGE]: 'gauge',
  [MetricType.HISTOGRAM]: 'histogram',
} as const;

/**
 * Guests name metrics as they like, most often as Envoy does: with dots. What Prometheus doesn't allow becomes `_`;
 * counters end in `_total`.
 */
function nameOf({ name, type }: GuestMetric): string {
  const legal = `weir_custom_${name.replace(/[^a-zA-Z0-9_]/g, '_')}`;
  return type === MetricType.COUNTER && !legal.endsWith('_total') ? `${legal}_total` : legal;
}

/** A gauge that went below 0 is a number near 2^64 to the ABI, which has unsigned ones. */
function numberOf(value: bigint, signed: boolean): number {
  return Number(signed ? BigInt.asIntN(64, value) : value);
}

function* linesOf(metricName: string, metric: GuestMetric): Generator<Line> {
  const labels = { filter: metric.filter };
  if (metric.type !== MetricType.HISTOGRAM) {
    yield { metricName, labels, value: numberOf(metric.value, metric.type === MetricType.GAUGE) };
    return;
  }
  let count = 0n;
  for (const [i, bound] of BUCKETS.entries()) {
    count += metric.buckets[i]!;
    yield { metricName: `${metricName}_bucket`, labels: { ...labels, le: bound }, value: Number(count) };
  }
  yield {
    metricName: `${metricName}_bucket`,
    labels: { ...labels, le: '+Inf' },
    value: Number(metric.count),
  };
  yield { metricName: `${metricName}_sum`, labels, value: Number(metric.sum) };
  yield { metricName: `${metricName}_count`, labels, value: Number(metric.count) };
}

/** Names of the lines that a metric has: nothing else may have them. */
function seriesOf(name: string, type: MetricType): string[] {
  return type === MetricType.HISTOGRAM ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
}

/** For Prometheus. Where names come out the same, the later one has its type, and a number if need be, added. */
export function guestFamilies(metrics: Iterable<GuestMetric>): GuestFamily[] {
  const families = new Map<string, { type: MetricType; filters: Set<string>; lines: Line[] }>();
  const taken = new Set<string>();
  /** By filter, type and name, how many it was that came out the same: a guest could think of a thousand. */
  const same = new Map<string, number>();
  // The same each time.
  const order = (a: GuestMetric, b: GuestMetric) =>
    a.type - b.type || (a.filter < b.filter ? -1 : a.filter > b.filter ? 1 : a.name < b.name ? -1 : 1);
  for (const metric of [...metrics].sort(order)) {
    const name = freeName(metric);
    const { type, filter } = metric;
    const family = families.get(name) ?? { type, filters: new Set(), lines: [] };
    families.set(name, family);
    for (const series of seriesOf(name, type)) taken.add(series);
    family.filters.add(filter);
    family.lines.push(...linesOf(name, metric));
  }
  return [...families].map(([name, { type, lines }]) => ({ name, type: TYPES[type], lines }));

  function freeName(metric: GuestMetric): string {
    const { type, filter } = metric;
    const wanted = nameOf(metric);
    const key = `${type} ${wanted} ${filter}`;
    for (let i = same.get(key) ?? 1; ; i++) {
      const name = i === 1 ? wanted : `${wanted}_${TYPES[type]}${i === 2 ? '' : i - 1}`;
      const family = families.get(name);
      const fits = family && family.type === type && !family.filters.has(filter);
      if (!fits && seriesOf(name, type).some(series => taken.has(series))) continue;
      same.set(key, i + 1);
      return name;
    }
  }
}
